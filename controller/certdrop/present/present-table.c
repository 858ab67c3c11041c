#include "controller/certdrop/present/present-table.h"

#include <assert.h>
#include <string.h>

enum { GAP = 2, NARROWEST_COLUMN = 6, NOTE_INDENT = 4 };

struct cell {
	enum tone tone;
	const char *words;
};

struct note {
	struct note *next;
	struct cell cell;
};

struct row {
	struct row *next;
	struct cell cells[TABLE_COLUMNS_MAX];
	size_t count;
	struct note *notes, **last_note;
};

struct table {
	struct arena *arena;
	const char *const *headings;
	size_t columns;
	struct row *rows, **last_row;
	struct row *row;
};

struct table *table_new(struct arena *arena, const char *const *headings)
{
	struct table *table = arena_new_of(arena, struct table);

	table->arena = arena;
	table->headings = headings;
	table->last_row = &table->rows;
	while (headings[table->columns])
		table->columns++;
	assert(table->columns <= TABLE_COLUMNS_MAX);
	return table;
}

void table_row(struct table *table)
{
	struct row *row = arena_new_of(table->arena, struct row);

	row->last_note = &row->notes;
	*table->last_row = row;
	table->last_row = &row->next;
	table->row = row;
}

void table_cell(struct table *table, enum tone tone, const char *words)
{
	struct row *row = table->row;

	assert(row && row->count < table->columns);
	row->cells[row->count].tone = tone;
	row->cells[row->count].words = arena_copy(table->arena, words);
	row->count++;
}

void table_note(struct table *table, enum tone tone, const char *words)
{
	struct note *note = arena_new_of(table->arena, struct note);

	assert(table->row);
	note->cell.tone = tone;
	note->cell.words = arena_copy(table->arena, words);
	*table->row->last_note = note;
	table->row->last_note = &note->next;
}

static void measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = line_width(table->headings[i]);
	for (const struct row *row = table->rows; row; row = row->next) {
		for (size_t i = 0; i < row->count; i++) {
			const size_t width = line_width(row->cells[i].words);

			if (width > widths[i])
				widths[i] = width;
		}
	}
}

/* Takes from the widest column, one by one, until all fit or none can give any more. */
static void fit(size_t *widths, size_t columns, size_t available)
{
	for (;;) {
		size_t total = GAP * (columns - 1), widest = 0;

		for (size_t i = 0; i < columns; i++) {
			total += widths[i];
			if (widths[i] > widths[widest])
				widest = i;
		}
		if (total <= available || widths[widest] <= NARROWEST_COLUMN)
			return;
		widths[widest]--;
	}
}

/* Blanks at the end of a line would only be in the way of copying it. */
static void end_line(struct buffer *text)
{
	while (text->length > 0 && text->bytes[text->length - 1] == ' ')
		text->bytes[--text->length] = '\0';
	buffer_add(text, "\n");
}

static void print_cells(const struct cell *cells, size_t count, const size_t *widths,
		const struct style *style, struct buffer *text)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_printf(text, "%*s", GAP, "");
		line_add_cell(text, style, cells[i].tone, cells[i].words, widths[i]);
	}
	end_line(text);
}

static void print_headings(const struct table *table, const size_t *widths,
		const struct style *style, struct buffer *text)
{
	struct cell cells[TABLE_COLUMNS_MAX];

	if (!*table->headings[0])
		return;
	for (size_t i = 0; i < table->columns; i++) {
		cells[i].tone = TONE_FAINT;
		cells[i].words = table->headings[i];
	}
	print_cells(cells, table->columns, widths, style, text);
}

void table_print(const struct table *table, const struct style *style, struct buffer *text)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

	measure(table, widths);
	fit(widths, table->columns, style->width);
	print_headings(table, widths, style, text);
	for (const struct row *row = table->rows; row; row = row->next) {
		print_cells(row->cells, row->count, widths, style, text);
		for (const struct note *note = row->notes; note; note = note->next)
			line_wrap(text, style, note->cell.tone, NOTE_INDENT, note->cell.words);
	}
}
