#define _GNU_SOURCE
#include "controller/apply/leash.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "controller/apply/lease/fuse.h"
#include "controller/base/log.h"

static atomic_bool loose;
static atomic_llong length_ms;
static int held_by;

static void *wait_for_end(void *fuse)
{
	struct pollfd controller = { .fd = held_by, .events = POLLRDHUP };
	struct error error;

	while (poll(&controller, 1, -1) < 0 && errno == EINTR)
		;
	atomic_store(&loose, true);
	if (!fuse_light(fuse, fuse_now() + atomic_load(&length_ms) + LEASH_SLACK_MS, &error))
		log_warning("certdrop-apply: %s", error.text);
	return NULL;
}

bool leash_tie(int controller, struct error *error)
{
	static struct fuse fuse;
	pthread_attr_t detached;
	pthread_t thread;
	int failed;

	held_by = controller;
	(void)pthread_attr_init(&detached);
	(void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	failed = pthread_create(&thread, &detached, wait_for_end, &fuse);
	(void)pthread_attr_destroy(&detached);
	return !failed || fail(error, ERROR_RETRY, "thread: %s", strerror(failed));
}

void leash_lengthen(long long milliseconds)
{
	atomic_store(&length_ms, milliseconds);
}

bool leash_is_loose(void)
{
	return atomic_load(&loose);
}
