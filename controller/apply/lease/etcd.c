#include "controller/apply/lease/etcd.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/http/http-request.h"

/* So long an endpoint may take before the next one is tried. */
enum { ENDPOINT_MS = 3000 };

static void json_done(json_t **value)
{
	json_decref(*value);
}

/* ---- one call ---- */

static bool try_endpoint(const struct etcd *etcd, struct arena *arena, const char *url,
		const char *body, json_t **reply, struct error *error)
{
	const long long soon = deadline_now() + ENDPOINT_MS;
	autodone(http_reply) struct http_reply got = { 0 };
	const struct http_step step = {
		.method = "POST",
		.url = url,
		.ca_file = etcd->step->ca_file,
		.client_certificate = etcd->step->client_certificate,
		.client_key = etcd->step->client_key,
	};
	const struct http_request request = {
		.arena = arena,
		.web = etcd->web,
		.step = &step,
		.body = { .bytes = body, .length = strlen(body) },
		.deadline = soon < etcd->deadline ? soon : etcd->deadline,
	};
	autodone(json) json_t *told = NULL;
	const char *why;

	if (!http_send(&request, &got, error))
		return false;
	told = got.body.length > 0 ? json_loadb((const char *)got.body.bytes, got.body.length,
						     JSON_DISABLE_EOF_CHECK, NULL)
				   : NULL;
	if (got.status == 200 && told) {
		*reply = json_incref(told);
		return true;
	}
	why = json_string_value(json_object_get(told, "error"));
	return fail(error, ERROR_RETRY, "%s: status %ld: %s", url, got.status,
			why ? why : "no explanation");
}

static int append(const char *bytes, size_t length, void *text)
{
	buffer_append(text, bytes, length);
	return 0;
}

/* Takes over `request`. */
static bool call(struct etcd *etcd, const char *path, json_t *request, json_t **reply,
		struct error *error)
{
	autoarena struct arena *arena = arena_new();
	autodone(json) json_t *owned = request;
	autodone(buffer) struct buffer body = { 0 };
	const struct words endpoints = etcd->step->endpoints;

	(void)json_dump_callback(owned, append, &body, JSON_COMPACT);
	(void)fail(error, ERROR_CONFIG, "no endpoints");
	for (size_t i = 0; i < endpoints.count; i++) {
		const size_t index = (etcd->endpoint + i) % endpoints.count;
		const char *url = arena_printf(arena, "%s%s", endpoints.items[index], path);

		if (try_endpoint(etcd, arena, url, buffer_text(&body), reply, error)) {
			etcd->endpoint = index;
			return true;
		}
	}
	return false;
}

/* ---- what they say ---- */

/* Numbers of 64 bits are strings of digits; what is 0 is left out. */
static bool read_number(const json_t *object, const char *name, char text[static 24])
{
	const char *value = json_string_value(json_object_get(object, name));

	if (!value || strlen(value) >= 24)
		return false;
	(void)snprintf(text, 24, "%s", value);
	return true;
}

static const char *base64(struct arena *arena, const char *text)
{
	const size_t length = strlen(text);
	char *coded = arena_alloc(arena, (length + 2) / 3 * 4 + 1);

	(void)EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)text, (int)length);
	return coded;
}

static const char *unbase64(struct arena *arena, const char *coded)
{
	const size_t length = coded ? strlen(coded) : 0;
	char *text = arena_alloc(arena, length + 1);

	if (length == 0 ||
			EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)coded,
					(int)length) < 0)
		return "";
	return text;
}

bool etcd_grant(struct etcd *etcd, struct error *error)
{
	const json_int_t seconds = etcd->step->ttl_ms / 1000;
	autodone(json) json_t *reply = NULL;
	char ttl[24];

	if (!call(etcd, "/v3/lease/grant", json_pack("{sI}", "TTL", seconds), &reply, error))
		return false;
	if (!read_number(reply, "ID", etcd->id) || !read_number(reply, "TTL", ttl))
		return fail(error, ERROR_RETRY, "etcd: a lease without an id");
	etcd->ttl_ms = strtol(ttl, NULL, 10) * 1000;
	return true;
}

