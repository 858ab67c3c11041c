#pragma once

/*
 * Words and lines for the presenters: tones, widths, wrapping, and reading fields of a
 * document. Everything printed goes through here, so that nothing in a document can steer
 * the terminal.
 */

#include "controller/certdrop/present/present.h"

enum tone {
	TONE_PLAIN,
	TONE_STRONG, /* headings, names */
	TONE_FAINT, /* what matters little */
	TONE_GOOD,
	TONE_PENDING, /* neither good nor bad yet */
	TONE_BAD,
};

/* Appends the text, control characters as '?', in the tone's colour if there is any. */
void line_add(struct buffer *text, const struct style *style, enum tone tone, const char *words);

/* The same, at most `columns` wide ("a long na..."), and padded to it. */
void line_add_cell(struct buffer *text, const struct style *style, enum tone tone,
		const char *words, size_t columns);

/* The words and a line's end. On a terminal they are wrapped, and each line is indented by
 * `indent`; in a pipe nothing is. */
void line_wrap(struct buffer *text, const struct style *style, enum tone tone, size_t indent,
		const char *words);

/* Columns that a text takes on a terminal: its characters (all are taken to be narrow). */
size_t line_width(const char *words);

enum tone tone_of_state(const char *state);

/* ---- fields of a document ---- */

/* A string; `fallback` when it is missing, null or something else. */
const char *field_text(const json_t *object, const char *name, const char *fallback);
long long field_number(const json_t *object, const char *name, long long fallback);
const json_t *field_list(const json_t *object, const char *name); /* NULL is an empty list */

const char *item_text(const json_t *list, size_t index); /* "" when it is not a string */

/* "CN=web.example until 2027-01-01T00:00:00Z" of a BRIEF or FACTS, "a certificate until ..."
 * without a subject, "-" for null: words, still to be given to line_add(). */
void brief_words(struct buffer *words, const json_t *brief);

/* "120 ms", "1.5 s", "2 min 5 s" */
void milliseconds_words(struct buffer *words, long long milliseconds);
