#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/intake/filename.h"
#include "controller/certdrop/intake/inlet.h"
#include "controller/certdrop/intake/take.h"

/* TRIES: so often may a generation be replaced under a scan before it is put off. */
enum { TRIES = 5, TARGETS_MAX = 8, FIRST_RETRY_MS = 50, LAST_RETRY_MS = 2000 };

struct candidate {
	char name[NAME_MAX + 1];
	long long arrived_ns;
	bool link, dangling;
};

/* The latest to arrive, the latest first. */
struct selection {
	struct candidate **items;
	size_t count, size, passed;
	struct arena *arena;
};

void harvest_done(struct harvest *harvest)
{
	for (size_t i = 0; i < harvest->count; i++)
		owned_close(&harvest->items[i].fd);
	arena_free(harvest->arena);
	*harvest = (struct harvest){ 0 };
}

static void select_latest(void *context, const struct sighting *sighting)
{
	struct selection *selection = context;
	const long long arrived = arrival_of(&sighting->status);
	struct candidate *candidate;
	size_t at = selection->count;

	while (at > 0 && selection->items[at - 1]->arrived_ns < arrived)
		at--;
	if (selection->count == selection->size) {
		selection->passed++;
		if (at == selection->count)
			return;
		candidate = selection->items[--selection->count];
	} else {
		candidate = arena_new_of(selection->arena, struct candidate);
	}
	memmove(selection->items + at + 1, selection->items + at,
			(selection->count - at) * sizeof(*selection->items));
	selection->items[at] = candidate;
	selection->count++;
	(void)snprintf(candidate->name, sizeof(candidate->name), "%s", sighting->name);
	candidate->arrived_ns = arrived;
	candidate->link = sighting->link;
	candidate->dangling = sighting->dangling;
}

/* ---- may the directory be used? ---- */

static bool owner_trusted(const struct inlet *inlet, uid_t owner)
{
	const struct inlet_policy *policy = &inlet->policy;

	if (owner == 0 || owner == geteuid())
		return true;
	for (size_t i = 0; i < policy->owner_count; i++) {
		if (policy->owners[i] == owner)
			return true;
	}
	return false;
}

/* Whoever may rename or remove what others dropped could exchange it. */
static bool check_directory(const struct inlet *inlet, struct stat *status, struct error *error)
{
	if (fstat(inlet->held, status) < 0)
		return fail(error, ERROR_RETRY, "%s: %s", inlet->path, strerror(errno));
	if (!inlet->drop || inlet->policy.allow_insecure)
		return true;
	if (!owner_trusted(inlet, status->st_uid))
		return fail(error, ERROR_CONFIG, "%s is insecure: it belongs to user %u",
				inlet->path, status->st_uid);
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) && !(status->st_mode & S_ISVTX))
		return fail(error, ERROR_CONFIG,
				"%s is insecure: others may write to it (mode %04o) and it has no sticky bit",
				inlet->path, status->st_mode & 07777);
	return true;
}

/* ---- where links lead ---- */

static bool contains(const char *const *paths, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(paths[i], path) == 0)
			return true;
	}
	return false;
}

/* The directory that a link names, from the root; NULL: the one that the link is in, or
 * one that cannot be beneath the root. */
static const char *target_directory(
		struct arena *arena, int directory, const char *prefix, const char *name)
{
	char text[PATH_MAX];
	const ssize_t length = readlinkat(directory, name, text, sizeof(text) - 1);
	char *slash;

