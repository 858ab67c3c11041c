#include "controller/certdrop/intake/intake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "controller/certdrop/intake/inlet.h"

enum { RESCAN_MS = 30000, POLL_MS = 2000 };

struct intake {
	long rescan_ms, poll_ms;
	const struct intake_calls *calls;
	struct watches watches;
	struct inlet **inlets;
	size_t count, size;
	struct inlet *first_dirty, *last_dirty;
	char *trouble;
	struct intake_counters counters;
};

struct watches *intake_watches(struct intake *intake)
{
	return &intake->watches;
}

const struct intake_calls *intake_get_calls(const struct intake *intake)
{
	return intake->calls;
}

long intake_poll_ms(const struct intake *intake)
{
	return intake->poll_ms;
}

void intake_count_files(struct intake *intake, size_t count)
{
	intake->counters.files += count;
}

/* ---- life ---- */

static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void open_watches(struct intake *intake)
{
	char text[ERROR_TEXT_SIZE + 64];
	struct error error;

	free(intake->trouble);
	intake->trouble = NULL;
	if (watches_open(&intake->watches, &error))
		return;
	(void)snprintf(text, sizeof(text), "%s; all directories are polled every %ld ms",
			error.text, intake->poll_ms);
	intake->trouble = strdup(text);
	assert(intake->trouble);
}

struct intake *intake_new(const struct intake_settings *settings)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	assert(intake);
	intake->rescan_ms = settings && settings->rescan_ms ? settings->rescan_ms : RESCAN_MS;
	intake->poll_ms = settings && settings->poll_ms ? settings->poll_ms : POLL_MS;
	intake->calls = settings ? settings->calls : NULL;
	allow_many_files();
	watches_init(&intake->watches, intake->calls);
	open_watches(intake);
	return intake;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	while (intake->count > 0)
		intake_remove(intake, intake->inlets[intake->count - 1]);
	watches_done(&intake->watches);
	free(intake->inlets);
	free(intake->trouble);
	free(intake);
}

int intake_fd(const struct intake *intake)
{
	return intake->watches.fd;
}

/* ---- the dirty ones, in a queue ---- */

static void make_dirty(struct inlet *inlet)
{
	struct intake *intake = inlet->intake;

	if (inlet->dirty)
		return;
	inlet->dirty = true;
	inlet->next_dirty = NULL;
	inlet->before_dirty = intake->last_dirty;
	if (intake->last_dirty)
		intake->last_dirty->next_dirty = inlet;
	else
		intake->first_dirty = inlet;
	intake->last_dirty = inlet;
}

static void make_clean(struct inlet *inlet)
{
	struct intake *intake = inlet->intake;

	if (!inlet->dirty)
		return;
	if (inlet->before_dirty)
		inlet->before_dirty->next_dirty = inlet->next_dirty;
	else
		intake->first_dirty = inlet->next_dirty;
	if (inlet->next_dirty)
		inlet->next_dirty->before_dirty = inlet->before_dirty;
	else
		intake->last_dirty = inlet->before_dirty;
	inlet->dirty = false;
}

struct inlet *intake_next_dirty(struct intake *intake)
{
	struct inlet *inlet = intake->first_dirty;

	if (inlet)
		make_clean(inlet);
	return inlet;
}

void inlet_mark(struct inlet *inlet)
{
	inlet->scanned = false;
	make_dirty(inlet);
}

/* ---- adding and removing ---- */

static struct inlet *add(struct intake *intake, const char *path, bool drop,
		const struct inlet_policy *policy, void *context)
{
	struct inlet *inlet = inlet_new(intake, path, drop, policy, context);
	struct error error;
	bool opened;

	if (intake->count == intake->size) {
		intake->size = intake->size ? 2 * intake->size : 16;
		intake->inlets = realloc(intake->inlets, intake->size * sizeof(struct inlet *));
		assert(intake->inlets);
	}
	inlet->index = intake->count;
	intake->inlets[intake->count++] = inlet;
	/* What is wrong is kept with the inlet. */
	(void)!inlet_refresh(inlet, &opened, &error);
	make_dirty(inlet);
	return inlet;
}

