#include "controller/certdrop/pass/pass-parts.h"

#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/pass/gap.h"
#include "controller/certdrop/pass/recovery.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

/* Passes that the journal keeps of each target. */
enum { HISTORY_KEPT = 100 };

/* ---- carrying out ---- */

/* What was tried will not be tried again by itself: the product did not take it. */
static void park(struct pass *pass, const char *reason)
{
	struct subject *subject = pass->subject;
	/* Whoever dropped it must see that it is about this one: what is wanted now is another. */
	const char *told = arena_printf(pass->arena, "%s: %s", subject->facts.subject, reason);

	journal_park(subject->controller->journal, subject->target->name, subject->wanted, reason);
	subject_want_back(subject, told);
	subject_tell_outcome(subject, STATE_ROLLED_BACK, told);
	log_error("target %s: put back: %s", subject->target->name, told);
}

/* What was proven is seen. A server's old processes may still answer for a moment, so that to
 * ask again at once would tell less, not more. Without a proof there is nothing to wait for, and
 * what remains to be done must be asked for. */
static void on_applied(struct pass *pass)
{
	struct subject *subject = pass->subject;
	const struct pending nothing = { 0 };

	subject->attempts = 0;
	subject->retry_at_ms = 0;
	if (pass->plan.follow_up)
		log_info("target %s: done: %s", subject->target->name, pass->plan.follow_up);
	else
		log_info("target %s: in service: %s (sha256 %.16s)", subject->target->name,
				subject->facts.subject, subject->facts.fingerprint);
	if (!pass->plan.follow_up)
		subject_in_service_anew(subject);
	if (!subject_proven(subject, &pass->plan) || subject->target->reconciler->follows_up)
		subject->again = true;
	subject_tell_settled(subject, nothing);
	pass_look_again_later(subject);
	pass_end(pass);
}

/* What is in service stays so, whatever becomes of what was to follow. */
void pass_follow_up_failed(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;
	struct pending pending = { .text = pass->plan.follow_up, .reason = error->text };

	pass_try_again_later(pass, error);
	pending.at = subject->retry_at_ms / 1000;
	subject->retry_at_ms = 0;
	subject_tell_settled(subject, pending);
	pass_end(pass);
}

static void not_applied(struct pass *pass, const struct error *error)
{
	if (pass->plan.follow_up)
		pass_follow_up_failed(pass, error);
	else
		pass_failed(pass, error);
}

/* Back to what was: was it the credential's fault, or the world's? A product that
 * was given it and then failed will fail again; a step that could not even begin
 * says nothing about the credential, and one that was in service before
 * has shown that it will do. */
static bool is_to_blame(const struct pass *pass, const struct job_result *result)
{
	return result->changed && result->error.kind != ERROR_CONFIG && !pass->plan.follow_up &&
			!pass->plan.forward_only &&
			!subject_was_in_service(pass->subject, pass->plan.credential);
}

void pass_put_back(struct pass *pass, const char *why)
{
	park(pass, why);
	pass->subject->attempts = 0;
	pass->subject->again = true;
	pass_end(pass);
}

static void on_undone(struct pass *pass, const struct job_result *result)
{
	if (pass_has_second_try(pass, result))
		pass_second_try(pass, result);
	else if (is_to_blame(pass, result))
		pass_put_back(pass, result->error.text);
	else
		not_applied(pass, &result->error);
}

void pass_stuck(struct pass *pass, const struct job_result *result)
{
	const char *first = result->error.text, *stuck = result->undo_error.text;
	const bool alone = !*stuck || strcmp(first, stuck) == 0;
	struct error error;

	(void)fail(&error, result->error.kind, "it is not put back: %.300s%s%.300s",
			alone ? first : stuck,
			alone ? "" : "; that was begun because of: ", alone ? "" : first);
	log_error("target %s: %s", pass->subject->target->name, error.text);
	pass_failed(pass, &error);
}

bool pass_is_superseded(const struct pass *pass)
{
	return !pass->subject->wanted || strcmp(pass->subject->wanted, pass->plan.credential) != 0;
}

