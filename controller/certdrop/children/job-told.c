#include "controller/certdrop/children/job-parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/pass/gap.h"
#include "controller/certdrop/state/journal.h"

/* ---- go-aheads ---- */

static bool send_go_aheads(struct job *job, struct error *error)
{
	for (size_t i = 0; i < job->pending_count; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "go %ld\n", job->pending[i]);
		if (!child_send(job->worker, text, NULL, 0, error))
			return false;
	}
	job->pending_count = 0;
	return true;
}

/* A worker that does not get its go-ahead would wait for it until the watchdog comes. */
void job_give_go_aheads(struct after_commit *waiting, bool committed)
{
	struct job *job = (struct job *)((char *)waiting - offsetof(struct job, commit));
	struct error error;

	if (!committed)
		job_lost(job,
				arena_printf(job->arena, "was stopped: %s",
						job->subject->controller->degraded));
	else if (!send_go_aheads(job, &error))
		job_lost(job, arena_printf(job->arena, "was stopped: %s", error.text));
}

static void on_begin(struct job *job, long number, bool undo)
{
	const struct step *step = &job->plan.steps[number];

	if (job->pending_count == JOB_PENDING_MAX)
		return;
	journal_step_begin(job->subject->controller->journal, job->pass, number, undo, step->text);
	job->pending[job->pending_count++] = number;
	controller_after_commit(job->subject->controller, &job->commit);
}

/* ---- a step is over ---- */

static void keep_for_receipt(
		struct job *job, const struct step *step, const char *result, long milliseconds)
{
	struct deeds *deeds = &job->subject->deeds;
	char digits[24];

	if (!job_is_for_receipt(job))
		return;
	(void)snprintf(digits, sizeof(digits), "%ld", milliseconds);
	records_append(deeds->memory, &deeds->steps,
			record_new(deeds->memory, "step", step->text, result, digits, NULL));
}

static void measure(struct job *job, const struct step *step)
{
	const long long now = clock_monotonic_ms();

	if (step->phase == PHASE_CHANGE) {
		job->result.changed = true;
		job->changed_at_ms = now;
	} else if (gap_has(step)) {
		job->result.gap_ms = (long)(now - job->changed_at_ms);
	}
}

static const char *told_as(const struct step_entry *entry)
{
	if (entry->undo)
		return entry->reason ? "putting back failed" : "put back";
	return entry->reason ? "failed" : "done";
}

static void keep_first_failure(struct job *job, const char *kind_name, const struct step *step,
		const struct step_entry *entry)
{
	struct error *undo_error = &job->result.undo_error;
	enum error_kind kind = ERROR_RETRY;

	(void)error_kind_read(kind_name, &kind);
	if (entry->undo && !undo_error->text[0])
		(void)fail(undo_error, kind, "%s: %s", entry->text, entry->reason);
	if (job->result.error.text[0])
		return;
	job->result.phase = step->phase;
	job->result.leases = step->kind == STEP_LEASE;
	(void)fail(&job->result.error, kind, "%s: %s", entry->text, entry->reason);
}

/* done N MS [undo], failed N MS KIND WHY [undo] */
static void on_step_over(struct job *job, const struct record *record, long number, bool failed)
{
	const struct step *step = &job->plan.steps[number];
	const struct step_entry entry = {
		.number = number,
		.undo = record->words.count > (failed ? 5 : 3),
		.text = step->text,
		.reason = failed ? record_word(record, 4) : NULL,
		.milliseconds = strtol(record_word(record, 2), NULL, 10),
	};

	if (job->pass) {
		journal_step_end(job->subject->controller->journal, job->pass, &entry);
		keep_for_receipt(job, step, told_as(&entry), entry.milliseconds);
	}
	if (failed)
		keep_first_failure(job, record_word(record, 3), step, &entry);
	else if (!entry.undo)
		measure(job, step);
	if (!failed)
		job->done_steps[number] = !entry.undo;
}

/* ---- messages ---- */

static void on_answer(struct job *job, const struct record *record)
{
	/* Into the memory of whoever asked, which outlives this job's. */
	if (job->seen)
		answers_add(job->seen, record);
}

static void on_job_end(struct job *job, const char *word)
{
	pool_give_back(job->pool, job->worker);
	job->worker = NULL;
	job_finished(job, job_outcome_of(word));
}

static void on_record(struct job *job, const struct record *record)
{
	const char *word = record_word(record, 0);
	const long number = strtol(record_word(record, 1), NULL, 10);

	if (strcmp(word, "answer") == 0)
		on_answer(job, record);
	else if (strcmp(word, "end") == 0)
		on_job_end(job, record_word(record, 1));
	else if (number < 0 || (size_t)number >= job->plan.count)
		log_warning("target %s: the worker speaks of step %ld, which is not in the plan",
				job->subject->target->name, number);
	else if (strcmp(word, "begin") == 0)
		on_begin(job, number, record->words.count > 2);
	else if (strcmp(word, "done") == 0 || strcmp(word, "failed") == 0)
		on_step_over(job, record, number, *word == 'f');
}

static void on_ended(struct child *worker, void *context, const char *how)
{
	(void)worker;
	job_lost(context, how);
}

static void on_message(struct child *worker, void *context, struct message *message)
{
	struct job *job = context;
	struct records records;
	struct error error;

	(void)worker;
	if (!records_read(job->arena, message->text, &records, &error)) {
		job_lost(job, "said something that is no message");
		return;
	}
	for (size_t i = 0; i < records.count && job->worker; i++)
		on_record(job, records.items[i]);
}

const struct child_hooks job_hooks = { .message = on_message, .ended = on_ended };