	if (length <= 0 || text[0] == '/')
		return NULL;
	text[length] = '\0';
	slash = strrchr(text, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return arena_printf(arena, "%s%s%s", prefix, *prefix ? "/" : "", text);
}

/* A link's target can be rewritten where it lies, and its own directory tells nothing of
 * that (certbot's ../../archive). */
static void watch_links(struct inlet *inlet, const struct selection *selection, int directory,
		const char *prefix)
{
	const char *paths[TARGETS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < selection->count && count < TARGETS_MAX; i++) {
		const struct candidate *candidate = selection->items[i];
		const char *path = NULL;

		if (candidate->link && !inlet->drop)
			path = target_directory(
					selection->arena, directory, prefix, candidate->name);
		if (path && !contains(paths, count, path))
			paths[count++] = path;
	}
	inlet_watch_targets(inlet, paths, count);
}

/* ---- taking ---- */

static bool is_shown(const struct harvest *harvest, const char *shown)
{
	for (size_t i = 0; i < harvest->count; i++)
		if (strcmp(harvest->items[i].shown, shown) == 0)
			return true;
	return false;
}

/* What is said of a file is said of the name as it is shown, so no other one may look like it. */
static const char *shown_alone(const struct harvest *harvest, const char *name)
{
	const char *alike = filename_shown(harvest->arena, name);
	const char *shown = alike;

	for (unsigned number = 2; is_shown(harvest, shown); number++)
		shown = arena_printf(harvest->arena, "%s (%u)", alike, number);
	return shown;
}

static void take_one(struct take *take, const struct candidate *candidate, struct harvest *harvest)
{
	struct taken *taken = &harvest->items[harvest->count];

	*taken = (struct taken){ .fd = -1, .arrived_ns = candidate->arrived_ns };
	taken->entry.name = arena_copy(harvest->arena, candidate->name);
	taken->shown = shown_alone(harvest, candidate->name);
	if (candidate->dangling) {
		taken->state = TAKEN_REFUSED;
		taken->reason = arena_printf(harvest->arena,
				"%s is a symbolic link that leads nowhere", taken->shown);
		harvest->count++;
		return;
	}
	if (take_file(take, taken))
		harvest->count++;
	if (taken->state == TAKEN_GROWING && taken->reason)
		harvest->retry_ms = FIRST_RETRY_MS;
}

static void take_selected(struct inlet *inlet, const struct stat *status, const struct view *view,
		const struct selection *selection, struct harvest *harvest)
{
	const char *prefix = inlet->prefix;
	struct take take = {
		.beneath = { .root = inlet_root(inlet),
				.links = !inlet->drop,
				.one_file_system = inlet->drop },
		.root_path = inlet->policy.root ? inlet->policy.root : inlet->path,
		.policy = &inlet->policy,
		.drop = inlet->drop,
		.directory_owner = status->st_uid,
		.left = inlet->policy.bytes,
		.arena = harvest->arena,
	};
	const struct intake_calls *calls = intake_get_calls(inlet->intake);

	take.beneath.without_openat2 = calls && calls->without_openat2;
	if (view->generation_name)
		prefix = arena_printf(harvest->arena, "%s%s%s", prefix, *prefix ? "/" : "",
				view->generation_name);
	take.prefix = prefix;
	watch_links(inlet, selection, view->look.directory, prefix);
	harvest->items = arena_new_many(harvest->arena, struct taken, selection->count + 1);
	for (size_t i = 0; i < selection->count; i++)
		take_one(&take, selection->items[i], harvest);
	intake_count_files(inlet->intake, selection->count);
}

static void note_left_out(struct inlet *inlet, const struct view *view,
		const struct selection *selection, struct harvest *harvest)
{
	harvest->left_out = selection->passed;
	if (view->look.cut_short)
		harvest->left_out_reason = arena_printf(harvest->arena,
				"%s has more than %zu entries, and those beyond are not looked at",
				inlet->path, inlet->policy.entries);
	else if (selection->passed > 0)
		harvest->left_out_reason = arena_printf(harvest->arena,
				"%zu older files in %s are left out: at most %zu are taken",
				selection->passed, inlet->path, inlet->policy.files);
}

/* A mark of all that the harvest says. */
static struct mark mark_of_harvest(const struct harvest *harvest)
{
	struct mark mark = { 0 };

