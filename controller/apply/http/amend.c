#include "controller/apply/http/amend.h"

#include <ctype.h>
#include <string.h>

#include "controller/apply/http/pick.h"

struct amending {
	struct arena *arena;
	struct contents *contents;
	const struct amend_step *step;
	json_t *array;
	bool changed;
};

static void json_done(json_t **value)
{
	json_decref(*value);
}

/* ---- choosing ---- */

static bool is_found(const struct amending *a, json_t *element, struct words row, bool *found,
		struct error *error)
{
	const char *pick[] = { "where", row.count == 3 ? row.items[0] : "?",
		row.count == 3 ? row.items[1] : "" };
	const struct words picking = { .items = pick, .count = 3 };
	struct words values = { 0 };

	if (!pick_values(a->arena, a->contents, element, picking, &values, error))
		return fail_while(error, "where");
	*found = values.count == 1 && strcmp(values.items[0], row.items[2]) == 0;
	return true;
}

static bool is_chosen(const struct amending *a, json_t *element, bool *chosen, struct error *error)
{
	*chosen = true;
	for (size_t i = 0; i < a->step->where.count && *chosen; i++)
		if (!is_found(a, element, a->step->where.items[i], chosen, error))
			return false;
	return true;
}

/* ---- the new values ---- */

static bool make_value(
		const struct amending *a, const char *text, json_t **value, struct error *error)
{
	static const char mark[] = "{content:";
	const size_t length = strlen(text);
	struct content content = { .bytes = text, .length = length };
	const char *name;

	if (strncmp(text, mark, strlen(mark)) == 0 && text[length - 1] == '}') {
		name = arena_copy_bytes(a->arena, text + strlen(mark), length - strlen(mark) - 1);
		if (!contents_get(a->contents, name, &content, error))
			return false;
	}
	*value = json_stringn(content.bytes, content.length);
	return *value || fail(error, ERROR_INTERNAL, "a value that is no UTF-8");
}

static size_t trimmed(const json_t *text)
{
	size_t length = json_string_length(text);

	while (length > 0 && isspace((unsigned char)json_string_value(text)[length - 1]))
		length--;
	return length;
}

/* Servers add a line end to a certificate, or take it away. */
static bool is_same(const json_t *one, const json_t *other)
{
	return json_is_string(one) && json_is_string(other) && trimmed(one) == trimmed(other) &&
			memcmp(json_string_value(one), json_string_value(other), trimmed(one)) == 0;
}

static bool set_members(struct amending *a, json_t *element, struct error *error)
{
	for (size_t i = 0; i < a->step->set.count; i++) {
		const struct words row = a->step->set.items[i];
		json_t *value = NULL;

		if (row.count != 2)
			return fail(error, ERROR_INTERNAL, "set needs a name and a value");
		if (!make_value(a, row.items[1], &value, error))
			return false;
		a->changed = a->changed || !is_same(json_object_get(element, row.items[0]), value);
		if (json_object_set_new(element, row.items[0], value) < 0)
			return fail(error, ERROR_RETRY, "an element is no object");
	}
	return true;
}

/* ---- the three actions ---- */

static bool set_chosen(struct amending *a, struct error *error)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(a->array); i++) {
		json_t *element = json_array_get(a->array, i);
		bool chosen;

		if (!is_chosen(a, element, &chosen, error))
			return false;
		if (chosen && !set_members(a, element, error))
			return false;
		count += chosen;
	}
	return count > 0 ||
			fail(error, ERROR_RETRY, "%s has no such element any more", a->step->array);
}

static bool add_new(struct amending *a, struct error *error)
{
	autodone(json) json_t *element = json_object();

	for (size_t i = 0; i < json_array_size(a->array); i++) {
		bool chosen;

		if (!is_chosen(a, json_array_get(a->array, i), &chosen, error))
			return false;
		if (chosen)
			return true;
	}
	a->changed = true;
	if (!set_members(a, element, error))
		return false;
	return json_array_append(a->array, element) == 0 ||
			fail(error, ERROR_INTERNAL, "no element can be added");
}

static bool remove_chosen(struct amending *a, struct error *error)
{
	for (size_t i = json_array_size(a->array); i-- > 0;) {
		bool chosen;

		if (!is_chosen(a, json_array_get(a->array, i), &chosen, error))
			return false;
		if (chosen && json_array_remove(a->array, i) == 0)
			a->changed = true;
	}
	return true;
}

static bool act(struct amending *a, struct error *error)
{
	const char *action = a->step->action ? a->step->action : "";
	const bool choosing = a->step->where.count > 0;

	if (strcmp(action, "set") == 0)
		return set_chosen(a, error);
	if (strcmp(action, "add") == 0 && choosing)
		return add_new(a, error);
	if (strcmp(action, "remove") == 0 && choosing)
		return remove_chosen(a, error);
	return fail(error, ERROR_INTERNAL, "no such action as \"%s\"%s", action,
			choosing ? "" : " without where");
}

/* ---- what is written ---- */

static void keep_only(json_t *object, struct words names)
{
	const char *name;
	json_t *value;
	void *next;

	if (names.count == 0)
		return;
	json_object_foreach_safe(object, next, name, value) if (!words_contain(names, name))(void)
			json_object_del(object, name);
}

/* The name of the first masked text in what would be written. */
static const char *find_masked(json_t *value, const char *name)
{
	const char *found = NULL;
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(value) && strstr(json_string_value(value), "***"))
		return name;
	json_array_foreach(value, i, member) if (!found) found = find_masked(member, name);
	json_object_foreach(value, key, member) if (!found) found = find_masked(member, key);
	return found;
}

bool amend_document(struct arena *arena, struct contents *contents, const struct amend_step *step,
		json_t *document, json_t **body, struct error *error)
{
	struct amending a = { .arena = arena, .contents = contents, .step = step };
	const char *masked;

	if (!step->array)
		return fail(error, ERROR_INTERNAL, "an amend step without an array");
	a.array = pick_follow(arena, document, step->array);
	if (!json_is_array(a.array))
		return fail(error, ERROR_RETRY, "the document has no list at %s", step->array);
	*body = NULL;
	if (!act(&a, error))
		return false;
	if (!a.changed)
		return true;

	for (size_t i = 0; i < json_array_size(a.array); i++)
		keep_only(json_array_get(a.array, i), step->members);
	keep_only(document, step->send);
	masked = find_masked(document, "");
	if (masked)
		return fail(error, ERROR_CONFIG,
				"the server shows %s masked: written back like that it would be lost",
				masked);
	*body = json_incref(document);
	return true;
}
