/* Reading a document, and writing it back changed. What is changed is in amend.c, what waits
 * between the two in writes.c. */
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/http/amend.h"
#include "controller/apply/http/http-reply.h"
#include "controller/apply/http/http-request.h"
#include "controller/apply/http/writes.h"
#include "controller/apply/job.h"
#include "controller/apply/lease/leases.h"

enum { USUAL_POLL_MS = 500, USUAL_FRESH_MS = 10000 };

struct amend {
	struct arena *arena;
	struct job *job;
	const struct amend_step *step;
	const char *key;
	struct http_request request; /* as whom, and until when; its step differs for each */
};

static void json_done(json_t **value)
{
	json_decref(*value);
}

static json_t *parse(const struct secret *body)
{
	return body->length == 0
			? NULL
			: json_loadb((const char *)body->bytes, body->length, JSON_ALLOW_NUL, NULL);
}

/* ---- reading ---- */

static int append(const char *bytes, size_t length, void *body)
{
	secret_append(body, bytes, length);
	return 0;
}

static bool make_write(struct amend *a, json_t *document, struct write *write, struct error *error)
{
	autodone(json) json_t *body = NULL;

	if (!amend_document(a->arena, a->job->contents, a->step, document, &body, error))
		return false;
	if (body)
		(void)json_dump_callback(body, append, &write->body, JSON_COMPACT);
	return true;
}

static bool read_document(struct amend *a, struct write *write, struct error *error)
{
	autodone(http_reply) struct http_reply reply = { 0 };
	autodone(json) json_t *document = NULL;
	autodone(write) struct write made = { .read_at_ms = deadline_now() };
	struct http_step get = a->step->http;
	struct http_request request = a->request;

	get.method = "GET";
	request.step = &get;
	request.wants_header = a->step->match.count == 2 ? a->step->match.items[0] : NULL;
	if (!http_send(&request, &reply, error))
		return false;
	document = parse(&reply.body);
	if (!http_judge(a->arena, a->job->contents, &get, reply.status, document, error))
		return false;
	if (!document)
		return fail(error, ERROR_RETRY, "GET %s: the reply is no JSON", get.url);
	if (!make_write(a, document, &made, error))
		return fail_while(error, "%s", get.url);
	if (reply.header)
		buffer_add(&made.match, reply.header);
	*write = made;
	made = (struct write){ 0 };
	return true;
}

/* ---- writing ---- */

static void add_match(struct amend *a, const char *value, struct http_step *put)
{
	const char **header = arena_new_many(a->arena, const char *, 2);
	struct words *rows = arena_new_many(a->arena, struct words, put->headers.count + 1);

	header[0] = a->step->match.items[1];
	header[1] = value;
	for (size_t i = 0; i < put->headers.count; i++)
		rows[i] = put->headers.items[i];
	rows[put->headers.count] = (struct words){ .items = header, .count = 2 };
	put->headers = (struct rows){ .items = rows, .count = put->headers.count + 1 };
}

static bool send_write(
		struct amend *a, const char *query, const struct write *write, struct error *error)
{
	autodone(http_reply) struct http_reply reply = { 0 };
	autodone(json) json_t *told = NULL;
	struct http_step put = a->step->http;
	struct http_request request = a->request;

	if (!put.method)
		put.method = "PUT";
	if (query)
		put.url = arena_printf(a->arena, "%s%c%s", put.url,
				strchr(put.url, '?') ? '&' : '?', query);
	if (write->match.length > 0)
		add_match(a, buffer_text(&write->match), &put);
	request.step = &put;
	request.body = (struct content){ .bytes = (const char *)write->body.bytes,
		.length = write->body.length };
	if (!http_send(&request, &reply, error))
		return false;
	told = parse(&reply.body);
	return http_judge(a->arena, a->job->contents, &put, reply.status, told, error);
}

/* ---- the step ---- */

static bool prepare(struct amend *a, struct error *error)
{
	autodone(write) struct write write = { 0 };

	if (!read_document(a, &write, error))
		return false;
	if (a->step->rehearsal && write.body.length > 0 &&
			!send_write(a, a->step->rehearsal, &write, error))
		return fail_while(error, "rehearsal");
	writes_keep(a->job->writes, a->key, &write);
	return true;
}

static bool is_fresh(const struct amend *a, const struct write *write)
{
	const long fresh_ms = a->step->fresh_ms > 0 ? a->step->fresh_ms : USUAL_FRESH_MS;

	return deadline_now() - write->read_at_ms <= fresh_ms;
}

/* What is done is known by looking, so this bears repetition even after a write without an
 * answer. */
static bool attempt(struct amend *a, struct error *error)
{
	autodone(write) struct write write = { 0 };

	if (!writes_take(a->job->writes, a->key, &write) || !is_fresh(a, &write)) {
		write_done(&write);
		if (!read_document(a, &write, error))
			return false;
	}
	return write.body.length == 0 ||
			(leases_verify(a->job->leases, error) &&
					send_write(a, NULL, &write, error));
}

static bool write_until_done(struct amend *a, struct error *error)
{
	const long poll_ms = a->step->http.poll_ms > 0 ? a->step->http.poll_ms : USUAL_POLL_MS;

	while (!attempt(a, error)) {
		if (error->kind != ERROR_RETRY || leases_lost(a->job->leases))
			return false;
		deadline_pause((int)poll_ms, a->request.deadline);
		if (deadline_left(a->request.deadline) == 0)
			return false;
	}
	return true;
}

/* The same fields are the same step, in whatever phase. */
static const char *key_of(struct arena *arena, const struct step *step)
{
	autodone(buffer) struct buffer text = { 0 };

	record_print(step->record, &text);
	return arena_copy(arena, buffer_text(&text));
}

bool amend_take(struct job *job, struct arena *arena, const struct step *step, struct error *error)
{
	struct amend_step read;
	struct amend a = {
		.arena = arena,
		.job = job,
		.step = &read,
		.key = key_of(arena, step),
		.request = { .arena = arena,
				.web = job->web,
				.step = &read.http,
				.confidential = true,
				.deadline = deadline_of(step) },
	};

	amend_step_read(arena, step, &read);
	if (!http_identify(&a.request, job->contents, error))
		return false;
	return step->phase == PHASE_PREPARE ? prepare(&a, error) : write_until_done(&a, error);
}