void pass_superseded(struct pass *pass, const struct job_result *result)
{
	struct subject *subject = pass->subject;

	log_info("target %s: %s: another one is wanted by now", subject->target->name,
			job_outcome_name(result->outcome));
	if (result->outcome == JOB_APPLIED)
		subject_precede(subject, pass->plan.credential);
	if (result->outcome == JOB_UNDONE && is_to_blame(pass, result))
		journal_park(subject->controller->journal, subject->target->name,
				pass->plan.credential, result->error.text);
	subject->again = true;
	subject_tell_not_applying(subject);
	pass_end(pass);
}

static void end_entry(struct pass *pass, enum job_outcome outcome, const char *reason, long gap_ms)
{
	struct journal *journal = pass->subject->controller->journal;

	journal_pass_end(journal, pass->entry, job_outcome_name(outcome), reason, gap_ms);
	journal_prune(journal, pass->subject->target->name, HISTORY_KEPT);
}

void pass_end_entry(struct pass *pass, enum job_outcome outcome, const char *reason, long gap_ms)
{
	if (outcome != JOB_STUCK && outcome != JOB_LOST)
		end_entry(pass, outcome, reason, gap_ms);
}

/* ---- how it ended ---- */

/* The first time it is taken up again at once. */
static void on_lost(struct pass *pass, const struct job_result *result)
{
	struct subject *subject = pass->subject;

	if (result->unfinished == 0 || subject->attempts > 0) {
		pass_failed(pass, &result->error);
		return;
	}
	log_error("target %s: %s: what is unfinished is taken up again at once",
			subject->target->name, result->error.text);
	subject->attempts++;
	subject->again = true;
	subject_tell_not_applying(subject);
	pass_end(pass);
}

static void warn_of_gap(const struct pass *pass, const struct job_result *result)
{
	if (pass->plan.gap_budget_ms > 0 && result->gap_ms > pass->plan.gap_budget_ms)
		log_warning("target %s: the gap was %ld ms, its budget is %lld ms",
				pass->subject->target->name, result->gap_ms,
				pass->plan.gap_budget_ms);
}

/* Whatever was left to be tidied up is told, and will be the next time. */
static void tidying_failed(const struct pass *pass, struct job_result *result)
{
	log_warning("target %s: it is in service, but %s", pass->subject->target->name,
			result->error.text);
	result->outcome = JOB_APPLIED;
}

/* Whoever reads that publishing has failed wants to know what is there now. */
static void tell_unchanged(struct job_result *result)
{
	const struct error why = result->error;

	if (result->outcome == JOB_FAILED && !result->changed && result->phase == PHASE_CHANGE)
		(void)fail(&result->error, why.kind, "%.480s; nothing was changed", why.text);
}

void pass_job_ended(void *context, struct job_result *result)
{
	struct pass *pass = context;
	enum job_outcome outcome;

	/* "applying" ends when the outcome is told, below: nothing else is ever true in between. */
	pass->job = NULL;
	if (result->outcome == JOB_FAILED && result->changed && result->unfinished > 0) {
		pass_unfinished(pass, result);
		return;
	}
	if (result->outcome == JOB_FAILED && result->changed)
		tidying_failed(pass, result);
	tell_unchanged(result);
	/* The worker has put back all that the plan can put back, which is not what was there before. */
	outcome = result->outcome == JOB_UNDONE && pass->plan.forward_only ? JOB_FAILED
									   : result->outcome;
	pass_end_entry(pass, outcome, result->error.text[0] ? result->error.text : pass->why,
			result->gap_ms);
	warn_of_gap(pass, result);
	if (result->outcome != JOB_APPLIED && result->phase != PHASE_PREPARE)
		subject_unseen(pass->subject);
	if (pass_is_superseded(pass)) {
		pass_superseded(pass, result);
		return;
	}
	switch (result->outcome) {
	case JOB_APPLIED:
		on_applied(pass);
		break;
	case JOB_UNDONE:
		on_undone(pass, result);
		break;
	case JOB_STUCK:
		pass_stuck(pass, result);
		break;
	case JOB_FAILED:
		not_applied(pass, &result->error);
		break;
	case JOB_LOST:
		on_lost(pass, result);
		break;
	case JOB_ASKED:
		pass_failed(pass, &result->error);
		break;
	}
}