/* If every key came into being at that revision ("0": does not exist)... */
static json_t *compare(const struct etcd *etcd, struct arena *arena, const char *revision)
{
	json_t *list = json_array();

	for (size_t i = 0; i < etcd->keys.count; i++)
		(void)json_array_append_new(list,
				json_pack("{ssssssss}", "key", base64(arena, etcd->keys.items[i]),
						"target", "CREATE", "result", "EQUAL",
						"create_revision", revision));
	return list;
}

static json_t *creation(const struct etcd *etcd, struct arena *arena, const char *value)
{
	json_t *then = json_array(), *otherwise = json_array();

	for (size_t i = 0; i < etcd->keys.count; i++) {
		const char *key = base64(arena, etcd->keys.items[i]);

		(void)json_array_append_new(then,
				json_pack("{s{ssssss}}", "request_put", "key", key, "value",
						base64(arena, value), "lease", etcd->id));
		(void)json_array_append_new(
				otherwise, json_pack("{s{ss}}", "request_range", "key", key));
	}
	return json_pack("{sososo}", "compare", compare(etcd, arena, "0"), "success", then,
			"failure", otherwise);
}

/* The first key that exists already. It may be ours: the reply to an earlier try was lost. */
static void read_holder(
		struct etcd *etcd, struct arena *arena, const json_t *reply, const char **holder)
{
	const json_t *response;
	size_t i;

	*holder = "somebody";
	json_array_foreach(json_object_get(reply, "responses"), i, response)
	{
		const json_t *range = json_object_get(response, "response_range");
		const json_t *found = json_array_get(json_object_get(range, "kvs"), 0);
		char id[24];

		if (!found)
			continue;
		if (read_number(found, "lease", id) && strcmp(id, etcd->id) == 0 &&
				read_number(found, "create_revision", etcd->revision))
			*holder = NULL;
		else
			*holder = unbase64(
					arena, json_string_value(json_object_get(found, "value")));
		return;
	}
}

bool etcd_create(struct etcd *etcd, struct arena *arena, const char *value, const char **holder,
		struct error *error)
{
	autodone(json) json_t *reply = NULL;

	if (!call(etcd, "/v3/kv/txn", creation(etcd, arena, value), &reply, error))
		return false;
	if (!json_is_true(json_object_get(reply, "succeeded"))) {
		read_holder(etcd, arena, reply, holder);
		return true;
	}
	*holder = NULL;
	return read_number(json_object_get(reply, "header"), "revision", etcd->revision) ||
			fail(error, ERROR_RETRY, "etcd: a transaction without a revision");
}

bool etcd_check(struct etcd *etcd, bool *same, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	autodone(json) json_t *reply = NULL;

	if (!call(etcd, "/v3/kv/txn",
			    json_pack("{so}", "compare", compare(etcd, arena, etcd->revision)),
			    &reply, error))
		return false;
	*same = json_is_true(json_object_get(reply, "succeeded"));
	return true;
}

/* A stream, of which the gateway gives the first message; TTL is left out when it is 0. */
bool etcd_keep_alive(struct etcd *etcd, bool *gone, struct error *error)
{
	autodone(json) json_t *reply = NULL;
	char ttl[24];

	if (!call(etcd, "/v3/lease/keepalive", json_pack("{ss}", "ID", etcd->id), &reply, error))
		return false;
	*gone = !read_number(json_object_get(reply, "result"), "TTL", ttl) ||
			strtol(ttl, NULL, 10) <= 0;
	return true;
}

void etcd_revoke(struct etcd *etcd)
{
	autodone(json) json_t *reply = NULL;
	struct error ignored;
	const bool ended = call(etcd, "/v3/lease/revoke", json_pack("{ss}", "ID", etcd->id), &reply,
			&ignored);

	(void)ended;
}
