#include "controller/certdrop/children/job-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/base/names.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/pass/gap.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

enum { STEP_DEADLINE_MS = 30000, SLACK_MS = 60000 };

static const char *const outcome_names[] = {
	[JOB_ASKED] = "asked",
	[JOB_APPLIED] = "applied",
	[JOB_FAILED] = "failed",
	[JOB_UNDONE] = "undone",
	[JOB_STUCK] = "stuck",
	[JOB_LOST] = "lost",
};

const char *job_outcome_name(enum job_outcome outcome)
{
	return outcome_names[outcome];
}

enum job_outcome job_outcome_of(const char *word)
{
	size_t outcome = JOB_FAILED;

	(void)NAME_FIND(outcome_names, word, &outcome);
	return (enum job_outcome)outcome;
}

/* ---- the end ---- */

static void on_watchdog_closed(uv_handle_t *handle)
{
	struct job *job = handle->data;

	if (job->done)
		job->done(job->context, &job->result);
	arena_free(job->arena);
	free(job);
}

static size_t unfinished(const struct job *job)
{
	size_t count = 0;

	for (size_t i = 0; job->result.changed && i < job->plan.count; i++)
		count += gap_is_owed(&job->plan.steps[i]) && !job->done_steps[i];
	return count;
}

bool job_is_for_receipt(const struct job *job)
{
	return job->subject->deeds.job == job;
}

void job_finished(struct job *job, enum job_outcome outcome)
{
	struct deeds *deeds = &job->subject->deeds;

	job->result.outcome = outcome;
	job->result.unfinished = unfinished(job);
	if (job_is_for_receipt(job)) {
		deeds->gap_ms = job->result.gap_ms;
		deeds->gap_budget_ms = (long)job->plan.gap_budget_ms;
		deeds->job = NULL;
	}
	controller_forget(job->subject->controller, &job->commit);
	uv_close((uv_handle_t *)&job->watchdog, on_watchdog_closed);
}

void job_lost(struct job *job, const char *how)
{
	pool_discard(job->pool, job->worker);
	job->worker = NULL;
	(void)fail(&job->result.error, ERROR_RETRY, "the worker %s", how);
	job_finished(job, JOB_LOST);
}

static void on_watchdog(uv_timer_t *timer)
{
	job_lost(timer->data, "did not come to an end and was stopped");
}

void job_abandon(struct job *job)
{
	job->done = NULL;
	/* It has ended already, and only done() was still to come. */
	if (!job->worker)
		return;
	pool_discard(job->pool, job->worker);
	job->worker = NULL;
	job_finished(job, JOB_LOST);
}

/* ---- the start ---- */

static uint64_t longest(const struct plan *plan)
{
	uint64_t total = SLACK_MS;

	/* Twice: each step may be put back. */
	for (size_t i = 0; i < plan->count; i++)
		total += 2 *
				(uint64_t)(plan->steps[i].deadline_ms ? plan->steps[i].deadline_ms
								      : STEP_DEADLINE_MS);
	return total + (uint64_t)plan->gap_budget_ms;
}

static bool send_work(struct job *job, struct record *head, const int *fds, size_t fd_count,
		struct error *error)
{
	autodone(buffer) struct buffer text = { 0 };

	record_print(head, &text);
	buffer_add(&text, "\n");
	plan_print(&job->plan, &text);
	return child_send(job->worker, buffer_text(&text), fds, fd_count, error);
}

/* An idle worker may have been ended from outside a moment ago, and nobody has noticed yet: that
 * is no reason to give up, the next one is as good. Those that are left run out, and then a new
 * one is started. */
static bool find_worker(struct job *job, struct record *head, const int *fds, size_t fd_count,
		struct error *error)
{
	for (int i = 0; i <= POOL_IDLE_MAX; i++) {
		job->worker = pool_take(job->pool, &job_hooks, job, error);
		if (!job->worker)
			return false;
		if (send_work(job, head, fds, fd_count, error))
			return true;
		pool_discard(job->pool, job->worker);
		job->worker = NULL;
	}
	return false;
}

/* The worker takes none that is damaged, not even where nothing of it is needed. */
static bool open_whole(const struct job *job, const char *digest, int *fd)
{
	const struct store *store = job->subject->controller->store;
	struct credential facts;
	struct error error;

	if (!digest)
		return false;
	if (store_facts(store, digest, job->arena, &facts, &error) &&
			store_get(store, digest, fd, &error))
		return true;
	log_warning("target %s: %s", job->subject->target->name, error.text);
	return false;
}

