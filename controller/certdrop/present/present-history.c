#include "controller/certdrop/present/present.h"

#include <string.h>

#include "controller/certdrop/present/present-line.h"
#include "controller/certdrop/present/present-table.h"

/* "gap 40 ms", "gap 40 ms of 5.0 s", "gap 7.1 s, beyond its budget of 5.0 s" */
static void gap_words(struct buffer *words, const json_t *pass)
{
	const long long gap = field_number(pass, "gap_ms", -1);
	const long long budget = field_number(pass, "gap_budget_ms", 0);

	if (gap < 0)
		return;
	buffer_add(words, words->length > 0 ? ", gap " : "gap ");
	milliseconds_words(words, gap);
	if (budget <= 0)
		return;
	buffer_add(words, gap > budget ? ", beyond its budget of " : " of ");
	milliseconds_words(words, budget);
}

/* "CN=web.example until ..., gap 40 ms: reason"; each part may be missing. */
static void pass_words(struct buffer *words, const json_t *pass)
{
	const json_t *credential = json_object_get(pass, "credential");
	const char *reason = field_text(pass, "reason", NULL);

	if (json_is_object(credential))
		brief_words(words, credential);
	gap_words(words, pass);
	if (reason)
		buffer_printf(words, "%s%s", words->length > 0 ? ": " : "", reason);
}

/* ---- in a pipe ---- */

static void begin_line(struct buffer *text, const struct style *style, const json_t *pass)
{
	line_add(text, style, TONE_PLAIN, field_text(pass, "target", "-"));
	buffer_add(text, " ");
	line_add(text, style, TONE_PLAIN, field_text(pass, "started", "-"));
	buffer_add(text, " ");
}

static void add_step_line(struct buffer *text, const struct style *style, const json_t *pass,
		const json_t *step)
{
	const char *reason = field_text(step, "reason", NULL);
	autodone(buffer) struct buffer words = { 0 };

	buffer_printf(&words, "step %s %s ", field_text(step, "phase", "-"),
			field_text(step, "result", "-"));
	milliseconds_words(&words, field_number(step, "milliseconds", 0));
	buffer_printf(&words, ": %s", field_text(step, "text", "-"));
	if (reason)
		buffer_printf(&words, ": %s", reason);
	begin_line(text, style, pass);
	line_add(text, style, TONE_PLAIN, buffer_text(&words));
	buffer_add(text, "\n");
}

static void add_pass_lines(struct buffer *text, const struct style *style, const json_t *pass)
{
	const json_t *steps = field_list(pass, "steps");
	autodone(buffer) struct buffer words = { 0 };

	pass_words(&words, pass);
	begin_line(text, style, pass);
	line_add(text, style, TONE_PLAIN, field_text(pass, "outcome", "-"));
	if (words.length > 0)
		buffer_add(text, ": ");
	line_add(text, style, TONE_PLAIN, buffer_text(&words));
	buffer_add(text, "\n");
	for (size_t i = 0; i < json_array_size(steps); i++)
		add_step_line(text, style, pass, json_array_get(steps, i));
}

/* ---- on a terminal ---- */

static enum tone tone_of_result(const char *result)
{
	if (strcmp(result, "done") == 0)
		return TONE_GOOD;
	return strcmp(result, "failed") == 0 ? TONE_BAD : TONE_PENDING;
}

static void add_step_row(struct table *table, const json_t *step)
{
	const char *result = field_text(step, "result", "-");
	const char *reason = field_text(step, "reason", NULL);
	autodone(buffer) struct buffer time = { 0 };

	milliseconds_words(&time, field_number(step, "milliseconds", 0));
	table_row(table);
	table_cell(table, TONE_PLAIN, "");
	table_cell(table, TONE_FAINT, field_text(step, "phase", "-"));
	table_cell(table, TONE_PLAIN, field_text(step, "text", "-"));
	table_cell(table, tone_of_result(result), result);
	table_cell(table, TONE_FAINT, buffer_text(&time));
	if (reason)
		table_note(table, TONE_BAD, reason);
}

static void add_pass_table(struct buffer *text, const struct style *style, const json_t *pass)
{
	static const char *const headings[] = { "", "", "", "", "", NULL };
	autoarena struct arena *arena = arena_new();
	struct table *table = table_new(arena, headings);
	const json_t *steps = field_list(pass, "steps");
	const char *outcome = field_text(pass, "outcome", "-");
	autodone(buffer) struct buffer words = { 0 };

	line_add(text, style, TONE_STRONG, field_text(pass, "target", "-"));
	buffer_add(text, "  ");
	line_add(text, style, TONE_FAINT, field_text(pass, "started", "-"));
	buffer_add(text, "  ");
	line_add(text, style, tone_of_state(outcome), outcome);
	buffer_add(text, "\n");
	pass_words(&words, pass);
	if (words.length > 0)
		line_wrap(text, style, TONE_PLAIN, 4, buffer_text(&words));
	for (size_t i = 0; i < json_array_size(steps); i++)
		add_step_row(table, json_array_get(steps, i));
	table_print(table, style, text);
}

void present_history(const json_t *document, const struct style *style, struct buffer *text)
{
	const json_t *passes = field_list(document, "passes");

	for (size_t i = 0; i < json_array_size(passes); i++) {
		if (style->width > 0 && i > 0)
			buffer_add(text, "\n");
		if (style->width > 0)
			add_pass_table(text, style, json_array_get(passes, i));
		else
			add_pass_lines(text, style, json_array_get(passes, i));
	}
	if (json_array_size(passes) == 0)
		buffer_add(text, "nothing was done yet\n");
}

/* ---- explain ---- */

void present_explain(const json_t *document, const struct style *style, struct buffer *text)
{
	const json_t *sentences = field_list(document, "sentences");
	const char *state = field_text(document, "state", "-");

	line_add(text, style, TONE_STRONG, field_text(document, "target", "-"));
	buffer_add(text, " ");
	line_add(text, style, tone_of_state(state), state);
	buffer_add(text, "\n");
	for (size_t i = 0; i < json_array_size(sentences); i++) {
		if (style->width == 0) {
			line_add(text, style, TONE_PLAIN, field_text(document, "target", "-"));
			buffer_add(text, ": ");
		}
		line_wrap(text, style, TONE_PLAIN, 4, item_text(sentences, i));
	}
}
