#include "controller/certdrop/answer/report.h"

#include <string.h>

#include "controller/certdrop/answer/next-step.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/feed/strays.h"
#include "controller/certdrop/pass/gate.h"
#include "controller/certdrop/pass/recovery.h"
#include "controller/certdrop/present/document.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"
#include "controller/certdrop/views.h"
#include "reconcilers/reconciler.h"

/* ---- status ---- */

static json_t *stored_facts(const struct controller *controller, const char *digest)
{
	autoarena struct arena *arena = arena_new();
	struct credential facts;
	struct error ignored;

	if (!digest || !store_facts(controller->store, digest, arena, &facts, &ignored))
		return json_null();
	return document_brief(&facts);
}

static json_t *installed(const struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const struct view_installed view = view_installed(arena, subject);

	if (!view.fingerprint)
		return json_null();
	return json_pack("{s:o, s:s, s:o}", "digest", document_text(view.credential), "fingerprint",
			view.fingerprint, "not_after", document_time(view.not_after));
}

static void add_served(void *context, const struct view_served *served)
{
	json_t *list = context;

	if (served->error)
		json_array_append_new(list,
				json_pack("{s:s, s:o}", "address", served->address, "error",
						document_text(served->error)));
	else
		json_array_append_new(list,
				json_pack("{s:s, s:s, s:o}", "address", served->address,
						"fingerprint", served->fingerprint, "not_after",
						document_time(served->not_after)));
}

static json_t *served(const struct subject *subject)
{
	json_t *list = json_array();

	views_served(&subject->seen, add_served, list);
	return list;
}

static json_t *warnings(const struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const struct words sentences = views_warnings(arena, subject,
			subject->controller->config->expiry_warning_ms, clock_now());
	json_t *list = json_array();

	for (size_t i = 0; i < sentences.count; i++)
		json_array_append_new(list, document_text(sentences.items[i]));
	return list;
}

static json_t *pending(const struct subject *subject)
{
	const struct pending *what = &subject->pending;

	if (!what->text)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "text", document_text(what->text), "reason",
			document_text(what->reason), "at", document_time(what->at));
}

static json_t *target_status(const struct subject *subject)
{
	const struct target *target = subject->target;
	autoarena struct arena *arena = arena_new();

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"target", target->name, "product", target->reconciler->product, "state",
			state_name(subject_state(subject)), "reason",
			document_text(subject_reason(subject)), "next",
			document_text(next_step(arena, subject)), "retry_at",
			document_time(subject->retry_at_ms / 1000), "pending", pending(subject),
			"wanted", document_brief(subject->wanted ? &subject->facts : NULL),
			"installed", installed(subject), "served", served(subject), "unanswered",
			document_words(views_unanswered(arena, subject)), "previous",
			stored_facts(subject->controller, subject->predecessor), "warnings",
			warnings(subject), "updated", document_time(subject->since));
}

json_t *report_status(struct controller *controller, struct subject *const *subjects, size_t count)
{
	autoarena struct arena *arena = arena_new();
	json_t *targets = json_array();
	json_t *degraded = json_array();
	struct words orphans;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(targets, target_status(subjects[i]));
	if (controller->degraded)
		json_array_append_new(degraded, document_text(controller->degraded));
	orphans = recovery_orphans(controller, arena);
	for (size_t i = 0; i < orphans.count; i++)
		json_array_append_new(degraded, document_text(orphans.items[i]));
	feeds_degraded(controller, degraded);
	strays_tell(controller, degraded);
	if (!clock_trusted())
		json_array_append_new(degraded,
				json_sprintf("the clock is not to be trusted: %s; nothing is judged by "
					     "date until it is set",
						clock_doubt(arena)));
	return json_pack("{s:o, s:o, s:o, s:s}", "targets", targets, "degraded", degraded,
			"watching", feeds_watching(controller), "version", CERTDROP_VERSION);
}

bool report_all_in_service(struct subject *const *subjects, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (subject_state(subjects[i]) != STATE_IN_SERVICE)
			return false;
	return true;
}

/* ---- plan ---- */

