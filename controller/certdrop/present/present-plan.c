#include "controller/certdrop/present/present.h"

#include <string.h>

#include "controller/certdrop/present/present-line.h"
#include "controller/certdrop/present/present-table.h"

/* In a pipe a plan is its own text, which is made of records (controller/model/record.h);
 * what is said besides is a comment there. */
static void add_comment(struct buffer *text, const struct style *style, const json_t *plan,
		const char *words)
{
	buffer_add(text, "# ");
	line_add(text, style, TONE_PLAIN, field_text(plan, "target", "-"));
	buffer_add(text, ": ");
	line_add(text, style, TONE_PLAIN, words);
	buffer_add(text, "\n");
}

static void add_plan_text(struct buffer *text, const struct style *style, const json_t *plan)
{
	const char *reason = field_text(plan, "reason", NULL);
	const char *lines = field_text(plan, "text", NULL);
	const json_t *unanswered = field_list(plan, "unanswered");

	if (!lines || reason)
		add_comment(text, style, plan, reason ? reason : "nothing to do");
	for (size_t i = 0; i < json_array_size(unanswered); i++)
		add_comment(text, style, plan, item_text(unanswered, i));
	while (lines && *lines) {
		const size_t length = strcspn(lines, "\n");
		const size_t tabs = strspn(lines, "\t");
		autodone(buffer) struct buffer line = { 0 };

		buffer_append(&line, lines + tabs, length - tabs);
		buffer_append(text, "\t\t\t\t", tabs < 4 ? tabs : 4);
		line_add(text, style, TONE_PLAIN, buffer_text(&line));
		buffer_add(text, "\n");
		lines += length + (lines[length] == '\n');
	}
}

/* ---- on a terminal ---- */

static enum tone tone_of_disruption(const char *disruption)
{
	if (strcmp(disruption, "none") == 0 || !*disruption)
		return TONE_FAINT;
	return strcmp(disruption, "reload") == 0 ? TONE_PLAIN : TONE_PENDING;
}

static void add_step_row(struct table *table, const json_t *step)
{
	const char *phase = field_text(step, "phase", "-");
	const char *disruption = field_text(step, "disruption", "");
	const bool undo = strcmp(phase, "undo") == 0;

	table_row(table);
	table_cell(table, TONE_PLAIN, "");
	table_cell(table, TONE_FAINT, undo ? "if it fails" : phase);
	table_cell(table, TONE_FAINT, field_text(step, "kind", "-"));
	table_cell(table, undo ? TONE_FAINT : TONE_PLAIN, field_text(step, "text", "-"));
	table_cell(table, tone_of_disruption(disruption),
			strcmp(disruption, "none") == 0 ? "" : disruption);
}

static void add_steps(struct buffer *text, const struct style *style, const json_t *steps)
{
	static const char *const headings[] = { "", "", "", "", "", NULL };
	autoarena struct arena *arena = arena_new();
	struct table *table = table_new(arena, headings);

	for (size_t i = 0; i < json_array_size(steps); i++)
		add_step_row(table, json_array_get(steps, i));
	table_print(table, style, text);
}

static void add_plan_table(struct buffer *text, const struct style *style, const json_t *plan)
{
	const json_t *steps = field_list(plan, "steps");
	const char *state = field_text(plan, "state", "-");
	const char *reason = field_text(plan, "reason", NULL);
	const json_t *unanswered = field_list(plan, "unanswered");

	line_add(text, style, TONE_STRONG, field_text(plan, "target", "-"));
	buffer_add(text, "  ");
	line_add(text, style, tone_of_state(state), state);
	if (json_array_size(steps) == 0 && !reason)
		buffer_add(text, "  nothing to do");
	buffer_add(text, "\n");
	if (reason)
		line_wrap(text, style, TONE_PLAIN, 4, reason);
	for (size_t i = 0; i < json_array_size(unanswered); i++)
		line_wrap(text, style, TONE_BAD, 4, item_text(unanswered, i));
	if (json_array_size(steps) > 0)
		add_steps(text, style, steps);
}

void present_plan(const json_t *document, const struct style *style, struct buffer *text)
{
	const json_t *plans = field_list(document, "plans");

	for (size_t i = 0; i < json_array_size(plans); i++) {
		const json_t *plan = json_array_get(plans, i);

		if (i > 0)
			buffer_add(text, "\n");
		if (style->width > 0)
			add_plan_table(text, style, plan);
		else
			add_plan_text(text, style, plan);
	}
}
