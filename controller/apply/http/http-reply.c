#include "controller/apply/http/http-reply.h"

#include <string.h>

enum { QUOTED_MAX = 240 };

static void add_reason(const json_t *reply, const char *name, struct buffer *text)
{
	const json_t *value = json_object_get(reply, name);

	if (json_is_string(value) && *json_string_value(value))
		buffer_printf(text, ": %s", json_string_value(value));
}

const char *http_reason(struct arena *arena, struct contents *contents, const json_t *reply)
{
	autodone(buffer) struct buffer text = { 0 };

	add_reason(reply, "error_code", &text);
	add_reason(reply, "description", &text);
	add_reason(reply, "message", &text);
	contents_hide(contents, &text);
	for (size_t i = 0; i < text.length; i++)
		if (strchr("\r\n\t", text.bytes[i]))
			text.bytes[i] = ' ';
	return arena_printf(arena, "%.*s", QUOTED_MAX, buffer_text(&text));
}

bool http_judge(struct arena *arena, struct contents *contents, const struct http_step *step,
		long status, const json_t *reply, struct error *error)
{
	const char *number = arena_printf(arena, "%ld", status);
	const bool usual = step->success.count == 0 && status >= 200 && status <= 299;

	if (usual || words_contain(step->success, number))
		return true;
	return fail(error, words_contain(step->retry, number) ? ERROR_RETRY : ERROR_CONFIG,
			"%s %.*s: status %s%s", step->method ? step->method : "GET",
			(int)strcspn(step->url, "?"), step->url, number,
			http_reason(arena, contents, reply));
}
