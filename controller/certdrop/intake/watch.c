#include "controller/certdrop/intake/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "controller/base/owned.h"
#include "controller/certdrop/intake/intake.h"

/* MODIFY is left out: it is noise, and comes coalesced. What only it would show (a
 * truncate by path) is found by rescans. */
static const uint32_t wanted = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
		IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

/* BUCKETS: a power of two; at 10,000 inlets a chain has two or three. READS bounds one
 * drain, so that a flood of events cannot keep the loop: the descriptor stays readable. */
enum { BUCKETS = 8192, READ_SIZE = 64 * 1024, READS = 64 };

struct watch {
	int number; /* inotify's descriptor for it; the kernel does not soon give it again */
	struct listener *first;
	struct watch *next;
};

struct listener {
	struct watch *watch; /* NULL: the kernel took it back */
	char *name; /* NULL: all names */
	void *who;
	struct listener *next_of_owner, *next_in_bucket;
	struct listener *next_in_watch, *before_in_watch;
};

static int real_init(int flags)
{
	return inotify_init1(flags);
}

static int real_add_watch(int fd, const char *path, uint32_t mask)
{
	return inotify_add_watch(fd, path, mask);
}

void watches_init(struct watches *watches, const struct intake_calls *calls)
{
	*watches = (struct watches){ .fd = -1, .calls = calls };
	watches->by_number = calloc(BUCKETS, sizeof(struct watch *));
	watches->by_name = calloc(BUCKETS, sizeof(struct listener *));
	assert(watches->by_number && watches->by_name);
}

void watches_done(struct watches *watches)
{
	/* Whoever listened has left: see inlet_free(). */
	assert(watches->count == 0);
	owned_close(&watches->fd);
	free(watches->by_number);
	free(watches->by_name);
	*watches = (struct watches){ .fd = -1 };
}

bool watches_open(struct watches *watches, struct error *error)
{
	const struct intake_calls *calls = watches->calls;

	if (watches->fd >= 0)
		return true;
	watches->fd = (calls && calls->inotify_init ? calls->inotify_init : real_init)(
			IN_NONBLOCK | IN_CLOEXEC);
	if (watches->fd < 0)
		return fail(error, ERROR_RETRY, "inotify: %s", strerror(errno));
	return true;
}

static struct watch **number_bucket(struct watches *watches, int number)
{
	return &watches->by_number[(unsigned)number % BUCKETS];
}

static struct listener **name_bucket(struct watches *watches, int number, const char *name)
{
	size_t hash = (size_t)number * 0x9e3779b9U;

	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
	return &watches->by_name[(hash ^ hash >> 29) % BUCKETS];
}

static struct watch *watch_find(struct watches *watches, int number)
{
	struct watch *watch = *number_bucket(watches, number);

	while (watch && watch->number != number)
		watch = watch->next;
	return watch;
}

static struct watch *watch_new(struct watches *watches, int number)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct watch **bucket = number_bucket(watches, number);

	assert(watch);
	watch->number = number;
	watch->next = *bucket;
	*bucket = watch;
	watches->count++;
	return watch;
}

static void watch_free(struct watches *watches, struct watch *watch)
{
	struct watch **at = number_bucket(watches, watch->number);

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	free(watch);
	watches->count--;
}

/* A full table of watches says ENOSPC, which reads like a full disk. */
static const char *watch_trouble(int number)
{
	if (number == ENOSPC)
		return "no more watches (fs.inotify.max_user_watches)";
	return strerror(number);
}

bool watches_listen(struct watches *watches, int directory, const char *name,
		struct listener **listeners, void *who, struct error *error)
{
	const struct intake_calls *calls = watches->calls;
	struct listener *listener, **bucket;
	char path[32];
	int number;

	if (watches->fd < 0)
		return fail(error, ERROR_RETRY, "no inotify");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	number = (calls && calls->inotify_add_watch ? calls->inotify_add_watch : real_add_watch)(
			watches->fd, path, wanted);
	if (number < 0)
		return fail(error, ERROR_RETRY, "inotify: %s", watch_trouble(errno));

