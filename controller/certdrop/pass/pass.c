#include "controller/certdrop/pass/pass-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/pass/backoff.h"
#include "controller/certdrop/pass/gate.h"
#include "controller/certdrop/pass/lookup.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

/* How often plan() may ask for more before it counts as going round in circles: each address of a
 * cluster that does not answer may cost a round. */
enum { ROUNDS_MAX = 64 };

enum { SOON_MS = 500 };

static void plan_next(struct pass *pass);

/* ---- the end ---- */

static void set_blocked(struct subject *subject, bool blocked)
{
	subject->controller->blocked += blocked - subject->blocked;
	subject->blocked = blocked;
}

/* Those that had to wait for this one. */
static void wake_followers(const struct subject *subject)
{
	struct controller *controller = subject->controller;
	const bool wanted = controller->blocked > 0;

	for (size_t i = 0; wanted && i < controller->subject_count; i++) {
		if (controller->subjects[i]->blocked &&
				gate_is_left_by(controller->subjects[i], subject)) {
			set_blocked(controller->subjects[i], false);
			controller_due(controller, controller->subjects[i]);
		}
	}
}

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
	wake_followers(subject);
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

void pass_again_soon(struct subject *subject)
{
	if (subject->controller->mode == MODE_SERVICE)
		wake_in(subject, SOON_MS);
	else
		subject->again = true;
}

/* What is wrong with settings, rights or passwords does not mend itself, and a few wrong passwords lock
 * a user: it is tried at the pace of looks then. */
static uint64_t at_least_ms(const struct pass *pass, const struct error *error)
{
	const struct subject *subject = pass->subject;

	if (error->kind != ERROR_CONFIG)
		return 0;
	return (uint64_t)config_check_ms(subject->controller->config, subject->target);
}

