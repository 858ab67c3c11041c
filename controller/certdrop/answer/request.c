#include "controller/certdrop/answer/request-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/certdrop/pass/pass.h"
#include "controller/certdrop/present/document.h"

/* What a product answers is not waited for longer than that when it is asked already, or may be slow: what is
 * known is told then. */
enum { HISTORY_LIMIT = 20, LOOK_MS = 15000 };

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
	over = request->timed_out || request->kind->over(request);
	request->moving = false;
	if (!over)
		return;
	document = request->kind->report(request, &exit);
	end(request, document, exit);
}

void request_abandon(struct request *request)
{
	request->hooks = (struct request_hooks){ 0 };
	if (!request->ending)
		end(request, NULL, 1);
}

/* ---- on the way ---- */

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
	else if (request->kind->looks && request->controller->mode == MODE_SERVICE)
		(void)uv_timer_start(timer, on_timeout, LOOK_MS, 0);
	move_on(request);
}

/* ---- the start ---- */

static const struct request_kind *const kinds[] = {
	&request_status,
	&request_plan,
	&request_apply,
	&request_rollback,
	&request_history,
	&request_explain,
};

static const struct request_kind *find_kind(const char *name)
{
	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
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
	const struct request_kind *kind =
			find_kind(json_string_value(json_object_get(json, "command")));
	struct request *request = calloc(1, sizeof(*request));
	struct error error = { 0 };

	assert(request);
	request->controller = controller;
	request->kind = kind;
	request->hooks = *hooks;
	request->context = context;
	request->wait_ms = json_integer_value(json_object_get(json, "wait_ms"));
	request->limit = (int)json_integer_value(json_object_get(json, "limit"));
	if (request->limit <= 0)
		request->limit = HISTORY_LIMIT;
	request->observer.changed = on_changed;

	if (!kind)
		(void)fail(&error, ERROR_INPUT, "unknown command");
	if (!kind || !find_subjects(request, json_object_get(json, "targets"), &error) ||
			!kind->begin(request, &error)) {
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
