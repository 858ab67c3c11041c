#include "controller/certdrop/pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/backoff.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/job.h"
#include "controller/certdrop/journal.h"
#include "controller/certdrop/recovery.h"
#include "controller/certdrop/store.h"
#include "reconcilers/reconciler.h"

/* How often plan() may ask for more before it counts as going round in circles. */
enum { ROUNDS_MAX = 8 };

/* Passes that the journal keeps of each target. */
enum { HISTORY_KEPT = 100 };

struct pass {
	struct subject *subject;
	enum pass_purpose purpose;
	pass_planned_fn *planned;
	void *context;

	struct arena *arena;
	struct answers seen;
	unsigned rounds;
	const struct pass_entry *open; /* what a crash left, until it is dealt with */
	struct plan plan;
	int64_t entry; /* of the plan that is carried out */
	struct job *job;
};

static void plan_next(struct pass *pass);

/* ---- the end ---- */

static void end(struct pass *pass)
{
	struct subject *subject = pass->subject;
	struct controller *controller = subject->controller;

	subject->pass = NULL;
	arena_free(pass->arena);
	free(pass);
	if (subject->again) {
		subject->again = false;
		controller_due(controller, subject);
	}
	controller_pass_ended(controller);
}

static void on_timer(uv_timer_t *timer)
{
	struct subject *subject = timer->data;

	subject->retry_at_ms = 0;
	controller_due(subject->controller, subject);
}

static void wake_in(struct subject *subject, uint64_t milliseconds)
{
	if (subject->controller->mode == MODE_SERVICE)
		(void)uv_timer_start(&subject->timer, on_timer, milliseconds, 0);
}

static void try_again_later(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;
	const struct config *config = subject->controller->config;
	uint32_t random = 0;
	uint64_t delay;

	subject->attempts++;
	(void)uv_random(NULL, NULL, &random, sizeof(random), 0, NULL);
	delay = backoff_ms(subject->attempts, (uint64_t)config->retry_first_ms,
			(uint64_t)config->retry_cap_ms, random);
	subject->retry_at_ms = clock_now() * 1000 + (long long)delay;
	wake_in(subject, delay);
	log_warning("target %s: %s, trying again in %llu s", subject->target->name, error->text,
			(unsigned long long)(delay + 999) / 1000);
}

static void failed(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;

	if (pass->purpose != PASS_RECONCILE) {
		if (pass->planned)
			pass->planned(pass->context, subject, NULL, error);
		end(pass);
		return;
	}
	try_again_later(pass, error);
	subject_tell_outcome(subject, STATE_FAILED, error->text);
	end(pass);
}

static void look_again_later(struct subject *subject)
{
	wake_in(subject, (uint64_t)config_check_ms(subject->controller->config, subject->target));
}

static void nothing_to_do(struct pass *pass)
{
	struct subject *subject = pass->subject;

	if (pass->purpose == PASS_RECONCILE) {
		subject->attempts = 0;
		subject->retry_at_ms = 0;
		if (subject->wanted || subject->put_back)
			subject_tell_settled(subject);
		look_again_later(subject);
	}
	if (pass->planned)
		pass->planned(pass->context, subject, NULL, NULL);
	end(pass);
}

static void tell_plan(struct pass *pass)
{
	struct subject *subject = pass->subject;

	if (pass->planned)
		pass->planned(pass->context, subject, &pass->plan, NULL);
	end(pass);
}

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

static void on_applied(struct pass *pass)
{
	struct subject *subject = pass->subject;

	subject->attempts = 0;
	subject->retry_at_ms = 0;
	log_info("target %s: in service: %s (sha256 %.16s)", subject->target->name,
			subject->facts.subject, subject->facts.fingerprint);
	/* What was proven is seen. A server's old processes may still answer for a
	 * moment, so that to ask again at once would tell less, not more. Without a
	 * proof there is nothing to wait for. */
	if (!subject_proven(subject, &pass->plan))
		subject->again = true;
	subject_tell_settled(subject);
	look_again_later(subject);
	end(pass);
}

/* Back to what was: was it the credential's fault, or the world's? A product that
 * was given it and then failed will fail again; a step that could not even begin
 * says nothing about the credential, and one that was in service before
 * has shown that it will do. */
static void on_undone(struct pass *pass, const struct job_result *result)
{
	if (result->changed && result->error.kind != ERROR_CONFIG &&
			!subject_was_in_service(pass->subject)) {
		park(pass, result->error.text);
		pass->subject->attempts = 0;
		pass->subject->again = true;
		end(pass);
		return;
	}
	failed(pass, &result->error);
}

static void on_stuck(struct pass *pass, struct job_result *result)
{
	log_error("target %s: putting back failed, too: %s", pass->subject->target->name,
			result->error.text);
	(void)fail_while(&result->error, "putting back failed");
	failed(pass, &result->error);
}

static void on_job_applied(void *context, struct job_result *result)
{
	struct pass *pass = context;
	struct journal *journal = pass->subject->controller->journal;
	const char *reason = result->outcome == JOB_APPLIED ? NULL : result->error.text;

	/* "applying" ends when the outcome is told, below: nothing else is ever true in between. */
	pass->job = NULL;
	/* A pass that is stuck or was cut short stays open: it is dealt with first, next time. */
	if (result->outcome != JOB_STUCK && result->outcome != JOB_LOST) {
		journal_pass_end(journal, pass->entry, job_outcome_name(result->outcome), reason,
				result->gap_ms);
		journal_prune(journal, pass->subject->target->name, HISTORY_KEPT);
	}

	switch (result->outcome) {
	case JOB_APPLIED:
		on_applied(pass);
		break;
	case JOB_UNDONE:
		on_undone(pass, result);
		break;
	case JOB_STUCK:
		on_stuck(pass, result);
		break;
	case JOB_ASKED:
	case JOB_FAILED:
	case JOB_LOST:
		failed(pass, &result->error);
		break;
	}
}

