#include "controller/apply/taking.h"

#include <assert.h>

#include "controller/apply/deadline.h"

enum { ATTEMPTS = 3, FIRST_PAUSE_MS = 100 };

const struct step *step_of(const struct taking *taking)
{
	return &taking->job->plan.steps[taking->index];
}

static bool take_once(struct taking *t)
{
	const struct step *step = step_of(t);

	if (t->back && step->phase != PHASE_UNDO)
		return file_put_back(t->arena, step, &t->error);

	switch (step->kind) {
	case STEP_LOOK:
		return look_take(t->arena, step, t->answer, &t->error);
	case STEP_MAKE:
		return make_take(t->job, t->arena, step, &t->error);
	case STEP_FILE:
		return file_take(t->job, t->arena, step, &t->error);
	case STEP_COMMAND:
		return command_take(t->job, t->arena, step, t->answer, &t->error);
	case STEP_HTTP:
		return http_take(t->job, t->arena, step, t->answer, &t->error);
	case STEP_PROBE:
		return probe_take(t->arena, step, t->answer, &t->error);
	}
	return fail(&t->error, ERROR_INTERNAL, "no such kind of step");
}

static void *take(void *argument)
{
	struct taking *t = argument;
	const long long started = deadline_now();
	const enum phase phase = step_of(t)->phase;
	const bool again = t->back || phase == PHASE_FINISH || phase == PHASE_UNDO;
	const long long deadline = deadline_of(step_of(t));
	int pause = FIRST_PAUSE_MS;

	t->good = take_once(t);
	for (int i = 1; again && i < ATTEMPTS && !t->good && t->error.kind == ERROR_RETRY; i++) {
		if (deadline_left(deadline) == 0)
			break;
		deadline_pause(pause, deadline);
		pause *= 2;
		t->good = take_once(t);
	}
	t->took_ms = deadline_now() - started;
	return NULL;
}

/* Takes all of them at the same time, and waits for all. */
static void take_together(struct taking *takings, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const int failed = pthread_create(&takings[i].thread, NULL, take, &takings[i]);

		assert(failed == 0);
	}
	take(&takings[0]);
	for (size_t i = 1; i < count; i++)
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
