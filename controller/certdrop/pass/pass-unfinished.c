#include "controller/certdrop/pass/pass-parts.h"

#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/pass/expiry.h"
#include "controller/certdrop/pass/gap.h"
#include "controller/certdrop/state/store.h"

/* NULL: going back is possible. */
static const char *why_not_back(const struct pass *pass)
{
	const struct plan *plan = &pass->plan;
	struct credential facts;
	struct error ignored;

	if (plan->forward_only)
		return "there is no way back";
	if (!plan->predecessor)
		return "there is nothing to go back to";
	if (!store_facts(pass->subject->controller->store, plan->predecessor, pass->arena, &facts,
			    &ignored))
		return "the predecessor is not kept any more";
	if (expiry_has_come(&facts))
		return "the predecessor has ended";
	return NULL;
}

static bool is_within_budget(const struct pass *pass)
{
	const struct gap gap = gap_recall(
			pass->subject->controller->journal, &pass->plan, pass->entry, NULL);

	return gap.changed_ms > 0 && clock_now_ms() - gap.changed_ms < pass->plan.gap_budget_ms;
}

/* The pass stays open: what is left of it is taken up before anything else is done. */
static void go_on_later(struct pass *pass, const struct job_result *result, const char *why_not)
{
	const size_t more = result->unfinished - 1;
	const char *others = more > 0 ? arena_printf(pass->arena, " (and %zu more)", more) : "";
	struct error error;

	(void)fail(&error, ERROR_RETRY,
			"it is in service, but unfinished: %.300s%s; it goes on, because %s",
			result->error.text, others, why_not);
	pass_failed(pass, &error);
}

/* What was taken up once and failed again may have been accepted and then have failed, which the same
 * request does not mend: what is seen then decides what is left. */
static void begin_rest_anew(struct pass *pass, const struct job_result *result)
{
	struct error error;

	(void)fail(&error, ERROR_RETRY,
			"it is in service, but unfinished: %.300s; what is left of it is begun anew",
			result->error.text);
	pass_end_entry(pass, JOB_FAILED, result->error.text, result->gap_ms);
	pass_failed(pass, &error);
}

static void on_given_up(void *context, struct job_result *result)
{
	struct pass *pass = context;

	pass->job = NULL;
	if (result->outcome != JOB_UNDONE) {
		pass_stuck(pass, result);
		return;
	}
	pass_end_entry(pass, JOB_UNDONE, pass->failure.text, -1);
	if (pass_is_superseded(pass))
		pass_superseded(pass, result);
	else if (subject_was_in_service(pass->subject, pass->plan.credential))
		pass_failed(pass, &pass->failure);
	else
		pass_put_back(pass, pass->failure.text);
}

static void give_up(struct pass *pass, const struct error *why)
{
	struct subject *subject = pass->subject;
	struct error error;

	pass->failure = *why;
	log_error("target %s: %s: %sit is put back", subject->target->name, why->text,
			is_within_budget(pass) ? "" : "past its budget ");
	pass->job = job_undo(subject, &pass->plan, pass->entry, on_given_up, pass, &error);
	if (!pass->job)
		pass_failed(pass, &error);
}

/* What could not even be prepared was not tried, and there is still time. */
static bool has_time(const struct pass *pass, const struct job_result *result)
{
	return result->phase == PHASE_PREPARE && result->error.kind == ERROR_RETRY &&
			is_within_budget(pass);
}

static void go_on_at_once(struct pass *pass, const struct job_result *result)
{
	log_warning("target %s: unfinished: %s, trying again at once", pass->subject->target->name,
			result->error.text);
	pass_again_soon(pass->subject);
	subject_tell_not_applying(pass->subject);
	pass_end(pass);
}

/* What is proven no more is put back as after any crash; otherwise it is put back only while
 * that helps those who were not told. */
void pass_unfinished(struct pass *pass, struct job_result *result)
{
	const char *why_not = why_not_back(pass);

	if (has_time(pass, result)) {
		go_on_at_once(pass, result);
	} else if (result->leases && !pass->plan.follow_up) {
		go_on_later(pass, result, "without the leases it cannot be put back either");
	} else if (result->phase == PHASE_PROVE || (!why_not && !pass->plan.follow_up)) {
		give_up(pass, &result->error);
	} else if (pass->plan.follow_up) {
		pass_end_entry(pass, JOB_FAILED, result->error.text, result->gap_ms);
		pass_follow_up_failed(pass, &result->error);
	} else if (pass_is_superseded(pass)) {
		pass_end_entry(pass, JOB_FAILED, result->error.text, result->gap_ms);
		pass_superseded(pass, result);
	} else if (pass->taken_up) {
		begin_rest_anew(pass, result);
	} else {
		go_on_later(pass, result, why_not);
	}
}

void pass_take_up_again(struct pass *pass)
{
	struct subject *subject = pass->subject;
	struct error error;

	log_info("target %s: a change that is unfinished is taken up again", subject->target->name);
	pass->entry = pass->open->id;
	pass->taken_up = true;
	subject_tell_applying(subject, "a change that was left unfinished is taken up again");
	pass->job = job_finish(subject, &pass->plan, pass->entry, pass_job_ended, pass, &error);
	if (!pass->job)
		pass_failed(pass, &error);
}