void pass_try_again_later(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;
	const struct config *config = subject->controller->config;
	uint32_t random = 0;
	uint64_t delay;

	/* Whatever came meanwhile would only have the same wrong password tried once more. */
	if (error->kind == ERROR_CONFIG)
		subject->again = false;
	subject->attempts++;
	(void)uv_random(NULL, NULL, &random, sizeof(random), 0, NULL);
	delay = backoff_ms(subject->attempts, (uint64_t)config->retry_first_ms,
			(uint64_t)config->retry_cap_ms, random);
	if (delay < at_least_ms(pass, error))
		delay = at_least_ms(pass, error);
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
	pass_try_again_later(pass, error);
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
	const struct pending nothing = { 0 };

	if (pass->purpose == PASS_RECONCILE) {
		subject->attempts = 0;
		subject->retry_at_ms = 0;
		if (subject->wanted || subject->put_back)
			subject_tell_settled(subject, nothing);
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

void pass_ask(struct pass *pass, const struct plan *questions)
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

/* ---- beginning ---- */

/* When the gate opens; it is looked at again before, in case that the world changes. */
static void wake_at(struct subject *subject, long long seconds)
{
	const long long check_ms = config_check_ms(subject->controller->config, subject->target);
	const long long left_ms = seconds > 0 ? seconds * 1000 - clock_now_ms() : check_ms;

	wake_in(subject, (uint64_t)(left_ms < 0 ? 0 : left_ms < check_ms ? left_ms : check_ms));
}

static const char *why_held(const struct pass *pass, const struct gate *gate)
{
	if (!pass->first_try)
		return gate->reason;
	return arena_printf(pass->arena, "%s: %s", pass->first_try, gate->reason);
}

/* What is in service stays so while something else of it has to wait. */
static void wait_at_gate(struct pass *pass, const struct gate *gate)
{
	struct subject *subject = pass->subject;
	const struct pending pending = {
		.text = pass->plan.follow_up, .reason = gate->reason, .at = gate->at
	};

	subject->attempts = 0;
	subject->retry_at_ms = pending.text ? 0 : gate->at * 1000;
	if (pending.text)
		subject_tell_settled(subject, pending);
	else
		subject_tell_outcome(subject, STATE_HELD, why_held(pass, gate));
	wake_at(subject, gate->at);
	pass_end(pass);
}

static void begin(struct pass *pass)
{
	const struct gate gate = gate_decide(pass->arena, pass->subject, &pass->plan);
	struct credential facts;
	struct error error;

	if (!pass->plan.follow_up &&
			!subject_has_whole(pass->subject, pass->plan.credential, pass->arena,
					&facts, &error)) {
		pass_failed(pass, &error);
		return;
	}
	set_blocked(pass->subject, gate.another_first);
	if (gate.open)
		pass_carry_out(pass, gate.reason);
	else
		wait_at_gate(pass, &gate);
}

/* One that is damaged could not be put back, and must not keep out the one that is wanted. */
static const char *predecessor_of(struct pass *pass)
{
	const struct subject *subject = pass->subject;
	struct credential facts;
	struct error error;

	pass->passed_over = NULL;
	if (!subject->predecessor ||
			store_facts(subject->controller->store, subject->predecessor, pass->arena,
					&facts, &error))
		return arena_copy(pass->arena, subject->predecessor);
	pass->passed_over = arena_copy(pass->arena, error.text);
	return NULL;
}

/* Copies: another credential may come to be wanted while the plan is carried out. */
static bool ask_for_plan(struct pass *pass, struct error *error)
{
	const struct subject *subject = pass->subject;
	struct plan *plan = &pass->plan;

	plan_init(plan, pass->arena, subject->target->name);
	lookup_offer(plan, subject->controller);
	plan->text = arena_printf(pass->arena, "put %s into service", subject->facts.subject);
	plan->credential = arena_copy(pass->arena, subject->wanted);
	plan->predecessor = predecessor_of(pass);
	return subject->target->reconciler->plan(
			       subject->target, &subject->facts, &pass->seen, plan, error) &&
			plan_check(plan, error);
}

/* Only where there are two ways it matters which one was gone already. */
static bool make_plan(struct pass *pass, struct error *error)
{
	struct plan *plan = &pass->plan;

	if (!ask_for_plan(pass, error))
		return false;
	if (plan->second_try && pass_recall_first_try(pass) && !ask_for_plan(pass, error))
		return false;
	if (plan->follow_up)
		plan->text = plan->follow_up;
	if (pass->first_try)
		plan->second_try = NULL;
	return true;
}

/* What was taken in is refused, if the product will not have it, and its files are left to whoever
 * dropped them. Without them it is told, and tried again: the world may change. What was in service
 * before is not refused: nothing was dropped that could be. */
static void not_planned(struct pass *pass, const struct error *error)
{
	struct subject *subject = pass->subject;
	const bool refused = error->kind == ERROR_INPUT && pass->purpose == PASS_RECONCILE;

	if (refused && verdict_refuse(subject, error->text)) {
		subject->again = true;
		pass_end(pass);
	} else if (!refused || subject->in_service_since > 0 ||
			subject_was_in_service(subject, subject->wanted)) {
		pass_failed(pass, error);
	} else {
		pass_try_again_later(pass, error);
		subject_tell_outcome(subject, STATE_REFUSED, error->text);
		pass_end(pass);
	}
}

static void plan_next(struct pass *pass)
{
	struct subject *subject = pass->subject;
	struct error error;

	if (pass->purpose == PASS_AHEAD) {
		if (pass->called_off)
			pass_end(pass);
		return;
	}
	if (pass->purpose == PASS_LOOK || (!subject->wanted && !pass->open)) {
		nothing_to_do(pass);
		return;
	}
	if (pass->open && pass->purpose == PASS_RECONCILE) {
		pass_recover(pass);
		return;
	}

	if (!make_plan(pass, &error)) {
		not_planned(pass, &error);
		return;
	}
	if (pass->plan.count > 0 && pass->plan.steps[0].phase == PHASE_ASK) {
		pass_ask(pass, &pass->plan);
		return;
	}
	if (pass->purpose == PASS_RECONCILE)
		verdict_accept(subject);
	if (pass->plan.count == 0) {
		nothing_to_do(pass);
	} else if (pass->purpose == PASS_PLAN) {
		tell_plan(pass);
	} else {
		begin(pass);
	}
}

/* What it was to come for comes now; what is next told is when the pass is over. */
static void stop_timer(struct subject *subject)
{
	(void)uv_timer_stop(&subject->timer);
	subject->retry_at_ms = 0;
}

static bool asks_lightly(const struct plan *questions)
{
	for (size_t i = 0; i < questions->count; i++)
		if (questions->steps[i].kind != STEP_LOOK && questions->steps[i].kind != STEP_PROBE)
			return false;
	return true;
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
		stop_timer(subject);

	pass->open = journal_open_pass(
			subject->controller->journal, pass->arena, subject->target->name);
	plan_init(&questions, pass->arena, subject->target->name);
	lookup_offer(&questions, subject->controller);
	subject->target->reconciler->ask(subject->target, &questions);
	if (purpose == PASS_AHEAD && !asks_lightly(&questions))
		pass_end(pass);
	else
		pass_ask(pass, &questions);
}

bool pass_go_on(struct pass *pass)
{
	if (pass->purpose != PASS_AHEAD)
		return false;
	pass->purpose = PASS_RECONCILE;
	stop_timer(pass->subject);
	if (!pass->job)
		plan_next(pass);
	return true;
}

void pass_call_off(struct pass *pass)
{
	if (pass->purpose != PASS_AHEAD)
		return;
	pass->called_off = true;
	if (!pass->job)
		pass_end(pass);
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
