#pragma once

/*
 * Records: the one text format in which plans, questions, answers, facts and the messages
 * between the programs are written. What is printed for the operator is what is compared
 * in tests, handed to a worker and kept in the journal.
 *
 *         change command "make nginx load it"
 *                 argv nginx -s reload
 *                 deadline 30000
 *
 * A record is a line of words followed by indented lines, its fields: a name and words.
 * Fields may repeat. A word is bare when it holds only printable ASCII without blanks,
 * quotes, backslashes and a leading '#'; otherwise it stands in double quotes, with \"
 * \\ \n \r \t and \xHH. Bytes of 0x80 and above stand for themselves. Blank lines and
 * lines starting with '#' are skipped. Printing what was read gives the same records (not
 * the same comments).
 *
 * Limits: 65,536 words in a text; the text's size is limited by whoever reads it.
 */

#include <stddef.h>

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/error.h"

struct words {
	const char **items;
	size_t count;
};

/* Several lists of words: the values of a field that repeats. */
struct rows {
	struct words *items;
	size_t count;
};

struct field {
	const char *name;
	struct words values;
};

struct record {
	struct words words;
	struct field *fields;
	size_t field_count, field_size;
};

struct records {
	struct record **items;
	size_t count, size;
};

/* ---- writing ---- */

/* A record with these words, a NULL-terminated list. Everything given is copied into the
 * arena. */
struct record *record_new(struct arena *arena, const char *word, ...) __attribute__((sentinel));

void record_add(struct arena *arena, struct record *record, const char *name, struct words values);
void record_add_text(
		struct arena *arena, struct record *record, const char *name, const char *value);
void record_add_number(
		struct arena *arena, struct record *record, const char *name, long long value);

void records_append(struct arena *arena, struct records *records, struct record *record);

void record_print(const struct record *record, struct buffer *text);
void records_print(const struct records *records, struct buffer *text);

/* ---- reading ---- */

/* ERROR_INTERNAL with the line number: the text is not made of records. */
bool records_read(struct arena *arena, const char *text, struct records *records,
		struct error *error) must_check;

/* The word at `index` of the first line, "" when there are fewer. */
const char *record_word(const struct record *record, size_t index);

/* The first value of the first field of that name; NULL when there is none. */
const char *record_text(const struct record *record, const char *name);

/* All values of the first field of that name. */
struct words record_words(const struct record *record, const char *name);

/* The values of each field of that name, in order. */
struct rows record_rows(struct arena *arena, const struct record *record, const char *name);

/* The first value as a decimal number, or `fallback` when there is none or it is not one.
 */
long long record_number(const struct record *record, const char *name, long long fallback);

/* The first record whose first words are `first` and `second` (NULL: any); NULL when
 * there is none. */
const struct record *records_find(
		const struct records *records, const char *first, const char *second);

/* ---- words and rows ---- */

struct words words_copy(struct arena *arena, struct words words);
bool words_contain(struct words words, const char *word);

/* Puts a row of this one word behind the others; the word is not copied. */
void rows_add(struct arena *arena, struct rows *rows, const char *word);

/* Is this the first word of one of them? */
bool rows_contain(struct rows rows, const char *word);

/* A value that may not be there: NULL is equal to nothing. */
bool text_equal(const char *one, const char *other);
