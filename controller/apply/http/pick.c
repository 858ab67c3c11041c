#include "controller/apply/http/pick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/apply/tls/certificate.h"

enum pick_kind {
	PICK_TEXT,
	PICK_NUMBER,
	PICK_CERTIFICATE,
	PICK_ADDRESS,
	PICK_NAMES,
	PICK_CERTIFICATE_END,
	PICK_CERTIFICATES,
	PICK_CERTIFICATES_END,
};

struct picking {
	struct arena *arena;
	struct contents *contents;
	enum pick_kind kind;
	const char **items;
	size_t count, size;
	bool overflow;
};

/* ---- one value ---- */

static const char *number_text(struct arena *arena, const json_t *value)
{
	const double real = json_real_value(value);

	if (json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	if (real > -1e15 && real < 1e15 && real == (double)(long long)real)
		return arena_printf(arena, "%lld", (long long)real);
	return arena_printf(arena, "%g", real);
}

static const char *scrubbed(const struct picking *p, const char *text, size_t length)
{
	autodone(buffer) struct buffer hidden = { 0 };

	/* "\u0000" is allowed in JSON; a record's word ends there. */
	buffer_append(&hidden, text, strnlen(text, length));
	contents_hide(p->contents, &hidden);
	return arena_copy(p->arena, buffer_text(&hidden));
}

static const char *as_number(const struct picking *p, const json_t *value)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_number(value))
		return number_text(p->arena, value);
	if (!text || !*text)
		return "";
	(void)strtod(text, &end);
	return *end ? "" : arena_copy(p->arena, text);
}

static const char *as_text(const struct picking *p, const json_t *value)
{
	if (json_is_string(value))
		return scrubbed(p, json_string_value(value), json_string_length(value));
	if (json_is_number(value))
		return number_text(p->arena, value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	return "";
}

static const char *as_certificate(const struct picking *p, const json_t *value)
{
	const bool all = p->kind == PICK_CERTIFICATES || p->kind == PICK_CERTIFICATES_END;
	struct certificate certificate = { 0 };

	if (!json_is_string(value) ||
			!(all ? certificate_find_all : certificate_find)(json_string_value(value),
					json_string_length(value), &certificate))
		return "";
	if (p->kind == PICK_CERTIFICATE_END || p->kind == PICK_CERTIFICATES_END)
		return arena_printf(p->arena, "%lld", certificate.not_after);
	return arena_copy(p->arena, certificate.fingerprint.hex);
}

/* What stands in front of the last "@" is a name and a password. */
static const char *as_address(const struct picking *p, const json_t *value)
{
	const char *start = json_is_string(value) ? strstr(json_string_value(value), "://") : NULL;
	const char *at;

	if (!start)
		return "";
	at = strrchr(start, '@');
	start = at ? at + 1 : start + strlen("://");
	return scrubbed(p, start, strcspn(start, "/?#"));
}

static void add(struct picking *p, const char *value)
{
	if (p->count == PICKED_MAX) {
		p->overflow = true;
		return;
	}
	p->items = arena_with_room(p->arena, p->items, p->count, &p->size, sizeof(*p->items));
	p->items[p->count++] = value;
}

static void add_value(struct picking *p, json_t *value)
{
	switch (p->kind) {
	case PICK_TEXT:
		add(p, as_text(p, value));
		break;
	case PICK_NUMBER:
		add(p, as_number(p, value));
		break;
	case PICK_CERTIFICATE:
	case PICK_CERTIFICATE_END:
	case PICK_CERTIFICATES:
	case PICK_CERTIFICATES_END:
		add(p, as_certificate(p, value));
		break;
	case PICK_ADDRESS:
		add(p, as_address(p, value));
		break;
	case PICK_NAMES:
		for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at))
			add(p,
					scrubbed(p, json_object_iter_key(at),
							strlen(json_object_iter_key(at))));
		break;
	}
}

/* ---- the pointer ---- */

/* The first segment, unescaped ("~1" is "/", "~0" is "~"); `rest` behind it. */
static const char *first_segment(struct arena *arena, const char *pointer, const char **rest)
{
	const size_t length = strcspn(pointer + 1, "/");
	char *segment = arena_copy_bytes(arena, pointer + 1, length);
	char *to = segment;

	for (const char *from = segment; *from; from++) {
		*to = *from;
		if (from[0] == '~' && (from[1] == '0' || from[1] == '1'))
			*to = *++from == '1' ? '/' : '~';
		to++;
	}
	*to = '\0';
	*rest = pointer + 1 + length;
	return segment;
}

static json_t *member(json_t *value, const char *segment)
{
	if (json_is_object(value))
		return json_object_get(value, segment);
	if (json_is_array(value) && *segment && strspn(segment, "0123456789") == strlen(segment))
		return json_array_get(value, strtoul(segment, NULL, 10));
	return NULL;
}

/* Follows the pointer down to the next "*"; what lies behind that is left in `pointer`.
 * NULL: the way ends before. */
static json_t *descend(struct arena *arena, json_t *value, const char **pointer, bool *all)
{
	*all = false;
	while (value && **pointer && !*all) {
		const char *rest;
		const char *segment = first_segment(arena, *pointer, &rest);

		*all = strcmp(segment, "*") == 0;
		if (!*all)
			value = member(value, segment);
		*pointer = rest;
	}
	return value;
}

static void walk(struct picking *p, json_t *value, const char *pointer, bool needed)
{
	bool all;

	value = descend(p->arena, value, &pointer, &all);
	if (!all) {
		if (value || needed)
			add_value(p, value);
		return;
	}
	if (!json_is_array(value) && !json_is_object(value) && needed)
		add(p, "");
	for (size_t i = 0; i < json_array_size(value); i++)
		walk(p, json_array_get(value, i), pointer, true);
	for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at))
		walk(p, json_object_iter_value(at), pointer, true);
}

static bool read_kind(const char *name, enum pick_kind *kind)
{
	static const char *const names[] = {
		[PICK_TEXT] = "text",
		[PICK_NUMBER] = "number",
		[PICK_CERTIFICATE] = "certificate",
		[PICK_ADDRESS] = "address",
		[PICK_NAMES] = "names",
		[PICK_CERTIFICATE_END] = "certificate-end",
		[PICK_CERTIFICATES] = "certificates",
		[PICK_CERTIFICATES_END] = "certificates-end",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0) {
			*kind = (enum pick_kind)i;
			return true;
		}
	}
	return false;
}

json_t *pick_follow(struct arena *arena, json_t *document, const char *pointer)
{
	bool all;
	json_t *found = descend(arena, document, &pointer, &all);

	return all ? NULL : found;
}

bool pick_values(struct arena *arena, struct contents *contents, json_t *reply, struct words row,
		struct words *values, struct error *error)
{
	struct picking p = { .arena = arena, .contents = contents };

	if (row.count != 3 || !read_kind(row.items[2], &p.kind) ||
			(*row.items[1] && *row.items[1] != '/'))
		return fail(error, ERROR_INTERNAL, "a pick needs name, JSON pointer and kind");
	walk(&p, reply, row.items[1], false);
	if (p.overflow)
		return fail(error, ERROR_RETRY, "%s: more than %d values", row.items[0],
				PICKED_MAX);
	*values = (struct words){ .items = p.items, .count = p.count };
	return true;
}
