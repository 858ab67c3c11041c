#include "controller/certdrop/answer/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/answer/report.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/feed/claim.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/pass/pass.h"
#include "controller/certdrop/present/document.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

/* What a product answers is not waited for longer than that when it is asked already, or may be slow: what is
 * known is told then. */
enum { HISTORY_LIMIT = 20, LOOK_MS = 15000 };

struct command {
	const char *name;
	/* Once, when it begins. false: it is over, with `error`. */
	bool (*begin)(struct request *request, struct error *error);
	/* Whenever something has changed: over yet? */
	bool (*over)(struct request *request);
	/* The document, and the exit code. */
	json_t *(*report)(struct request *request, int *exit);
	bool looks; /* and tells what is known if that takes long */
};

struct request {
	struct controller *controller;
	const struct command *command;
	struct request_hooks hooks;
	void *context;

	struct subject **subjects;
	size_t count;
	long long wait_ms;
	int limit;
	bool named; /* the targets were named */

	struct observer observer;
	uv_timer_t timer;
	bool timed_out, moving, ending;
	size_t at; /* the subject that is looked at, for plan and status */
	bool looking;
	json_t *plans;
	bool something, failed;
	json_t *document; /* the result, while the timer closes */
	int exit;
};

/* ---- ending ---- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct request *request = handle->data;

	if (request->hooks.done)
		request->hooks.done(request->context, request->document, request->exit, NULL);
	else
		json_decref(request->document);
	json_decref(request->plans);
	free(request->subjects);
	free(request);
}

static void end(struct request *request, json_t *document, int exit)
{
	if (request->looking && request->subjects[request->at]->pass)
		pass_forget(request->subjects[request->at]->pass);
	request->ending = true;
	request->document = document;
	request->exit = exit;
	controller_unobserve(request->controller, &request->observer);
	uv_close((uv_handle_t *)&request->timer, on_timer_closed);
}

static void move_on(struct request *request)
{
	json_t *document;
	int exit = 0;
	bool over;

	/* What over() begins may end at once, and be told to us before it returns. */
	if (request->ending || request->moving)
		return;
	request->moving = true;
	over = request->timed_out || request->command->over(request);
	request->moving = false;
	if (!over)
		return;
	document = request->command->report(request, &exit);
	end(request, document, exit);
}

void request_abandon(struct request *request)
{
	request->hooks = (struct request_hooks){ 0 };
	if (!request->ending)
		end(request, NULL, 1);
}

/* ---- what all commands share ---- */

static bool is_mine(const struct request *request, const struct subject *subject)
{
	for (size_t i = 0; i < request->count; i++)
		if (request->subjects[i] == subject)
			return true;
	return false;
}

static void on_changed(struct observer *observer, struct subject *subject)
{
	struct request *request =
			(struct request *)((char *)observer - offsetof(struct request, observer));

	if (subject && is_mine(request, subject) && request->hooks.progress) {
		json_t *event = json_pack("{s:s, s:s, s:o}", "target", subject->target->name,
				"state", state_name(subject_state(subject)), "reason",
				document_text(subject_reason(subject)));

		request->hooks.progress(request->context, event);
		json_decref(event);
	}
	move_on(request);
}

static void on_timeout(uv_timer_t *timer)
{
	struct request *request = timer->data;

	request->timed_out = true;
	move_on(request);
}

/* The first look comes in the loop's next turn: done() must find the caller ready for it. */
static void on_first_turn(uv_timer_t *timer)
{
	struct request *request = timer->data;

	if (request->wait_ms > 0)
		(void)uv_timer_start(timer, on_timeout, (uint64_t)request->wait_ms, 0);
	else if (request->command->looks && request->controller->mode == MODE_SERVICE)
		(void)uv_timer_start(timer, on_timeout, LOOK_MS, 0);
	move_on(request);
}

static bool all_quiet(const struct request *request)
{
	if (feeds_busy(request->controller))
		return false;
	for (size_t i = 0; i < request->count; i++)
		if (request->subjects[i]->pass || request->subjects[i]->due)
			return false;
	return true;
}

