/* One request to a product's interface, and what its reply means. The sending is in
 * http-request.c, the picking in pick.c. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/http/http-reply.h"
#include "controller/apply/http/http-request.h"
#include "controller/apply/http/pick.h"
#include "controller/apply/job.h"

enum { USUAL_POLL_MS = 500 };

struct http {
	struct arena *arena;
	struct contents *contents;
	const struct http_step *step;
	struct http_request request;
	struct record *answer; /* NULL: not a question */
};

static void json_done(json_t **value)
{
	json_decref(*value);
}

/* ---- the body ---- */

/* As it stands between the quotes of a JSON string (RFC 8259, section 7). */
static void append_escaped(struct secret *body, const struct content *content)
{
	for (size_t i = 0; i < content->length; i++) {
		const unsigned char c = (unsigned char)content->bytes[i];
		char escaped[8];

		if (c == '\n') {
			secret_append(body, "\\n", 2);
		} else if (c == '"' || c == '\\') {
			secret_append(body, "\\", 1);
			secret_append(body, &c, 1);
		} else if (c < ' ') {
			(void)snprintf(escaped, sizeof(escaped), "\\u%04x", c);
			secret_append(body, escaped, 6);
		} else {
			secret_append(body, &c, 1);
		}
	}
}

static bool append_content(struct http *h, struct secret *body, const char *name, size_t length,
		struct error *error)
{
	struct content content;

	if (!contents_get(h->contents, arena_copy_bytes(h->arena, name, length), &content, error))
		return false;
	h->request.confidential = true;
	secret_append(body, "\"", 1);
	append_escaped(body, &content);
	secret_append(body, "\"", 1);
	return true;
}

static bool fill_body(struct http *h, struct secret *body, struct error *error)
{
	static const char mark[] = "\"{content:", end_mark[] = "}\"";
	const char *text = h->step->body;
	const char *found;

	if (!text)
		return true;
	while ((found = strstr(text, mark))) {
		const char *name = found + strlen(mark);
		const char *end = strstr(name, end_mark);

		if (!end)
			return fail(error, ERROR_INTERNAL, "a content in the body without an end");
		secret_append(body, text, (size_t)(found - text));
		if (!append_content(h, body, name, (size_t)(end - name), error))
			return false;
		text = end + strlen(end_mark);
	}
	secret_append(body, text, strlen(text));
	h->request.body = (struct content){ .bytes = (const char *)body->bytes,
		.length = body->length };
	return true;
}

/* ---- the reply ---- */

static bool pick_named(struct http *h, json_t *reply, const char *name, struct words *values,
		struct error *error)
{
	for (size_t i = 0; i < h->step->pick.count; i++) {
		const struct words row = h->step->pick.items[i];

		if (row.count > 0 && strcmp(row.items[0], name) == 0)
			return pick_values(h->arena, h->contents, reply, row, values, error);
	}
	return fail(error, ERROR_INTERNAL, "there is no pick \"%s\"", name);
}

static bool is_listed(struct words condition, const char *value)
{
	for (size_t i = 1; i < condition.count; i++)
		if (strcmp(condition.items[i], value) == 0)
			return true;
	return false;
}

/* How many values the pick has found, and how many of them the condition lists. */
static bool count_listed(struct http *h, json_t *reply, struct words condition, size_t *found,
		size_t *listed, struct error *error)
{
	struct words values = { 0 };

	*found = *listed = 0;
	if (condition.count == 0)
		return true;
	if (!pick_named(h, reply, condition.items[0], &values, error))
		return false;
	*found = values.count;
	for (size_t i = 0; i < values.count; i++)
		*listed += is_listed(condition, values.items[i]);
	return true;
}

/* A pick of all there are is from a list, or from an object whose names are picked, too. */
static bool is_of_form(const struct http *h, const json_t *reply)
{
	bool list = false, names = false;

	for (size_t i = 0; i < h->step->pick.count; i++) {
		const struct words row = h->step->pick.items[i];

		list = list || (row.count > 1 && strncmp(row.items[1], "/*", 2) == 0);
		names = names || (row.count > 1 && *row.items[1] == '\0');
	}
	return list && !names ? json_is_array(reply)
			      : json_is_object(reply) || json_is_array(reply);
}

/* An empty list is an answer; something else in the place of a list (a load balancer's page) is none, and
 * must not be taken for one. */
static bool is_answer(const struct http *h, long status, const json_t *reply, struct error *error)
{
	if (h->step->pick.count == 0 || status < 200 || status > 299 || is_of_form(h, reply))
		return true;
	return fail(error, ERROR_RETRY, "%s %s: what it answers is not what was asked for",
			h->step->method, h->step->url);
}

