#include "controller/certdrop/answer/request-parts.h"

#include "controller/certdrop/answer/report.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/pass/pass.h"

/* ---- at each target ---- */

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

/* One after the other; true when all have been looked at. */
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

/* The service has looked into the directories already. */
static bool begin_scan(struct request *request, struct error *error)
{
	(void)error;
	if (request->controller->mode != MODE_SERVICE)
		for (size_t i = 0; i < request->count; i++)
			feed_scan(request->subjects[i]->feed);
	return true;
}

/* ---- status ---- */

static bool status_over(struct request *request)
{
	if (!look_at_all(request, PASS_LOOK, false))
		return false;
	return request->wait_ms == 0 || report_all_in_service(request->subjects, request->count);
}

json_t *request_report_status(struct request *request, int *exit)
{
	*exit = report_all_in_service(request->subjects, request->count) ? 0 : 1;
	return report_status(request->controller, request->subjects, request->count);
}

const struct request_kind request_status = {
	.name = "status",
	.begin = begin_scan,
	.over = status_over,
	.report = request_report_status,
	.looks = true,
};

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

const struct request_kind request_plan = {
	.name = "plan",
	.begin = begin_plan,
	.over = plan_over,
	.report = report_of_plan,
};

/* ---- explain ---- */

static bool begin_explain(struct request *request, struct error *error)
{
	if (request->count != 1)
		return fail(error, ERROR_INPUT, "name one target to explain");
	return begin_scan(request, error);
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

const struct request_kind request_explain = {
	.name = "explain",
	.begin = begin_explain,
	.over = explain_over,
	.report = report_of_explain,
	.looks = true,
};

/* ---- history ---- */

static bool begin_history(struct request *request, struct error *error)
{
	return !request->named || request->count == 1 ||
			fail(error, ERROR_INPUT, "history is told of one target, or of all");
}

/* All of it is in the journal. */
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

const struct request_kind request_history = {
	.name = "history",
	.begin = begin_history,
	.over = over_at_once,
	.report = report_of_history,
};