/* Looks at each subject in turn; true when all have been. */
static void on_looked(void *context, struct subject *subject, const struct plan *plan,
		const struct error *error)
{
	struct request *request = context;
	json_t *report;

	request->looking = false;
	request->at++;
	if (!request->plans)
		return;
	report = report_plan(subject, plan, error);
	request->something = request->something || plan;
	request->failed = request->failed || error ||
			json_array_size(json_object_get(report, "unanswered")) > 0;
	json_array_append_new(request->plans, report);
}

static bool look_at_all(struct request *request, enum pass_purpose purpose, bool again)
{
	while (!request->looking && request->at < request->count) {
		struct subject *subject = request->subjects[request->at];

		if (subject->seen_at > 0 && !again) {
			request->at++;
			continue;
		}
		if (subject->pass || subject->due || feeds_busy(request->controller))
			return false;
		request->looking = true;
		request->controller->passes++;
		pass_start(subject, purpose, on_looked, request);
	}
	return !request->looking && request->at == request->count;
}

/* ---- status ---- */

static bool begin_nothing(struct request *request, struct error *error)
{
	(void)request;
	(void)error;
	return true;
}

/* The service has looked into the directories already. */
static bool begin_scan(struct request *request, struct error *error)
{
	(void)error;
	if (request->controller->mode != MODE_SERVICE)
		for (size_t i = 0; i < request->count; i++)
			feed_scan(request->subjects[i]->feed);
	return true;
}

static bool status_over(struct request *request)
{
	if (!look_at_all(request, PASS_LOOK, false))
		return false;
	return request->wait_ms == 0 || report_all_in_service(request->subjects, request->count);
}

static json_t *report_of_status(struct request *request, int *exit)
{
	*exit = report_all_in_service(request->subjects, request->count) ? 0 : 1;
	return report_status(request->controller, request->subjects, request->count);
}

/* ---- plan ---- */

static bool begin_plan(struct request *request, struct error *error)
{
	request->plans = json_array();
	return begin_scan(request, error);
}

static bool plan_over(struct request *request)
{
	return look_at_all(request, PASS_PLAN, true);
}

static json_t *report_of_plan(struct request *request, int *exit)
{
	*exit = request->failed ? 1 : request->something ? 2 : 0;
	return json_pack("{s:O}", "plans", request->plans);
}

/* ---- apply ---- */

/* To ask for it by name is to want what was put back tried again. */
static void try_parked_again(struct subject *subject)
{
	struct journal *journal = subject->controller->journal;
	autoarena struct arena *arena = arena_new();
	const char *digest = journal_last_parked(journal, arena, subject->target->name);
	const struct words none = { 0 };
	struct credential facts;
	struct error ignored;

	journal_unpark(journal, subject->target->name);
	if (digest && subject->put_back && !subject->applying &&
			store_facts(subject->controller->store, digest, arena, &facts, &ignored))
		subject_want(subject, &facts, subject->inputs, none);
}

static bool begin_apply(struct request *request, struct error *error)
{
	(void)error;
	for (size_t i = 0; i < request->count; i++) {
		struct subject *subject = request->subjects[i];

		if (request->named) {
			verdict_forget(subject);
			try_parked_again(subject);
		}
		subject->attempts = 0;
		feed_forget(subject->feed);
		feed_scan(subject->feed);
	}
	controller_due_all(request->controller, request->subjects, request->count);
	return true;
}

static bool apply_over(struct request *request)
{
	return all_quiet(request);
}

/* ---- rollback ---- */

