#include "controller/certdrop/present/present.h"

#include <stdio.h>
#include <string.h>

#include "controller/certdrop/present/present-line.h"
#include "controller/certdrop/present/present-table.h"

/* ---- in a pipe ---- */

static void add_line(struct buffer *text, const struct style *style, const char *target,
		const char *what, const char *words)
{
	line_add(text, style, TONE_PLAIN, target);
	buffer_printf(text, " %s: ", what);
	line_wrap(text, style, TONE_PLAIN, 0, words);
}

static void add_brief_line(struct buffer *text, const struct style *style, const json_t *target,
		const char *view)
{
	const json_t *brief = json_object_get(target, view);
	autodone(buffer) struct buffer words = { 0 };

	if (!json_is_object(brief))
		return;
	brief_words(&words, brief);
	buffer_printf(&words, " (%.16s)", field_text(brief, "fingerprint", "-"));
	add_line(text, style, field_text(target, "target", "-"), view, buffer_text(&words));
}

/* "127.0.0.1:443 serves 9f2c... until ..." or "127.0.0.1:443: refused" */
static void add_served(struct buffer *words, const json_t *served)
{
	const char *address = field_text(served, "address", "-");
	const char *error = field_text(served, "error", NULL);

	if (error)
		buffer_printf(words, "%s: %s", address, error);
	else
		buffer_printf(words, "%s serves %.16s until %s", address,
				field_text(served, "fingerprint", "-"),
				field_text(served, "not_after", "-"));
}

static void add_served_lines(struct buffer *text, const struct style *style, const json_t *target)
{
	const json_t *list = field_list(target, "served");

	for (size_t i = 0; i < json_array_size(list); i++) {
		autodone(buffer) struct buffer words = { 0 };

		add_served(&words, json_array_get(list, i));
		add_line(text, style, field_text(target, "target", "-"), "served",
				buffer_text(&words));
	}
}

static void add_next(struct buffer *words, const json_t *target)
{
	const char *next = field_text(target, "next", NULL);
	const char *at = field_text(target, "retry_at", NULL);

	if (next)
		buffer_add(words, next);
	if (at)
		buffer_printf(words, "%s%s at %s", next ? "; " : "",
				strcmp(field_text(target, "state", "-"), "held") == 0
						? "looked at again"
						: "tried again",
				at);
}

/* "restart it, at 2026-...: why not yet"; nothing when nothing is pending. */
static void add_pending(struct buffer *words, const json_t *target)
{
	const json_t *pending = json_object_get(target, "pending");
	const char *at = field_text(pending, "at", NULL);
	const char *reason = field_text(pending, "reason", NULL);

	if (!json_is_object(pending))
		return;
	buffer_add(words, field_text(pending, "text", "-"));
	if (at)
		buffer_printf(words, ", at %s", at);
	if (reason)
		buffer_printf(words, ": %s", reason);
}

static void add_target_lines(struct buffer *text, const struct style *style, const json_t *target)
{
	const char *name = field_text(target, "target", "-");
	autodone(buffer) struct buffer next = { 0 };
	autodone(buffer) struct buffer pending = { 0 };
	const json_t *warnings = field_list(target, "warnings");
	const json_t *unanswered = field_list(target, "unanswered");

	line_add(text, style, TONE_PLAIN, name);
	buffer_add(text, " ");
	line_add(text, style, TONE_PLAIN, field_text(target, "state", "-"));
	if (field_text(target, "reason", NULL)) {
		buffer_add(text, ": ");
		line_add(text, style, TONE_PLAIN, field_text(target, "reason", ""));
	}
	buffer_add(text, "\n");
	add_next(&next, target);
	if (next.length > 0)
		add_line(text, style, name, "next", buffer_text(&next));
	add_pending(&pending, target);
	if (pending.length > 0)
		add_line(text, style, name, "pending", buffer_text(&pending));
	add_brief_line(text, style, target, "wanted");
	add_brief_line(text, style, target, "installed");
	add_served_lines(text, style, target);
	for (size_t i = 0; i < json_array_size(unanswered); i++)
		add_line(text, style, name, "unanswered", item_text(unanswered, i));
	add_brief_line(text, style, target, "previous");
	for (size_t i = 0; i < json_array_size(warnings); i++)
		add_line(text, style, name, "warning", item_text(warnings, i));
}

