/* What a server answers: picked apart by every kind of pick, quoted in a reason, and amended. */
#include <assert.h>
#include <string.h>

#include "controller/apply/http/amend.h"
#include "controller/apply/http/http-reply.h"
#include "controller/apply/http/pick.h"
#include "tests/fuzz/fuzzing.h"

static const struct words no_words;

static void json_done(json_t **value)
{
	json_decref(*value);
}

static void contents_done(struct contents **contents)
{
	contents_free(*contents);
}

static void pick(struct arena *arena, struct contents *contents, json_t *reply)
{
	static const char *const pointers[] = { "", "/a", "/*", "/*/a", "/a/*/b", "/0", "/*/*",
		"/~1~0" };
	static const char *const kinds[] = { "text", "number", "certificate", "address", "names" };

	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
		for (size_t j = 0; j < sizeof(kinds) / sizeof(*kinds); j++) {
			const char *items[] = { "name", pointers[i], kinds[j] };
			const struct words row = { .items = items, .count = 3 };
			struct words values = no_words;
			struct error error;

			assert(pick_values(arena, contents, reply, row, &values, &error) ||
					error.kind == ERROR_RETRY);
		}
		(void)pick_follow(arena, reply, pointers[i]);
	}
}

static void amend(struct arena *arena, struct contents *contents, json_t *reply, const char *action)
{
	const char *where[] = { "/uid", "number", "1" }, *set[] = { "server_cert", "new" };
	const char *send[] = { "a" }, *members[] = { "uid", "server_cert" };
	struct words where_rows[] = { { .items = where, .count = 3 } };
	struct words set_rows[] = { { .items = set, .count = 2 } };
	const struct amend_step step = {
		.array = "/a",
		.action = action,
		.where = { .items = where_rows, .count = 1 },
		.set = { .items = set_rows, .count = 1 },
		.send = { .items = send, .count = 1 },
		.members = { .items = members, .count = 2 },
	};
	autodone(json) json_t *body = NULL, *document = json_deep_copy(reply);
	struct error error;

	if (!amend_document(arena, contents, &step, document, &body, &error))
		assert(error.kind != ERROR_INTERNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena *arena = arena_new();
	const struct plan plan = { .arena = arena, .target = "web" };
	__attribute__((cleanup(contents_done))) struct contents *contents = contents_new(&plan);
	autodone(json) json_t *reply = json_loadb(
			(const char *)bytes, length, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);

	if (!reply)
		return 0;
	pick(arena, contents, reply);
	for (const char *at = http_reason(arena, contents, reply); *at; at++)
		assert((unsigned char)*at >= ' ');
	amend(arena, contents, reply, "set");
	amend(arena, contents, reply, "add");
	amend(arena, contents, reply, "remove");
	return 0;
}