static bool begin_rollback(struct request *request, struct error *error)
{
	struct journal *journal = request->controller->journal;
	struct subject *subject = request->subjects[0];
	autoarena struct arena *arena = arena_new();
	struct credential facts;
	const char *refused;

	if (request->count != 1)
		return fail(error, ERROR_INPUT, "name one target to roll back");
	if (!subject->predecessor)
		return fail(error, ERROR_INPUT, "%s has no predecessor to go back to",
				subject->target->name);
	if (subject->applying)
		return fail(error, ERROR_RETRY, "%s is being changed: try again when that is over",
				subject->target->name);
	if (!store_facts(request->controller->store, subject->predecessor, arena, &facts, error))
		return false;
	if (facts.not_after <= clock_now() && clock_trusted())
		return fail(error, ERROR_INPUT, "the predecessor, %s, has expired", facts.subject);
	refused = claim_refuses(subject, &facts, arena);
	if (refused)
		return fail(error, ERROR_INPUT, "the predecessor, %s, is another's: %s",
				facts.subject, refused);

	log_info("target %s: rolled back by order: %s (sha256 %.16s) is wanted again instead of %s",
			subject->target->name, facts.subject, facts.fingerprint,
			subject->wanted ? subject->facts.subject : "none");
	if (subject->wanted)
		journal_park(journal, subject->target->name, subject->wanted,
				"rolled back by order");
	subject_want_back(subject, NULL);
	subject->by_order = true;
	subject_tell_intake(subject, STATE_IDLE, NULL);
	subject_tell_outcome(subject, STATE_WAITING, "going back to the predecessor");
	controller_due(request->controller, subject);
	return true;
}

/* ---- history, explain ---- */

static bool over_at_once(struct request *request)
{
	(void)request;
	return true;
}

static json_t *report_of_history(struct request *request, int *exit)
{
	*exit = 0;
	return report_history(request->controller,
			request->named ? request->subjects[0]->target->name : NULL, request->limit);
}

static bool explain_over(struct request *request)
{
	return look_at_all(request, PASS_LOOK, true);
}

static json_t *report_of_explain(struct request *request, int *exit)
{
	*exit = 0;
	return report_explain(request->subjects[0]);
}

/* ---- the table ---- */

static const struct command commands[] = {
	{ "status", begin_scan, status_over, report_of_status, true },
	{ "plan", begin_plan, plan_over, report_of_plan, false },
	{ "apply", begin_apply, apply_over, report_of_status, false },
	{ "rollback", begin_rollback, apply_over, report_of_status, false },
	{ "history", begin_nothing, over_at_once, report_of_history, false },
	{ "explain", begin_scan, explain_over, report_of_explain, true },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; name && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static bool find_subjects(struct request *request, const json_t *names, struct error *error)
{
	struct controller *controller = request->controller;
	const size_t named = json_array_size(names);
	const size_t room = named > 0 ? named : controller->subject_count;

	request->named = named > 0;
	request->subjects = calloc(room + 1, sizeof(struct subject *));
	assert(request->subjects);
	for (size_t i = 0; i < room; i++) {
		const char *name = named > 0 ? json_string_value(json_array_get(names, i)) : NULL;
		struct subject *subject = named > 0 ? controller_find(controller, name ? name : "")
						    : controller->subjects[i];

		if (!subject)
			return fail(error, ERROR_INPUT, "there is no target \"%s\"",
					name ? name : "");
		request->subjects[request->count++] = subject;
	}
	return true;
}

struct request *request_start(struct controller *controller, const json_t *json,
		const struct request_hooks *hooks, void *context)
{
	const struct command *command =
			find_command(json_string_value(json_object_get(json, "command")));
	struct request *request = calloc(1, sizeof(*request));
	struct error error = { 0 };

	assert(request);
	request->controller = controller;
	request->command = command;
	request->hooks = *hooks;
	request->context = context;
	request->wait_ms = json_integer_value(json_object_get(json, "wait_ms"));
	request->limit = (int)json_integer_value(json_object_get(json, "limit"));
	if (request->limit <= 0)
		request->limit = HISTORY_LIMIT;
	request->observer.changed = on_changed;

	if (!command)
		(void)fail(&error, ERROR_INPUT, "unknown command");
	if (!command || !find_subjects(request, json_object_get(json, "targets"), &error) ||
			!command->begin(request, &error)) {
		hooks->done(context, NULL, 1, error.text);
		json_decref(request->plans);
		free(request->subjects);
		free(request);
		return NULL;
	}
	(void)uv_timer_init(controller->loop, &request->timer);
	request->timer.data = request;
	controller_observe(controller, &request->observer);
	(void)uv_timer_start(&request->timer, on_first_turn, 0, 0);
	return request;
}
