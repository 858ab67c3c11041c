#include "controller/certdrop/pass-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/backoff.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/journal.h"
#include "reconcilers/reconciler.h"

/* How often plan() may ask for more before it counts as going round in circles. */
enum { ROUNDS_MAX = 8 };

static void plan_next(struct pass *pass);

/* ---- the end ---- */

void pass_end(struct pass *pass)
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

void pass_failed(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;

	if (pass->purpose != PASS_RECONCILE) {
		if (pass->planned)
			pass->planned(pass->context, subject, NULL, error);
		pass_end(pass);
		return;
	}
	try_again_later(pass, error);
	subject_tell_outcome(subject, STATE_FAILED, error->text);
	pass_end(pass);
}

void pass_look_again_later(struct subject *subject)
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
		pass_look_again_later(subject);
	}
	if (pass->planned)
		pass->planned(pass->context, subject, NULL, NULL);
	pass_end(pass);
}

static void tell_plan(struct pass *pass)
{
	struct subject *subject = pass->subject;

	if (pass->planned)
		pass->planned(pass->context, subject, &pass->plan, NULL);
	pass_end(pass);
}

/* ---- planning ---- */

static void on_asked(void *context, struct job_result *result)
{
	struct pass *pass = context;

	pass->job = NULL;
	if (result->outcome != JOB_ASKED) {
		pass_failed(pass, &result->error);
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
		pass_failed(pass, &error);
		return;
	}
	pass->job = job_ask(pass->subject, questions, &pass->seen, on_asked, pass, &error);
	if (!pass->job)
		pass_failed(pass, &error);
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
		pass_recover(pass);
		return;
	}

	plan_init(&pass->plan, pass->arena, subject->target->name);
	finish_plan(pass);
	if (!subject->target->reconciler->plan(
			    subject->target, &subject->facts, &pass->seen, &pass->plan, &error) ||
			!plan_check(&pass->plan, &error)) {
		pass_failed(pass, &error);
	} else if (pass->plan.count == 0) {
		nothing_to_do(pass);
	} else if (pass->plan.steps[0].phase == PHASE_ASK) {
		ask(pass, &pass->plan);
	} else if (pass->purpose == PASS_PLAN) {
		tell_plan(pass);
	} else if (setting_flag(subject->target->settings, "hold")) {
		subject_tell_outcome(subject, STATE_HELD,
				"hold is set; certdrop plan shows what would be done");
		pass_look_again_later(subject);
		pass_end(pass);
	} else {
		pass_carry_out(pass);
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