/* Why it is not carried out: there is none, or not yet. */
static json_t *plan_reason(
		const struct subject *subject, const struct plan *plan, const struct error *error)
{
	autoarena struct arena *arena = arena_new();
	const struct gate gate = plan ? gate_decide(arena, subject, plan) : (struct gate){ 0 };

	if (error)
		return document_text(error->text);
	if (plan)
		return document_text(gate.reason);
	if (!subject->wanted && !subject_reason(subject))
		return document_text("no certificate was dropped yet");
	return document_text(subject_reason(subject));
}

/* Where something is wanted plan() was asked, and knows what it can do without. */
static json_t *plan_unanswered(
		const struct subject *subject, const struct plan *plan, const struct error *error)
{
	autoarena struct arena *arena = arena_new();

	if (plan || error || subject->wanted)
		return json_array();
	return document_words(views_unanswered(arena, subject));
}

json_t *report_plan(
		const struct subject *subject, const struct plan *plan, const struct error *error)
{
	json_t *steps = json_array();
	autodone(buffer) struct buffer text = { 0 };

	if (plan)
		plan_print(plan, &text);
	for (size_t i = 0; plan && i < plan->count; i++) {
		const struct step *step = &plan->steps[i];

		json_array_append_new(steps,
				json_pack("{s:s, s:s, s:o, s:s}", "phase", phase_name(step->phase),
						"kind", step_kind_name(step->kind), "text",
						document_text(step->text), "disruption",
						disruption_name(step->disruption)));
	}
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "target", subject->target->name, "state",
			state_name(subject_state(subject)), "text",
			document_text(plan ? buffer_text(&text) : NULL), "steps", steps, "reason",
			plan_reason(subject, plan, error), "unanswered",
			plan_unanswered(subject, plan, error));
}

/* ---- history ---- */

struct history {
	struct controller *controller;
	json_t *passes;
};

struct steps {
	const struct plan *plan;
	json_t *list;
};

static void add_step(void *context, const struct step_entry *entry)
{
	const struct steps *steps = context;
	const bool known = (size_t)entry->number < steps->plan->count;
	const char *result = entry->result;

	if (entry->undo)
		result = strcmp(result, "done") == 0 ? "put back" : "not put back";
	json_array_append_new(steps->list,
			json_pack("{s:o, s:o, s:s, s:I, s:o}", "text", document_text(entry->text),
					"phase",
					document_text(known ? phase_name(steps->plan->steps[entry->number]
											      .phase)
							    : NULL),
					"result", result, "milliseconds",
					(json_int_t)entry->milliseconds, "reason",
					document_text(entry->reason)));
}

static json_t *budget(const struct plan *plan)
{
	return plan->gap_budget_ms > 0 ? json_integer(plan->gap_budget_ms) : json_null();
}

static void add_pass(void *context, const struct pass_entry *entry)
{
	autoarena struct arena *arena = arena_new();
	struct history *history = context;
	struct plan plan = { 0 };
	struct steps steps = { .plan = &plan, .list = json_array() };
	json_t *gap = entry->gap_ms < 0 ? json_null() : json_integer(entry->gap_ms);
	struct error ignored;

	/* One that cannot be read any more has no phases to tell. */
	(void)!plan_read(arena, entry->plan, &plan, &ignored);
	journal_steps(history->controller->journal, entry->id, add_step, &steps);
	json_array_append_new(history->passes,
			json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "target",
					entry->target, "started", document_time(entry->started),
					"ended", document_time(entry->ended), "outcome",
					entry->outcome ? entry->outcome : "open", "credential",
					stored_facts(history->controller, entry->credential),
					"reason", document_text(entry->reason), "gap_ms", gap,
					"gap_budget_ms", budget(&plan), "steps", steps.list));
}

json_t *report_history(struct controller *controller, const char *target, int limit)
{
	struct history history = { .controller = controller, .passes = json_array() };

	journal_passes(controller->journal, target, limit, add_pass, &history);
	return json_pack("{s:o}", "passes", history.passes);
}

/* ---- explain ---- */

json_t *report_explain(struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const struct words sentences = views_explain(arena, subject);
	json_t *list = json_array();

	for (size_t i = 0; i < sentences.count; i++)
		json_array_append_new(list, document_text(sentences.items[i]));
	return json_pack("{s:s, s:s, s:o}", "target", subject->target->name, "state",
			state_name(subject_state(subject)), "sentences", list);
}