	listener = calloc(1, sizeof(*listener));
	assert(listener);
	listener->watch = watch_find(watches, number);
	if (!listener->watch)
		listener->watch = watch_new(watches, number);
	listener->name = name ? strdup(name) : NULL;
	assert(!name || listener->name);
	listener->who = who;
	listener->next_of_owner = *listeners;
	*listeners = listener;
	listener->next_in_watch = listener->watch->first;
	if (listener->next_in_watch)
		listener->next_in_watch->before_in_watch = listener;
	listener->watch->first = listener;
	bucket = name_bucket(watches, number, name ? name : "");
	listener->next_in_bucket = *bucket;
	*bucket = listener;
	return true;
}

/* Out of its watch and the table; the owner's list still has it. */
static void listener_detach(struct watches *watches, struct watch *watch, struct listener *listener)
{
	struct listener **at =
			name_bucket(watches, watch->number, listener->name ? listener->name : "");

	while (*at != listener)
		at = &(*at)->next_in_bucket;
	*at = listener->next_in_bucket;
	if (listener->before_in_watch)
		listener->before_in_watch->next_in_watch = listener->next_in_watch;
	else
		watch->first = listener->next_in_watch;
	if (listener->next_in_watch)
		listener->next_in_watch->before_in_watch = listener->before_in_watch;
	listener->watch = NULL;
}

/* A watch to which nobody listens any more is given up. */
static void stop_listening(struct watches *watches, struct watch *watch, struct listener *listener)
{
	listener_detach(watches, watch, listener);
	if (watch->first)
		return;
	(void)inotify_rm_watch(watches->fd, watch->number);
	watch_free(watches, watch);
}

void watches_leave(struct watches *watches, struct listener **listeners)
{
	while (*listeners) {
		struct listener *listener = *listeners;

		*listeners = listener->next_of_owner;
		if (listener->watch)
			stop_listening(watches, listener->watch, listener);
		free(listener->name);
		free(listener);
	}
}

static void tell_matching(struct watches *watches, const struct watch *watch,
		const struct inotify_event *event, const char *name, watches_hear *hear)
{
	const char *wanted_name = name ? name : "";
	struct listener *listener = *name_bucket(watches, watch->number, wanted_name);

	for (; listener; listener = listener->next_in_bucket) {
		if (listener->watch != watch || !listener->name != !name)
			continue;
		if (!name || strcmp(listener->name, name) == 0)
			hear(listener->who, event->mask, event->len ? event->name : "",
					name != NULL);
	}
}

static void tell_all(const struct watch *watch, uint32_t mask, watches_hear *hear)
{
	for (struct listener *listener = watch->first; listener; listener = listener->next_in_watch)
		hear(listener->who, mask, "", listener->name != NULL);
}

static void take_back(struct watches *watches, struct watch *watch)
{
	while (watch->first)
		listener_detach(watches, watch, watch->first);
	watch_free(watches, watch);
}

static void tell(struct watches *watches, const struct inotify_event *event, watches_hear *hear)
{
	struct watch *watch = watch_find(watches, event->wd);

	/* Events of a watch that was given up may still be queued. */
	if (!watch)
		return;
	if (event->len == 0) {
		tell_all(watch, event->mask, hear);
	} else {
		tell_matching(watches, watch, event, NULL, hear);
		tell_matching(watches, watch, event, event->name, hear);
	}
	if (event->mask & IN_IGNORED)
		take_back(watches, watch);
}

bool watches_drain(struct watches *watches, watches_hear *hear)
{
	_Alignas(struct inotify_event) char buffer[READ_SIZE];
	bool complete = true;

	for (int round = 0; watches->fd >= 0 && round < READS; round++) {
		const ssize_t length = read(watches->fd, buffer, sizeof(buffer));
		const char *at = buffer;

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			break;
		while (at < buffer + length) {
			const struct inotify_event *event = (const void *)at;

			watches->events++;
			if (event->mask & IN_Q_OVERFLOW)
				complete = false;
			else
				tell(watches, event, hear);
			at += sizeof(*event) + event->len;
		}
	}
	return complete;
}