	for (size_t i = 0; i < harvest->count; i++) {
		const struct taken *taken = &harvest->items[i];
		const struct identity *identity = &taken->entry.identity;

		mark_add_text(&mark,
				arena_printf(harvest->arena, "%llu %llu %lld %lld %s %s/%s",
						(unsigned long long)identity->device,
						(unsigned long long)identity->inode,
						identity->modified_ns, identity->changed_ns,
						taken->state == TAKEN_COPY ? taken->digest.hex
									   : taken->reason,
						taken->open_for_writing ? "open" : "closed",
						taken->entry.name));
	}
	return mark;
}

/* What is the same as at the last scan although it had to be read again is no news. */
static void conclude(struct inlet *inlet, const struct view *view, struct harvest *harvest)
{
	const struct mark taken = mark_of_harvest(harvest);
	const bool same = inlet->scanned && taken.all == inlet->taken.all &&
			view->look.mark.all == inlet->seen.all;
	bool open_for_writing = false;

	for (size_t i = 0; i < harvest->count; i++)
		open_for_writing |= harvest->items[i].open_for_writing;
	if (harvest->retry_ms > 0) {
		harvest->retry_ms = inlet->retry_ms ? 2 * inlet->retry_ms : FIRST_RETRY_MS;
		if (harvest->retry_ms > LAST_RETRY_MS)
			harvest->retry_ms = LAST_RETRY_MS;
	}
	inlet->retry_ms = harvest->retry_ms;
	inlet->scanned = true;
	inlet->seen = view->look.mark;
	inlet->taken = taken;
	inlet->unsettled = view->look.unsettled || open_for_writing || harvest->retry_ms > 0;
	harvest->changed = !same || harvest->retry_ms > 0;
}

enum attempt { ATTEMPT_DONE, ATTEMPT_UNCHANGED, ATTEMPT_OVERTAKEN, ATTEMPT_FAILED };

static enum attempt attempt(struct inlet *inlet, const struct stat *status, struct harvest *harvest,
		struct error *error)
{
	struct selection selection = { .size = inlet->policy.files };
	autodone(view) struct view view = { .generation = -1, .anew = -1 };

	harvest->arena = selection.arena = arena_new();
	selection.items = arena_new_many(
			selection.arena, struct candidate *, inlet->policy.files + 1);
	view.look.see = select_latest;
	view.look.context = &selection;
	if (!inlet_view(inlet, &view, error))
		return view_is_current(inlet, &view) ? ATTEMPT_FAILED : ATTEMPT_OVERTAKEN;
	if (inlet->scanned && !inlet->unsettled && view.look.mark.all == inlet->seen.all)
		return ATTEMPT_UNCHANGED;
	take_selected(inlet, status, &view, &selection, harvest);
	if (!view_is_current(inlet, &view))
		return ATTEMPT_OVERTAKEN;
	if (view.generation_name)
		harvest->generation = arena_copy(harvest->arena, view.generation_name);
	note_left_out(inlet, &view, &selection, harvest);
	conclude(inlet, &view, harvest);
	return harvest->changed ? ATTEMPT_DONE : ATTEMPT_UNCHANGED;
}

static bool scan(struct inlet *inlet, struct harvest *harvest, struct error *error)
{
	struct stat status;
	bool opened;

	if (!inlet_refresh(inlet, &opened, error) || !check_directory(inlet, &status, error))
		return false;
	for (int tries = 0; tries < TRIES; tries++) {
		switch (attempt(inlet, &status, harvest, error)) {
		case ATTEMPT_DONE:
			return true;
		case ATTEMPT_UNCHANGED:
			harvest_done(harvest);
			return true;
		case ATTEMPT_FAILED:
			return false;
		case ATTEMPT_OVERTAKEN:
			harvest_done(harvest);
		}
	}
	return fail(error, ERROR_RETRY, "%s: ..data is replaced all the time", inlet->path);
}

bool inlet_scan(struct inlet *inlet, struct harvest *harvest, struct error *error)
{
	if (scan(inlet, harvest, error)) {
		inlet_set_trouble(inlet, NULL);
		return true;
	}
	harvest_done(harvest);
	inlet->scanned = false;
	inlet_set_trouble(inlet, error->text);
	return false;
}
