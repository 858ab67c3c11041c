#include "controller/certdrop/turn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"
#include "controller/certdrop/subject/subject.h"

/* How long what nobody waits for is kept back, to share the commit of what follows; how long until
 * what could not be committed is tried again. */
enum { GRACE_MS = 3, AGAIN_MS = 5000 };

/* ---- waiting ---- */

void controller_after_commit(struct controller *controller, struct after_commit *waiting)
{
	if (waiting->queued)
		return;
	waiting->queued = true;
	waiting->next = NULL;
	*controller->last_waiting = waiting;
	controller->last_waiting = &waiting->next;
}

void controller_forget(struct controller *controller, struct after_commit *waiting)
{
	struct after_commit **link = &controller->waiting;

	if (!waiting->queued)
		return;
	while (*link && *link != waiting)
		link = &(*link)->next;
	if (*link)
		*link = waiting->next;
	waiting->queued = false;
	controller->last_waiting = &controller->waiting;
	while (*controller->last_waiting)
		controller->last_waiting = &(*controller->last_waiting)->next;
}

/* ---- committing ---- */

static void set_degraded(struct controller *controller, const char *why)
{
	if (why && !controller->degraded)
		log_error("%s; nothing new is begun until that works again", why);
	if (!why && controller->degraded) {
		log_info("the state can be written again");
		controller->mended = true;
	}
	free(controller->degraded);
	controller->degraded = why ? strdup(why) : NULL;
	assert(controller->degraded || !why);
}

/* With a commit that fails all of its writes are undone, and memory and journal part. */
static void remember_all(struct controller *controller)
{
	for (size_t i = 0; i < controller->subject_count; i++)
		subject_remember(controller->subjects[i]);
}

static bool commit(struct controller *controller)
{
	struct error error;
	const bool committed = controller->mode == MODE_DRY ||
			(store_flush(controller->store, &error) &&
					journal_commit(controller->journal, &error));

	set_degraded(controller, committed ? NULL : error.text);
	return committed;
}

/* Those that can wait after those that cannot. */
static struct after_commit *in_order(struct after_commit *waiting)
{
	struct after_commit *first[2] = { NULL, NULL };
	struct after_commit **last[2] = { &first[0], &first[1] };

	for (; waiting; waiting = waiting->next) {
		*last[waiting->can_wait] = waiting;
		last[waiting->can_wait] = &waiting->next;
	}
	*last[1] = NULL;
	*last[0] = first[1];
	return first[0];
}

/* Whoever is told may register again: that waits for the next commit. */
static void tell_waiting(struct controller *controller, bool committed)
{
	struct after_commit *waiting = in_order(controller->waiting);

	controller->waiting = NULL;
	controller->last_waiting = &controller->waiting;
	while (waiting) {
		struct after_commit *next = waiting->next;

		waiting->queued = false;
		waiting->next = NULL;
		waiting->done(waiting, committed);
		waiting = next;
	}
}

static bool must_commit(const struct controller *controller)
{
	return controller->waiting || journal_pressing(controller->journal);
}

/* What was kept from being done does not wait for its time. */
static void go_on(struct controller *controller)
{
	remember_all(controller);
	feeds_mended(controller);
	for (size_t i = 0; i < controller->subject_count; i++)
		if (controller->subjects[i]->retry_at_ms > 0)
			controller_due(controller, controller->subjects[i]);
}

static void on_commit(uv_timer_t *timer);

static void end_turn(struct controller *controller)
{
	if (controller->degraded)
		remember_all(controller);
	/* Being told may write again (a receipt, the next pass). */
	(void)uv_timer_stop(&controller->commit);
	for (int i = 0; i < 8 && must_commit(controller); i++)
		tell_waiting(controller, commit(controller));
	if (controller->stopping)
		return;
	if (controller->degraded) {
		(void)uv_timer_start(&controller->commit, on_commit, AGAIN_MS, 0);
	} else if (controller->mended) {
		controller->mended = false;
		go_on(controller);
	}
}

static bool is_awaited(const struct controller *controller)
{
	for (const struct after_commit *w = controller->waiting; w; w = w->next)
		if (!w->can_wait)
			return true;
	return false;
}

static void on_commit(uv_timer_t *timer)
{
	end_turn(timer->data);
}

/* Even what somebody waits for lets the loop see first what is ready by now. */
static void on_turn(uv_prepare_t *turn)
{
	struct controller *controller = turn->data;
	const bool awaited = is_awaited(controller);

	if (must_commit(controller) &&
			(awaited || !uv_is_active((uv_handle_t *)&controller->commit)))
		(void)uv_timer_start(&controller->commit, on_commit, awaited ? 0 : GRACE_MS, 0);
}

/* ---- life ---- */

void turn_open(struct controller *controller)
{
	controller->last_waiting = &controller->waiting;
	(void)uv_prepare_init(controller->loop, &controller->turn);
	controller->turn.data = controller;
	(void)uv_prepare_start(&controller->turn, on_turn);
	(void)uv_timer_init(controller->loop, &controller->commit);
	controller->commit.data = controller;
}

void turn_look(struct controller *controller)
{
	struct error error;

	if (controller->degraded || journal_in_place(controller->journal, &error))
		return;
	set_degraded(controller, error.text);
	(void)uv_timer_start(&controller->commit, on_commit, AGAIN_MS, 0);
}

void turn_close(struct controller *controller)
{
	end_turn(controller);
	uv_close((uv_handle_t *)&controller->turn, NULL);
	uv_close((uv_handle_t *)&controller->commit, NULL);
}
