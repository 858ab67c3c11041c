#include "controller/certdrop/controller.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/answer/telling.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/feed/strays.h"
#include "controller/certdrop/intake/intake.h"
#include "controller/certdrop/pass/pass.h"
#include "controller/certdrop/pass/recovery.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/retention.h"
#include "controller/certdrop/state/store.h"
#include "controller/certdrop/turn.h"

/* ---- the queue ---- */

static void start_first_due(struct controller *controller)
{
	struct subject *subject = controller->first_due;

	controller->first_due = subject->next_due;
	if (!controller->first_due)
		controller->last_due = NULL;
	subject->next_due = NULL;
	subject->due = false;
	controller->passes++;
	pass_start(subject, PASS_RECONCILE, NULL, NULL);
}

/* A pass may end where it starts, and leave its place to the next: that one is not started from
 * within it, or thousands would be, on one stack. */
static void start_due(struct controller *controller)
{
	if (controller->starting)
		return;
	controller->starting = true;
	while (controller->first_due && controller->passes < (int)controller->config->workers &&
			!controller->begin_nothing)
		start_first_due(controller);
	controller->starting = false;
}

void controller_due(struct controller *controller, struct subject *subject)
{
	if (subject->pass) {
		if (!pass_go_on(subject->pass))
			subject->again = true;
		return;
	}
	if (subject->due || controller->mode == MODE_DRY)
		return;
	subject->due = true;
	if (controller->last_due)
		controller->last_due->next_due = subject;
	else
		controller->first_due = subject;
	controller->last_due = subject;
	start_due(controller);
}

void controller_expect(struct controller *controller, struct subject *subject)
{
	if (controller->mode != MODE_SERVICE || controller->begin_nothing || subject->pass ||
			subject->due || controller->passes >= (int)controller->config->workers)
		return;
	controller->passes++;
	pass_start(subject, PASS_AHEAD, NULL, NULL);
}

void controller_not_due(struct subject *subject)
{
	if (subject->pass)
		pass_call_off(subject->pass);
}

void controller_due_all(
		struct controller *controller, struct subject *const *subjects, size_t count)
{
	autoarena struct arena *arena = arena_new();
	bool *unfinished = arena_new_many(arena, bool, count + 1);
	const bool any = journal_has_open(controller->journal);

	for (size_t i = 0; any && i < count; i++)
		unfinished[i] = recovery_has_unfinished(subjects[i]);
	for (size_t i = 0; i < count; i++)
		if (unfinished[i])
			controller_due(controller, subjects[i]);
	for (size_t i = 0; i < count; i++)
		if (!unfinished[i])
			controller_due(controller, subjects[i]);
}

void controller_pass_ended(struct controller *controller)
{
	controller->passes--;
	start_due(controller);
	controller_ended(controller);
}

/* ---- telling ---- */

void controller_tell(struct controller *controller, struct subject *subject)
{
	struct observer *next;

	telling_log(subject);
	telling_receipt(subject);
	for (struct observer *o = controller->observers; o; o = next) {
		next = o->next;
		o->changed(o, subject);
	}
}

void controller_ended(struct controller *controller)
{
	struct observer *next;

	for (struct observer *o = controller->observers; o; o = next) {
		next = o->next;
		o->changed(o, NULL);
	}
}

void controller_observe(struct controller *controller, struct observer *observer)
{
	observer->next = controller->observers;
	controller->observers = observer;
}

void controller_unobserve(struct controller *controller, struct observer *observer)
{
	struct observer **link = &controller->observers;

	while (*link && *link != observer)
		link = &(*link)->next;
	if (*link)
		*link = observer->next;
}

/* ---- looking at the directories ---- */

static void scan_dirty(struct controller *controller)
{
	struct inlet *inlet;

	while ((inlet = intake_next_dirty(controller->intake)))
		feed_scan(inlet_context(inlet));
	controller_ended(controller);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	struct controller *controller = poll->data;

	(void)status;
	(void)events;
	intake_drain(controller->intake);
	scan_dirty(controller);
}

/* What was refused or held by a clock that was wrong has not changed: it is looked into again all
 * the same, and every target with it. */
static void judge_anew(struct controller *controller)
{
	log_info("the clock was set: everything is judged anew");
	for (size_t i = 0; i < controller->feed_count; i++)
		feed_forget(controller->feeds[i]);
	controller_due_all(controller, controller->subjects, controller->subject_count);
}