/* ---- on a terminal ---- */

/* Do the views agree? Then one of them says it all. */
static bool is_served(const json_t *target, const char *fingerprint)
{
	const json_t *list = field_list(target, "served");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *served = json_array_get(list, i);

		if (strcmp(field_text(served, "fingerprint", ""), fingerprint) != 0)
			return false;
	}
	return true;
}

static void note_served(struct table *table, const json_t *target, const char *fingerprint)
{
	const json_t *list = field_list(target, "served");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *served = json_array_get(list, i);
		const bool as_wanted =
				strcmp(field_text(served, "fingerprint", ""), fingerprint) == 0;
		autodone(buffer) struct buffer words = { 0 };

		add_served(&words, served);
		table_note(table, as_wanted ? TONE_FAINT : TONE_BAD, buffer_text(&words));
	}
}

static void add_target_row(struct table *table, const json_t *target)
{
	const char *state = field_text(target, "state", "-");
	const json_t *wanted = json_object_get(target, "wanted");
	const json_t *shown =
			json_is_object(wanted) ? wanted : json_object_get(target, "installed");
	const char *fingerprint = field_text(wanted, "fingerprint", "");
	char date[sizeof("2026-11-21")];
	const char *reason = field_text(target, "reason", NULL);
	autodone(buffer) struct buffer next = { 0 };
	autodone(buffer) struct buffer pending = { 0 };
	const json_t *warnings = field_list(target, "warnings");
	const json_t *unanswered = field_list(target, "unanswered");

	(void)snprintf(date, sizeof(date), "%s", field_text(shown, "not_after", "-"));
	table_row(table);
	table_cell(table, TONE_STRONG, field_text(target, "target", "-"));
	table_cell(table, tone_of_state(state), state);
	table_cell(table, TONE_PLAIN,
			field_text(shown, "subject",
					json_is_object(shown) ? "a certificate" : "-"));
	table_cell(table, TONE_PLAIN, date);
	if (reason && strcmp(state, "in-service") != 0)
		table_note(table, TONE_PLAIN, reason);
	add_next(&next, target);
	if (next.length > 0)
		table_note(table, TONE_FAINT, buffer_text(&next));
	add_pending(&pending, target);
	if (pending.length > 0)
		table_note(table, TONE_PENDING, buffer_text(&pending));
	if (*fingerprint && !is_served(target, fingerprint))
		note_served(table, target, fingerprint);
	for (size_t i = 0; i < json_array_size(unanswered); i++)
		table_note(table, TONE_BAD, item_text(unanswered, i));
	for (size_t i = 0; i < json_array_size(warnings); i++)
		table_note(table, TONE_PENDING, item_text(warnings, i));
}

static void present_table(const json_t *document, const struct style *style, struct buffer *text)
{
	static const char *const headings[] = { "TARGET", "STATE", "CERTIFICATE", "UNTIL", NULL };
	autoarena struct arena *arena = arena_new();
	struct table *table = table_new(arena, headings);
	const json_t *targets = field_list(document, "targets");

	for (size_t i = 0; i < json_array_size(targets); i++)
		add_target_row(table, json_array_get(targets, i));
	table_print(table, style, text);
}

void present_status(const json_t *document, const struct style *style, struct buffer *text)
{
	const json_t *targets = field_list(document, "targets");
	const json_t *degraded = field_list(document, "degraded");
	const size_t count = json_array_size(targets);

	if (count == 0)
		buffer_add(text, "no targets\n");
	else if (style->width > 0)
		present_table(document, style, text);
	for (size_t i = 0; style->width == 0 && i < count; i++)
		add_target_lines(text, style, json_array_get(targets, i));
	for (size_t i = 0; i < json_array_size(degraded); i++) {
		line_add(text, style, TONE_BAD, "degraded");
		buffer_add(text, ": ");
		line_add(text, style, TONE_PLAIN, item_text(degraded, i));
		buffer_add(text, "\n");
	}
}