/* The credential files that the plan speaks of go along as descriptors: the worker need
 * not be allowed to read the store. */
static bool hand_to_worker(struct job *job, struct record *head, struct error *error)
{
	const char *const digests[] = { job->plan.credential, job->plan.predecessor };
	int fds[2] = { -1, -1 };
	size_t count = 0;
	bool sent;

	for (size_t i = 0; i < 2; i++) {
		if (!open_whole(job, digests[i], &fds[count]))
			continue;
		record_add_text(job->arena, head, "with", digests[i]);
		count++;
	}
	sent = find_worker(job, head, fds, count, error);
	owned_close(&fds[0]);
	owned_close(&fds[1]);
	return sent;
}

static struct job *job_new(
		struct subject *subject, const struct plan *plan, job_done_fn *done, void *context)
{
	struct job *job = calloc(1, sizeof(*job));
	autodone(buffer) struct buffer text = { 0 };
	struct error error;
	bool read;

	assert(job);
	job->subject = subject;
	job->pool = subject->controller->workers;
	job->arena = arena_new();
	job->done = done;
	job->context = context;
	job->result.gap_ms = -1;
	job->commit.done = job_give_go_aheads;

	/* A copy of its own, the same way that the worker gets it. */
	plan_print(plan, &text);
	read = plan_read(job->arena, buffer_text(&text), &job->plan, &error);
	assert(read);
	job->done_steps = arena_new_many(job->arena, bool, job->plan.count + 1);
	return job;
}

static struct job *start(struct job *job, struct record *head, struct error *error)
{
	if (!hand_to_worker(job, head, error)) {
		arena_free(job->arena);
		free(job);
		return NULL;
	}
	pool_warm(job->pool);
	(void)uv_timer_init(job->subject->controller->loop, &job->watchdog);
	job->watchdog.data = job;
	(void)uv_timer_start(&job->watchdog, on_watchdog, longest(&job->plan), 0);
	return job;
}

struct job *job_ask(struct subject *subject, const struct plan *questions, struct answers *seen,
		job_done_fn *done, void *context, struct error *error)
{
	struct job *job = job_new(subject, questions, done, context);

	job->seen = seen;
	return start(job, record_new(job->arena, "work", "ask", NULL), error);
}

static struct job *start_pass(struct job *job, struct record *head, struct error *error)
{
	struct subject *subject = job->subject;

	subject_forget_deeds(subject);
	job = start(job, head, error);
	if (job && text_equal(job->plan.credential, subject->wanted))
		subject->deeds.job = job;
	return job;
}

struct job *job_apply(struct subject *subject, const struct plan *plan, int64_t pass,
		job_done_fn *done, void *context, struct error *error)
{
	struct job *job = job_new(subject, plan, done, context);

	job->pass = pass;
	return start_pass(job, record_new(job->arena, "work", "apply", NULL), error);
}

/* The gap goes on, whoever was ended in between. */
static void recall_gap(struct job *job)
{
	const struct gap gap = gap_recall(
			job->subject->controller->journal, &job->plan, job->pass, job->done_steps);

	job->result.changed = true;
	job->result.gap_ms = gap.ms;
	job->changed_at_ms = clock_monotonic_ms();
	if (gap.changed_ms > 0)
		job->changed_at_ms -= clock_now_ms() - gap.changed_ms;
}

struct job *job_finish(struct subject *subject, const struct plan *plan, int64_t pass,
		job_done_fn *done, void *context, struct error *error)
{
	struct job *job = job_new(subject, plan, done, context);
	struct record *head = record_new(job->arena, "work", "finish", NULL);
	long long left;

	job->pass = pass;
	recall_gap(job);
	left = plan->gap_budget_ms - (clock_monotonic_ms() - job->changed_at_ms);
	record_add(job->arena, head, "done",
			journal_done(subject->controller->journal, job->arena, pass));
	record_add_number(job->arena, head, "left", left > 0 ? left : 0);
	return start_pass(job, head, error);
}

struct job *job_undo(struct subject *subject, const struct plan *plan, int64_t pass,
		job_done_fn *done, void *context, struct error *error)
{
	struct job *job = job_new(subject, plan, done, context);
	struct record *head = record_new(job->arena, "work", "undo", NULL);

	record_add(job->arena, head, "begun",
			journal_begun(subject->controller->journal, job->arena, pass));
	job->pass = pass;
	return start_pass(job, head, error);
}
