#include "controller/certdrop/present/present.h"

#include <string.h>

#include "controller/certdrop/present/present-line.h"
#include "controller/certdrop/present/present-table.h"

enum { INDENT = 4 };

static enum tone tone_of_file(const char *state)
{
	if (strcmp(state, "sound") == 0)
		return TONE_GOOD;
	if (strcmp(state, "ignored") == 0)
		return TONE_FAINT;
	return strcmp(state, "incomplete") == 0 ? TONE_PENDING : TONE_BAD;
}

static void add_files(struct buffer *text, const struct style *style, const json_t *files)
{
	static const char *const headings[] = { "FILE", "STATE", NULL };
	autoarena struct arena *arena = arena_new();
	struct table *table = table_new(arena, headings);

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);
		const char *state = field_text(file, "state", "-");

		table_row(table);
		table_cell(table, TONE_STRONG, field_text(file, "name", "-"));
		table_cell(table, tone_of_file(state), state);
		table_note(table, TONE_PLAIN, field_text(file, "sentence", "-"));
	}
	table_print(table, style, text);
}

static void add_file_lines(struct buffer *text, const struct style *style, const json_t *files)
{
	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);

		line_add(text, style, TONE_PLAIN, field_text(file, "name", "-"));
		buffer_add(text, " ");
		line_add(text, style, TONE_PLAIN, field_text(file, "state", "-"));
		buffer_add(text, ": ");
		line_add(text, style, TONE_PLAIN, field_text(file, "sentence", "-"));
		buffer_add(text, "\n");
	}
}

static void add_fact(
		struct buffer *text, const struct style *style, const char *name, const char *words)
{
	if (!*words)
		return;
	buffer_printf(text, "%*s", INDENT, "");
	line_add_cell(text, style, TONE_FAINT, name, 12);
	line_add(text, style, TONE_PLAIN, words);
	buffer_add(text, "\n");
}

static void add_list_fact(struct buffer *text, const struct style *style, const char *name,
		const json_t *list)
{
	autodone(buffer) struct buffer words = { 0 };

	for (size_t i = 0; i < json_array_size(list); i++)
		buffer_printf(&words, "%s%s", i > 0 ? ", " : "", item_text(list, i));
	add_fact(text, style, name, buffer_text(&words));
}

static void add_lasting(struct buffer *text, const struct style *style, const json_t *lasting)
{
	autodone(buffer) struct buffer words = { 0 };

	buffer_printf(&words, "%s: until %s", field_text(lasting, "what", "-"),
			field_text(lasting, "not_after", "further notice"));
	add_fact(text, style, "also", buffer_text(&words));
}

/* The same facts in both styles: they are lines of their own anyway. */
static void add_credential(struct buffer *text, const struct style *style, const json_t *facts)
{
	const json_t *warnings = field_list(facts, "warnings");
	const json_t *lasts = field_list(facts, "lasts");

	line_add(text, style, TONE_STRONG, "credential");
	buffer_add(text, " ");
	line_add(text, style, TONE_PLAIN, field_text(facts, "subject", "-"));
	buffer_add(text, "\n");
	add_fact(text, style, "fingerprint", field_text(facts, "fingerprint", ""));
	add_fact(text, style, "issuer", field_text(facts, "issuer", ""));
	add_fact(text, style, "serial", field_text(facts, "serial", ""));
	add_fact(text, style, "from", field_text(facts, "not_before", ""));
	add_fact(text, style, "until", field_text(facts, "not_after", ""));
	add_fact(text, style, "key", field_text(facts, "key", ""));
	add_list_fact(text, style, "names", field_list(facts, "names"));
	add_list_fact(text, style, "usages", field_list(facts, "usages"));
	add_list_fact(text, style, "parts", field_list(facts, "parts"));
	add_list_fact(text, style, "made of", field_list(facts, "inputs"));
	for (size_t i = 0; i < json_array_size(lasts); i++)
		add_lasting(text, style, json_array_get(lasts, i));
	for (size_t i = 0; i < json_array_size(warnings); i++)
		add_fact(text, style, "warning", item_text(warnings, i));
}

static void add_sentences(struct buffer *text, const struct style *style, enum tone tone,
		const char *what, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		line_add(text, style, tone, what);
		buffer_add(text, ": ");
		line_add(text, style, TONE_PLAIN, item_text(list, i));
		buffer_add(text, "\n");
	}
}

void present_inspect(const json_t *document, const struct style *style, struct buffer *text)
{
	const json_t *files = field_list(document, "files");
	const json_t *credentials = field_list(document, "credentials");
	const bool accepted = json_is_true(json_object_get(document, "accepted"));

	if (style->width > 0)
		add_files(text, style, files);
	else
		add_file_lines(text, style, files);
	for (size_t i = 0; i < json_array_size(credentials); i++)
		add_credential(text, style, json_array_get(credentials, i));
	add_sentences(text, style, TONE_PENDING, "missing", field_list(document, "missing"));
	add_sentences(text, style, TONE_BAD, "refused", field_list(document, "refused"));
	line_add(text, style, accepted ? TONE_GOOD : TONE_BAD,
			accepted ? "accepted" : "not accepted");
	buffer_add(text, "\n");
}