static void on_rescan(uv_timer_t *timer)
{
	struct controller *controller = timer->data;

	if (clock_was_set())
		judge_anew(controller);
	turn_look(controller);
	controller_rescan(controller);
	retention_prune_daily(controller);
	(void)uv_timer_start(timer, on_rescan, (uint64_t)intake_rescan_ms(controller->intake), 0);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void unfollow_events(struct controller *controller)
{
	if (controller->events)
		uv_close((uv_handle_t *)controller->events, free_handle);
	controller->events = NULL;
}

/* The intake gets its descriptor later when there was none to be had. */
static void follow_events(struct controller *controller)
{
	const int fd = intake_fd(controller->intake);

	if (controller->mode != MODE_SERVICE || controller->events || fd < 0)
		return;
	controller->events = calloc(1, sizeof(*controller->events));
	assert(controller->events);
	/* The next look tries again; until then there are looks alone. */
	if (uv_poll_init(controller->loop, controller->events, fd) != 0) {
		free(controller->events);
		controller->events = NULL;
		return;
	}
	controller->events->data = controller;
	(void)uv_poll_start(controller->events, UV_READABLE, on_events);
}

void controller_rescan(struct controller *controller)
{
	for (size_t i = 0; i < controller->subject_count; i++)
		telling_make_way(controller->subjects[i]);
	for (size_t i = 0; i < controller->subject_count; i++)
		telling_what_is_untold(controller->subjects[i]);
	intake_rescan(controller->intake);
	feeds_judge_anew(controller);
	strays_look(controller);
	follow_events(controller);
	scan_dirty(controller);
}

/* ---- life ---- */

static void add_subjects(struct controller *controller)
{
	const struct config *config = controller->config;

	controller->subjects = calloc(config->target_count + 1, sizeof(struct subject *));
	assert(controller->subjects);
	for (size_t i = 0; i < config->target_count; i++) {
		struct subject *subject = subject_new(controller, &config->targets[i]);

		(void)uv_timer_init(controller->loop, &subject->timer);
		subject->timer.data = subject;
		controller->subjects[controller->subject_count++] = subject;
	}
}

struct subject *controller_find(const struct controller *controller, const char *target)
{
	for (size_t i = 0; i < controller->subject_count; i++)
		if (strcmp(controller->subjects[i]->target->name, target) == 0)
			return controller->subjects[i];
	return NULL;
}

static bool open_state(struct controller *controller, struct error *error)
{
	const char *state = controller->config->state;
	autodone(buffer) struct buffer notice = { 0 };

	controller->journal =
			journal_open(state, controller->mode == MODE_DRY ? NULL : &notice, error);
	if (!controller->journal)
		return false;
	if (notice.length > 0)
		log_warning("%s", buffer_text(&notice));
	controller->store = store_open(state, error);
	clock_raise_floor(journal_latest_time(controller->journal));
	return controller->store != NULL;
}

static void close_state(struct controller *controller)
{
	journal_close(controller->journal);
	store_close(controller->store);
	free(controller->degraded);
	strays_free(controller->strays);
	free(controller);
}

static void watch_directories(struct controller *controller)
{
	const struct intake_settings settings = {
		.rescan_ms = (long)controller->config->rescan_ms
	};

	controller->intake = intake_new(&settings);
	feeds_open(controller);
}

struct controller *controller_open(uv_loop_t *loop, struct config *config,
		enum controller_mode mode, struct error *error)
{
	struct controller *controller = calloc(1, sizeof(*controller));

	assert(controller);
	controller->loop = loop;
	controller->config = config;
	controller->mode = mode;
	clock_set_policy(config->clock);
	if (!open_state(controller, error)) {
		close_state(controller);
		return NULL;
	}
	turn_open(controller);
	controller->inspectors = pool_new(loop, config->inspect_program);
	controller->workers = config->worker ? pool_of_socket(loop, config->worker)
					     : pool_new(loop, config->apply_program);
	add_subjects(controller);
	watch_directories(controller);
	(void)uv_timer_init(loop, &controller->rescan);
	controller->rescan.data = controller;
	return controller;
}

static void tell_lost(struct controller *controller)
{
	for (size_t i = 0; i < controller->subject_count; i++) {
		struct subject *subject = controller->subjects[i];

		if (!subject->lost)
			continue;
		log_error("target %s: %s", subject->target->name, subject->outcome.reason);
		controller_tell(controller, subject);
	}
}

static void tell_orphans(struct controller *controller)
{
	autoarena struct arena *arena = arena_new();
	const struct words orphans = recovery_orphans(controller, arena);

	for (size_t i = 0; i < orphans.count; i++)
		log_warning("%s", orphans.items[i]);
}

void controller_start(struct controller *controller)
{
	if (controller->mode != MODE_DRY)
		tell_lost(controller);
	if (controller->mode == MODE_SERVICE)
		tell_orphans(controller);
	pool_warm(controller->inspectors);
	pool_warm(controller->workers);
	/* Otherwise whoever asks says what is to be looked at. */
	if (controller->mode != MODE_SERVICE) {
		strays_look(controller);
		return;
	}

	(void)clock_was_set();
	/* Each target is looked at once: what a crash left comes first in its pass. */
	controller_due_all(controller, controller->subjects, controller->subject_count);
	(void)uv_timer_start(&controller->rescan, on_rescan,
			(uint64_t)intake_rescan_ms(controller->intake), 0);
	controller_rescan(controller);
}

void controller_begin_nothing(struct controller *controller)
{
	controller->begin_nothing = true;
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void controller_stop(struct controller *controller)
{
	if (controller->stopping)
		return;
	controller->stopping = true;
	controller->begin_nothing = true;
	for (size_t i = 0; i < controller->subject_count; i++) {
		struct subject *subject = controller->subjects[i];

		if (subject->pass)
			pass_abandon(subject->pass);
		telling_what_is_untold(subject);
		close_handle((uv_handle_t *)&subject->timer);
	}
	pool_stop(controller->inspectors);
	feeds_abandon(controller);
	unfollow_events(controller);
	close_handle((uv_handle_t *)&controller->rescan);
	turn_close(controller);
	pool_free(controller->inspectors);
	pool_free(controller->workers);
}

void controller_close(struct controller *controller)
{
	if (!controller)
		return;
	feeds_close(controller);
	intake_free(controller->intake);
	for (size_t i = 0; i < controller->subject_count; i++)
		subject_free(controller->subjects[i]);
	free(controller->subjects);
	close_state(controller);
}