static void carry_out(struct pass *pass)
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
	subject_tell_applying(subject, true);

	pass->job = job_apply(subject, &pass->plan, pass->entry, on_job_applied, pass, &error);
	if (!pass->job) {
		subject_tell_applying(subject, false);
		journal_pass_end(subject->controller->journal, pass->entry, "failed", error.text,
				-1);
		failed(pass, &error);
	}
}

/* ---- planning ---- */

static void on_asked(void *context, struct job_result *result)
{
	struct pass *pass = context;

	pass->job = NULL;
	if (result->outcome != JOB_ASKED) {
		failed(pass, &result->error);
		return;
	}
	subject_seen(pass->subject, &pass->seen);
	plan_next(pass);
}

static void ask(struct pass *pass, const struct plan *questions)
{
	struct error error;

	if (pass->rounds++ == ROUNDS_MAX) {
		(void)fail(&error, ERROR_INTERNAL, "%s asks for ever",
				pass->subject->target->reconciler->product);
		failed(pass, &error);
		return;
	}
	pass->job = job_ask(pass->subject, questions, &pass->seen, on_asked, pass, &error);
	if (!pass->job)
		failed(pass, &error);
}

/* ---- what a crash left ---- */

/* The world is another one now: look again, with the open pass out of the way. */
static void recovered(struct pass *pass, enum job_outcome outcome, const char *reason)
{
	struct subject *subject = pass->subject;

	journal_pass_end(subject->controller->journal, pass->open->id, job_outcome_name(outcome),
			reason, -1);
	log_info("target %s: %s", subject->target->name, reason);
	subject_tell_applying(subject, false);
	subject->again = true;
	end(pass);
}

static void on_put_back(void *context, struct job_result *result)
{
	struct pass *pass = context;

	pass->job = NULL;
	if (result->outcome == JOB_UNDONE) {
		recovered(pass, JOB_UNDONE, "a change that was cut short is put back");
		return;
	}
	on_stuck(pass, result);
}

static void recover(struct pass *pass)
{
	struct subject *subject = pass->subject;
	struct error error;

	if (!plan_read(pass->arena, pass->open->plan, &pass->plan, &error)) {
		(void)fail_while(&error, "the journal's open pass");
		failed(pass, &error);
		return;
	}
	switch (recovery_decide(subject, &pass->plan, pass->open->id, &pass->seen)) {
	case RECOVERY_FINISHED:
		recovered(pass, JOB_APPLIED, "a change that was cut short is found complete");
		return;
	case RECOVERY_NOTHING_CHANGED:
		recovered(pass, JOB_UNDONE, "a change that was cut short had changed nothing");
		return;
	case RECOVERY_PUT_BACK:
		break;
	}
	subject_tell_applying(subject, true);
	pass->job = job_undo(subject, &pass->plan, pass->open->id, on_put_back, pass, &error);
	if (!pass->job)
		failed(pass, &error);
}

static void finish_plan(struct pass *pass)
{
	struct subject *subject = pass->subject;

	pass->plan.text = arena_printf(pass->arena, "put %s into service", subject->facts.subject);
	pass->plan.credential = subject->wanted;
	pass->plan.predecessor = subject->predecessor;
}

static void plan_next(struct pass *pass)
{
	struct subject *subject = pass->subject;
	struct error error;

	if (pass->purpose == PASS_LOOK || (!subject->wanted && !pass->open)) {
		nothing_to_do(pass);
		return;
	}
	if (pass->open && pass->purpose == PASS_RECONCILE) {
		recover(pass);
		return;
	}

	plan_init(&pass->plan, pass->arena, subject->target->name);
	finish_plan(pass);
	if (!subject->target->reconciler->plan(
			    subject->target, &subject->facts, &pass->seen, &pass->plan, &error) ||
			!plan_check(&pass->plan, &error)) {
		failed(pass, &error);
	} else if (pass->plan.count == 0) {
		nothing_to_do(pass);
	} else if (pass->plan.steps[0].phase == PHASE_ASK) {
		ask(pass, &pass->plan);
	} else if (pass->purpose == PASS_PLAN) {
		tell_plan(pass);
	} else if (setting_flag(subject->target->settings, "hold")) {
		subject_tell_outcome(subject, STATE_HELD,
				"hold is set; certdrop plan shows what would be done");
		look_again_later(subject);
		end(pass);
	} else {
		carry_out(pass);
	}
}

void pass_start(struct subject *subject, enum pass_purpose purpose, pass_planned_fn *planned,
		void *context)
{
	struct pass *pass = calloc(1, sizeof(*pass));
	struct plan questions;

	assert(pass && !subject->pass);
	pass->subject = subject;
	pass->purpose = purpose;
	pass->planned = planned;
	pass->context = context;
	pass->arena = arena_new();
	pass->seen.arena = pass->arena;
	subject->pass = pass;
	/* Whoever only looks changes nothing, not even when it is tried again. */
	if (purpose == PASS_RECONCILE)
		(void)uv_timer_stop(&subject->timer);

	pass->open = journal_open_pass(
			subject->controller->journal, pass->arena, subject->target->name);
	plan_init(&questions, pass->arena, subject->target->name);
	subject->target->reconciler->ask(subject->target, &questions);
	ask(pass, &questions);
}

void pass_forget(struct pass *pass)
{
	pass->planned = NULL;
}

void pass_abandon(struct pass *pass)
{
	if (pass->job)
		job_abandon(pass->job);
	pass->subject->pass = NULL;
	arena_free(pass->arena);
	free(pass);
}