void pass_carry_out(struct pass *pass, const char *why)
{
	struct subject *subject = pass->subject;
	autodone(buffer) struct buffer text = { 0 };
	struct pass_entry entry = {
		.target = subject->target->name,
		.credential = subject->wanted,
		.started = clock_now(),
	};
	struct error error;

	plan_print(&pass->plan, &text);
	entry.plan = buffer_text(&text);
	pass->entry = journal_pass_begin(subject->controller->journal, &entry);
	pass->why = why;
	if (why)
		log_warning("target %s: it is changed %s", subject->target->name, why);
	if (pass->passed_over)
		log_warning("target %s: the predecessor cannot be gone back to: %s",
				subject->target->name, pass->passed_over);

	/* It is told while the worker is on its way already. */
	pass->job = job_apply(subject, &pass->plan, pass->entry, pass_job_ended, pass, &error);
	if (pass->job) {
		subject_tell_applying(subject, why);
	} else {
		journal_pass_end(subject->controller->journal, pass->entry, "failed", error.text,
				-1);
		not_applied(pass, &error);
	}
}

/* ---- what a crash left, or what could not be put back ---- */

static void find_stuck(void *context, const struct step_entry *entry)
{
	bool *stuck = context;

	*stuck = *stuck || (entry->undo && strcmp(entry->result, "failed") == 0);
}

/* Nothing was cut short then: some of it was put back, and some could not be. */
static bool was_stuck(const struct pass *pass)
{
	bool stuck = false;

	journal_steps(pass->subject->controller->journal, pass->open->id, find_stuck, &stuck);
	return stuck;
}

/* The world is another one now: look again, with the open pass out of the way. */
static void recovered(struct pass *pass, enum job_outcome outcome, const char *reason)
{
	struct subject *subject = pass->subject;
	const struct gap gap =
			gap_recall(subject->controller->journal, &pass->plan, pass->open->id, NULL);

	pass->entry = pass->open->id;
	end_entry(pass, outcome, reason, outcome == JOB_APPLIED ? gap.ms : -1);
	log_info("target %s: %s", subject->target->name, reason);
	subject_tell_not_applying(subject);
	/* The receipt of whoever was cut short may say that it is being applied, though what comes of the
	 * next look is no news. */
	subject->untold = true;
	subject->again = true;
	pass_end(pass);
}

static void on_put_back(void *context, struct job_result *result)
{
	struct pass *pass = context;

	pass->job = NULL;
	if (result->outcome == JOB_UNDONE) {
		recovered(pass, JOB_UNDONE,
				pass->stuck ? "what could not be put back before is put back"
					    : "a change that was cut short is put back");
		return;
	}
	pass_stuck(pass, result);
}

/* What is seen decides; more may have to be seen for that. */
void pass_recover(struct pass *pass)
{
	struct subject *subject = pass->subject;
	struct plan questions;
	struct error error;

	if (!plan_read(pass->arena, pass->open->plan, &pass->plan, &error)) {
		(void)fail_while(&error, "the journal's open pass");
		pass_failed(pass, &error);
		return;
	}
	pass->stuck = was_stuck(pass);
	switch (recovery_decide(subject, &pass->plan, pass->open->id, &pass->seen, &questions)) {
	case RECOVERY_ASK:
		pass_ask(pass, &questions);
		return;
	case RECOVERY_FINISH:
		pass_take_up_again(pass);
		return;
	case RECOVERY_FINISHED:
		recovered(pass, JOB_APPLIED,
				pass->stuck ? "a change that could not be put back is found complete"
					    : "a change that was cut short is found complete");
		return;
	case RECOVERY_NOTHING_CHANGED:
		recovered(pass, pass->stuck ? JOB_STUCK : JOB_UNDONE,
				pass->stuck ? "not all of it could be put back; what was there "
					      "before is found installed, and it is tried again"
					    : "a change that was cut short had changed nothing");
		return;
	case RECOVERY_AGAIN:
		recovered(pass, JOB_FAILED,
				"a change was cut short: what is left of it is begun anew");
		return;
	case RECOVERY_PUT_BACK:
		break;
	}
	subject_tell_applying(subject, NULL);
	pass->job = job_undo(subject, &pass->plan, pass->open->id, on_put_back, pass, &error);
	if (!pass->job)
		pass_failed(pass, &error);
}