static bool add_answer(struct http *h, long status, json_t *reply, struct error *error)
{
	record_add_number(h->arena, h->answer, "status", status);
	for (size_t i = 0; i < h->step->pick.count; i++) {
		const struct words row = h->step->pick.items[i];
		struct words values = { 0 };

		if (!pick_values(h->arena, h->contents, reply, row, &values, error))
			return false;
		if (values.count > 0)
			record_add(h->arena, h->answer, row.items[0], values);
	}
	return true;
}

enum progress { PROGRESS_DONE, PROGRESS_WAIT, PROGRESS_FAILED, PROGRESS_STOPPED };

static enum progress judge(struct http *h, long status, json_t *reply, struct error *error)
{
	size_t found, stopped, reached;

	if (!http_judge(h->arena, h->contents, h->step, status, reply, error) ||
			!is_answer(h, status, reply, error) ||
			!count_listed(h, reply, h->step->stop, &found, &stopped, error) ||
			!count_listed(h, reply, h->step->until, &found, &reached, error))
		return PROGRESS_FAILED;
	if (stopped > 0) {
		(void)fail(error, ERROR_RETRY, "%s ended badly%s", h->step->stop.items[0],
				http_reason(h->arena, h->contents, reply));
		return PROGRESS_STOPPED;
	}
	if (h->step->until.count > 0 && (found == 0 || reached < found)) {
		(void)fail(error, ERROR_RETRY, "%s did not become %s in time",
				h->step->until.items[0],
				h->step->until.count > 1 ? h->step->until.items[1] : "anything");
		return PROGRESS_WAIT;
	}
	if (h->answer && !add_answer(h, status, reply, error))
		return PROGRESS_FAILED;
	return PROGRESS_DONE;
}

/* While polling, what may change by itself is waited for as well; nothing else is. */
static enum progress attempt(struct http *h, struct error *error)
{
	autodone(http_reply) struct http_reply got = { 0 };
	autodone(json) json_t *reply = NULL;
	const bool polling = h->step->until.count > 0 || h->step->poll_ms > 0;
	enum progress progress = PROGRESS_FAILED;

	if (http_send(&h->request, &got, error)) {
		if (got.body.length > 0)
			reply = json_loadb((const char *)got.body.bytes, got.body.length,
					JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		progress = judge(h, got.status, reply, error);
	}
	if (progress == PROGRESS_FAILED && polling && error->kind == ERROR_RETRY)
		return PROGRESS_WAIT;
	return progress;
}

/* A server that has the outcome has had the request. */
static bool is_done_already(struct http *h)
{
	autodone(http_reply) struct http_reply got = { 0 };
	struct http_step get = *h->step;
	struct http_request request = h->request;
	struct error ignored;

	get.method = "GET";
	get.url = h->step->done_url;
	request.step = &get;
	request.body = (struct content){ 0 };
	return h->step->done_url && http_send(&request, &got, &ignored) && got.status == 200;
}

/* `again`: this may not be the first time that it is sent. */
static bool poll_until_done(struct http *h, bool again, struct error *error)
{
	const long poll_ms = h->step->poll_ms > 0 ? h->step->poll_ms : USUAL_POLL_MS;
	struct error last;

	for (bool first = true;; first = false, again = true) {
		const enum progress progress =
				again && is_done_already(h) ? PROGRESS_DONE : attempt(h, &last);

		if (progress == PROGRESS_DONE)
			return true;
		/* A try that the deadline cut short tells less than the one before. */
		if (first || progress != PROGRESS_WAIT || deadline_left(h->request.deadline) > 0)
			*error = last;
		if (progress != PROGRESS_WAIT)
			return false;
		deadline_pause((int)poll_ms, h->request.deadline);
		if (deadline_left(h->request.deadline) == 0)
			return false;
	}
}

bool http_take(struct job *job, struct arena *arena, const struct step *step, struct record *answer,
		struct error *error)
{
	autodone(secret) struct secret body = { 0 };
	struct http_step read;
	struct http h = {
		.arena = arena,
		.contents = job->contents,
		.step = &read,
		.answer = answer,
		.request = { .arena = arena,
				.web = job->web,
				.step = &read,
				.deadline = deadline_of(step) },
	};

	http_step_read(arena, step, &read);
	return http_identify(&h.request, job->contents, error) && fill_body(&h, &body, error) &&
			poll_until_done(&h, job->again, error);
}
