#pragma once

/*
 * A table for a terminal: columns as wide as they need to be, the widest made narrower
 * until the table fits, notes below a row wrapped to the full width.
 *
 *         struct table *table = table_new(arena, headings);
 *
 *         table_row(table);
 *         table_cell(table, TONE_STRONG, "web");
 *         table_cell(table, TONE_GOOD, "in-service");
 *         table_note(table, TONE_PLAIN, "ends in 12 days");
 *         table_print(table, style, text);
 */

#include "controller/base/arena.h"
#include "controller/certdrop/present/present-line.h"

enum { TABLE_COLUMNS_MAX = 8 };

struct table;

/* `headings` ends with NULL; a first heading of "" leaves the line of headings out. */
struct table *table_new(struct arena *arena, const char *const *headings);

void table_row(struct table *table);
void table_cell(struct table *table, enum tone tone, const char *words);
void table_note(struct table *table, enum tone tone, const char *words);

void table_print(const struct table *table, const struct style *style, struct buffer *text);
