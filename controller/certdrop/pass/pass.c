#include "controller/certdrop/pass/pass-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/answer/telling.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/pass/gate.h"
#include "controller/certdrop/pass/lookup.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

/* How often plan() may ask for more before it counts as going round in circles: each address of a
 * cluster that does not answer may cost a round. */
enum { ROUNDS_MAX = 64 };

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

	if (pass->purpose == PASS_RECONCILE)
		telling_warnings(subject);
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

bool pass_may_begin(struct pass *pass)
{
	const char *degraded = pass->subject->controller->degraded;
	struct error error;

	if (!degraded)
		return true;
	(void)fail(&error, ERROR_RETRY, "nothing is begun: %s", degraded);
	pass_failed(pass, &error);
	return false;
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
	if (!gate.open)
		pass_wait_at_gate(pass, &gate);
	else if (pass_may_begin(pass))
		pass_carry_out(pass, gate.reason);
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
	if (pass->open && pass->purpose == PASS_RECONCILE) {
		if (pass_may_begin(pass))
			pass_recover(pass);
		return;
	}
	if (pass->purpose == PASS_LOOK || !subject->wanted) {
		nothing_to_do(pass);
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
		pass_comes_now(subject);

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
	pass_comes_now(pass->subject);
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
