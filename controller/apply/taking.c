#include "controller/apply/taking.h"

#include "controller/apply/deadline.h"
#include "controller/apply/lease/leases.h"
#include "controller/apply/leash.h"

enum { ATTEMPTS = 3, FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 1000, LEAST_MS = 1000 };

const struct step *step_of(const struct taking *taking)
{
	return &taking->job->plan.steps[taking->index];
}

/* What others may notice is done only with the right to it. */
static bool is_fenced(const struct taking *t)
{
	const struct step *step = step_of(t);

	return step->kind != STEP_LEASE &&
			(t->back || step->phase == PHASE_CHANGE || step->phase == PHASE_FINISH);
}

static bool take_once(struct taking *t)
{
	const struct step *step = step_of(t);

	if (is_fenced(t) && !leases_verify(t->job->leases, &t->error))
		return false;
	if (t->back && step->kind == STEP_FILE)
		return file_put_back(t->arena, step, &t->error);

	switch (step->kind) {
	case STEP_LOOK:
		return look_take(t->arena, step, t->answer, &t->error);
	case STEP_MAKE:
		return make_take(t->job, t->arena, step, &t->error);
	case STEP_FILE:
		return file_take(t->job, t->arena, step, &t->untouched, &t->error);
	case STEP_COMMAND:
		return command_take(t->job, t->arena, step, t->answer, &t->error);
	case STEP_HTTP:
		return http_take(t->job, t->arena, step, t->answer, &t->error);
	case STEP_PROBE:
		return probe_take(t->arena, step, t->answer, &t->error);
	case STEP_AMEND:
		return amend_take(t->job, t->arena, step, &t->error);
	case STEP_LEASE:
		return lease_take(t->job, t->arena, step, &t->error);
	case STEP_LDAP:
		return ldap_take(t->job, t->arena, step, t->answer, &t->error);
	}
	return fail(&t->error, ERROR_INTERNAL, "no such kind of step");
}

/* Peers wait for it: nothing else counts as long as the budget lasts. */
static bool is_in_gap(const struct taking *t)
{
	const struct step *step = step_of(t);

	return !t->back && step->phase == PHASE_FINISH && step->disruption == DISRUPTION_REMOTE &&
			deadline_left(t->job->gap_ends) > 0;
}

static bool may_try_again(const struct taking *t, int attempts, bool budgeted, long long deadline)
{
	const enum phase phase = step_of(t)->phase;

	if (t->good || t->error.kind != ERROR_RETRY || leases_lost(t->job->leases) ||
			leash_is_loose())
		return false;
	if (budgeted)
		return is_in_gap(t);
	return (t->back || phase == PHASE_FINISH || phase == PHASE_UNDO) && attempts < ATTEMPTS &&
			deadline_left(deadline) > 0;
}

/* However long it would wait by itself; but a try that has no time at all is none. */
static void end_with_budget(struct taking *t)
{
	struct step *step = &t->job->plan.steps[t->index];
	const int left = deadline_left(t->job->gap_ends);

	if (deadline_of(step) > t->job->gap_ends)
		step->deadline_ms = left > LEAST_MS ? left : LEAST_MS;
}

static void *take(void *argument)
{
	struct taking *t = argument;
	const bool budgeted = is_in_gap(t);
	const long long started = deadline_now();
	const long long deadline = budgeted ? t->job->gap_ends : deadline_of(step_of(t));
	int pause = FIRST_PAUSE_MS;

	if (t->unready)
		return NULL;
	for (int attempts = 1;; attempts++) {
		if (budgeted)
			end_with_budget(t);
		t->good = take_once(t);
		if (!may_try_again(t, attempts, budgeted, deadline))
			break;
		deadline_pause(pause, deadline);
		pause = pause < LONGEST_PAUSE_MS ? 2 * pause : pause;
	}
	t->took_ms += deadline_now() - started;
	return NULL;
}

/* Takes all of them at the same time, and waits for all. Those for which no further thread is to be
 * had come one after the other. */
static void take_together(struct taking *takings, size_t count)
{
	for (size_t i = 1; i < count; i++)
		takings[i].threaded =
				pthread_create(&takings[i].thread, NULL, take, &takings[i]) == 0;
	for (size_t i = 0; i < count; i++)
		if (!takings[i].threaded)
			take(&takings[i]);
	for (size_t i = 0; i < count; i++)
		if (takings[i].threaded)
			(void)pthread_join(takings[i].thread, NULL);
}

/* ---- groups ---- */

size_t group_size(const struct plan *plan, size_t first)
{
	const struct step *steps = plan->steps;
	size_t count = 1;

	if (steps[first].together == 0)
		return 1;
	while (first + count < plan->count && count < TOGETHER_MAX &&
			steps[first + count].together == steps[first].together &&
			steps[first + count].phase == steps[first].phase)
		count++;
	return count;
}

void group_init(struct taking *takings, struct job *job, struct arena *arena, size_t first,
		size_t count)
{
	for (size_t i = 0; i < count; i++)
		takings[i] = (struct taking){ .job = job, .index = first + i, .arena = arena };
}

void group_ready(struct taking *takings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct taking *t = &takings[i];
		const long long started = deadline_now();

		if (step_of(t)->kind == STEP_FILE && step_of(t)->phase == PHASE_CHANGE)
			t->unready = !file_ready(t->job, t->arena, step_of(t), &t->error);
		t->untouched = t->unready;
		t->took_ms = deadline_now() - started;
	}
}

void group_take(struct taking *takings, size_t count)
{
	for (size_t i = 1; i < count; i++)
		takings[i].arena = arena_new();
	take_together(takings, count);
}

void group_done(struct taking *takings, size_t count)
{
	for (size_t i = 1; i < count; i++)
		arena_free(takings[i].arena);
}