struct inlet *intake_add_drop(struct intake *intake, const char *path,
		const struct inlet_policy *policy, void *context)
{
	return add(intake, path, true, policy, context);
}

struct inlet *intake_add_source(struct intake *intake, const char *path,
		const struct inlet_policy *policy, void *context)
{
	return add(intake, path, false, policy, context);
}

void intake_remove(struct intake *intake, struct inlet *inlet)
{
	struct inlet *last = intake->inlets[--intake->count];

	make_clean(inlet);
	intake->inlets[inlet->index] = last;
	last->index = inlet->index;
	inlet_free(inlet);
}

/* ---- events and rescans ---- */

static void hear(void *who, uint32_t mask, const char *name, bool named)
{
	struct inlet *inlet = who;

	if (inlet_hear(inlet, mask, name, named))
		make_dirty(inlet);
}

void intake_drain(struct intake *intake)
{
	if (watches_drain(&intake->watches, hear))
		return;
	intake->counters.overflows++;
	for (size_t i = 0; i < intake->count; i++) {
		/* What was waited for may be among what is gone. */
		intake->inlets[i]->suspect = UNHEARD_NOTHING;
		make_dirty(intake->inlets[i]);
	}
}

static void rescan_one(struct intake *intake, struct inlet *inlet)
{
	autodone(view) struct view view = { .generation = -1, .anew = -1 };
	struct error error;
	bool opened;

	intake->counters.silent_changes += inlet_confirm(inlet);
	inlet_watch_again(inlet);
	if (inlet->dirty)
		return;
	if (!inlet_refresh(inlet, &opened, &error) || opened || !inlet->scanned ||
			inlet->unsettled) {
		intake->counters.reopened += opened;
		make_dirty(inlet);
		return;
	}
	if (!inlet_view(inlet, &view, &error)) {
		make_dirty(inlet);
		return;
	}
	if (view.look.mark.names != inlet->seen.names)
		inlet_suspect(inlet, UNHEARD_CHANGE);
	if (view.look.mark.all != inlet->seen.all)
		make_dirty(inlet);
}

void intake_rescan(struct intake *intake)
{
	intake->counters.rescans++;
	open_watches(intake);
	intake_drain(intake);
	for (size_t i = 0; i < intake->count; i++)
		rescan_one(intake, intake->inlets[i]);
}

long intake_rescan_ms(const struct intake *intake)
{
	if (intake->watches.fd < 0)
		return intake->poll_ms;
	for (size_t i = 0; i < intake->count; i++) {
		if (inlet_wants_polling(intake->inlets[i]))
			return intake->poll_ms < intake->rescan_ms ? intake->poll_ms
								   : intake->rescan_ms;
	}
	return intake->rescan_ms;
}

const char *intake_degraded(const struct intake *intake)
{
	return intake->trouble;
}

struct intake_counters intake_counters(const struct intake *intake)
{
	struct intake_counters counters = intake->counters;

	counters.events = intake->watches.events;
	counters.inlets = intake->count;
	counters.watches = intake->watches.count;
	return counters;
}

/* ---- one of them ---- */

void *inlet_context(const struct inlet *inlet)
{
	return inlet->context;
}

int inlet_directory(const struct inlet *inlet)
{
	return inlet->drop ? inlet->held : -1;
}

const char *inlet_degraded(const struct inlet *inlet)
{
	if (inlet->trouble)
		return inlet->trouble;
	if (inlet->distrust == UNHEARD_CHANGE)
		return "changes came without events: polled";
	if (inlet->distrust == UNHEARD_MOVE)
		return "it became another directory without an event (something above it was "
		       "renamed, or something mounted over it): polled";
	if (inlet->watch_trouble)
		return inlet->watch_trouble;
	if (inlet->remote)
		return "on a file system where not every change gives an event: polled";
	return NULL;
}
