#include "controller/model/record.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 65536 };

/* ---- words and rows ---- */

struct words words_copy(struct arena *arena, struct words words)
{
	struct words copy = { .count = words.count };

	copy.items = arena_new_many(arena, const char *, words.count + 1);
	for (size_t i = 0; i < words.count; i++)
		copy.items[i] = arena_copy(arena, words.items[i]);
	return copy;
}

bool text_equal(const char *one, const char *other)
{
	return one && other && strcmp(one, other) == 0;
}

bool words_contain(struct words words, const char *word)
{
	for (size_t i = 0; i < words.count; i++)
		if (strcmp(words.items[i], word) == 0)
			return true;
	return false;
}

void rows_add(struct arena *arena, struct rows *rows, const char *word)
{
	struct words *items = arena_new_many(arena, struct words, rows->count + 1);
	const char **only = arena_new_of(arena, const char *);

	if (rows->count > 0)
		memcpy(items, rows->items, rows->count * sizeof(*items));
	*only = word;
	items[rows->count] = (struct words){ .items = only, .count = 1 };
	rows->items = items;
	rows->count++;
}

bool rows_contain(struct rows rows, const char *word)
{
	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].count > 0 && strcmp(rows.items[i].items[0], word) == 0)
			return true;
	return false;
}

/* ---- writing ---- */

struct record *record_new(struct arena *arena, const char *word, ...)
{
	struct record *record = arena_new_of(arena, struct record);
	const char *given[16] = { word };
	struct words words = { .items = given };
	va_list arguments;

	va_start(arguments, word);
	while (given[words.count]) {
		words.count++;
		assert(words.count < sizeof(given) / sizeof(*given));
		given[words.count] = va_arg(arguments, const char *);
	}
	va_end(arguments);

	record->words = words_copy(arena, words);
	return record;
}

void record_add(struct arena *arena, struct record *record, const char *name, struct words values)
{
	struct field *field;

	record->fields = arena_with_room(arena, record->fields, record->field_count,
			&record->field_size, sizeof(*record->fields));
	field = &record->fields[record->field_count++];
	field->name = arena_copy(arena, name);
	field->values = words_copy(arena, values);
}

void record_add_text(
		struct arena *arena, struct record *record, const char *name, const char *value)
{
	const char *items[] = { value };
	const struct words values = { .items = items, .count = 1 };

	record_add(arena, record, name, values);
}

void record_add_number(
		struct arena *arena, struct record *record, const char *name, long long value)
{
	char digits[32];

	(void)snprintf(digits, sizeof(digits), "%lld", value);
	record_add_text(arena, record, name, digits);
}

void records_append(struct arena *arena, struct records *records, struct record *record)
{
	records->items = arena_with_room(arena, records->items, records->count, &records->size,
			sizeof(*records->items));
	records->items[records->count++] = record;
}

static bool bare(const char *word)
{
	if (!*word || *word == '#')
		return false;
	for (; *word; word++) {
		const unsigned char c = (unsigned char)*word;

		if (c <= ' ' || c == '"' || c == '\\' || c >= 0x7f)
			return false;
	}
	return true;
}

static void print_quoted(const char *word, struct buffer *text)
{
	buffer_add(text, "\"");
	for (; *word; word++) {
		const unsigned char c = (unsigned char)*word;

		if (c == '"' || c == '\\')
			buffer_printf(text, "\\%c", c);
		else if (c == '\n')
			buffer_add(text, "\\n");
		else if (c == '\r')
			buffer_add(text, "\\r");
		else if (c == '\t')
			buffer_add(text, "\\t");
		else if (c < ' ' || c == 0x7f)
			buffer_printf(text, "\\x%02x", c);
		else
			buffer_append(text, word, 1);
	}
	buffer_add(text, "\"");
}

static void print_word(const char *word, struct buffer *text)
{
	if (bare(word))
		buffer_add(text, word);
	else
		print_quoted(word, text);
}

static void print_words(struct words words, struct buffer *text)
{
	for (size_t i = 0; i < words.count; i++) {
		if (i > 0)
			buffer_add(text, " ");
		print_word(words.items[i], text);
	}
	buffer_add(text, "\n");
}

void record_print(const struct record *record, struct buffer *text)
{
	print_words(record->words, text);
	for (size_t i = 0; i < record->field_count; i++) {
		const struct field *field = &record->fields[i];

		buffer_add(text, "\t");
		print_word(field->name, text);
		buffer_add(text, field->values.count > 0 ? " " : "");
		print_words(field->values, text);
	}
}

void records_print(const struct records *records, struct buffer *text)
{
	for (size_t i = 0; i < records->count; i++) {
		if (i > 0)
			buffer_add(text, "\n");
		record_print(records->items[i], text);
	}
}

/* ---- reading ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* What the escape after a backslash stands for; 0 when it is none. `*at` moves behind it.
 */
static char unescape(const char **at)
{
	static const char escapes[] = "\"\"\\\\n\nr\rt\t";
	const char *found = escapes;
	const char c = *(*at)++;

	if (c == 'x') {
		const int high = hex_value((*at)[0]);
		const int low = high < 0 ? -1 : hex_value((*at)[1]);

		if (low < 0)
			return 0;
		*at += 2;
		return (char)(16 * high + low);
	}
	for (; *found; found += 2)
		if (*found == c)
			return found[1];
	(*at)--;
	return 0;
}

static const char *read_quoted(struct arena *arena, const char **at)
{
	autodone(buffer) struct buffer word = { 0 };

	for ((*at)++; **at != '"';) {
		char c = **at;

		if (c == '\0' || c == '\n')
			return NULL;
		(*at)++;
		if (c == '\\') {
			c = unescape(at);
			if (c == 0)
				return NULL;
		}
		buffer_append(&word, &c, 1);
	}
	(*at)++;
	return arena_copy(arena, buffer_text(&word));
}

static const char *read_bare(struct arena *arena, const char **at)
{
	const char *start = *at;

	while ((unsigned char)**at > ' ' && **at != '"' && **at != '\\')
		(*at)++;
	return *at == start ? NULL : arena_copy_bytes(arena, start, (size_t)(*at - start));
}

/* One line of words; `*at` ends at its newline or at the end of the text. */
static bool read_words(struct arena *arena, const char **at, size_t *budget, struct words *words)
{
	size_t size = 0;

	*words = (struct words){ 0 };
	for (;;) {
		const char *word;

		*at += strspn(*at, " \t\r");
		if (**at == '\n' || **at == '\0')
			return true;
		if ((*budget)-- == 0)
			return false;
		word = **at == '"' ? read_quoted(arena, at) : read_bare(arena, at);
		if (!word)
			return false;
		if (words->count == size) {
			const char **items = arena_new_many(arena, const char *, 2 * size + 4);

			if (size > 0)
				memcpy(items, words->items, size * sizeof(*items));
			words->items = items;
			size = 2 * size + 4;
		}
		words->items[words->count++] = word;
	}
}

static bool add_line(struct arena *arena, struct records *records, bool indented, struct words line)
{
	struct words values = { 0 };

	if (!indented) {
		struct record *record = arena_new_of(arena, struct record);

		record->words = line;
		records_append(arena, records, record);
		return true;
	}
	if (records->count == 0)
		return false;
	values.items = line.items + 1;
	values.count = line.count - 1;
	record_add(arena, records->items[records->count - 1], line.items[0], values);
	return true;
}

bool records_read(
		struct arena *arena, const char *text, struct records *records, struct error *error)
{
	struct records found = { 0 };
	size_t budget = WORDS_MAX;
	unsigned line = 0;

	while (*text) {
		const bool indented = *text == '\t' || *text == ' ';
		struct words words;

		line++;
		if (*text == '#') {
			text += strcspn(text, "\n");
		} else {
			if (!read_words(arena, &text, &budget, &words))
				return fail(error, ERROR_INTERNAL, "line %u: not a list of words",
						line);
			if (words.count > 0 && !add_line(arena, &found, indented, words))
				return fail(error, ERROR_INTERNAL,
						"line %u: a field without a record", line);
		}
		if (*text == '\n')
			text++;
	}
	*records = found;
	return true;
}

const char *record_word(const struct record *record, size_t index)
{
	return index < record->words.count ? record->words.items[index] : "";
}

struct words record_words(const struct record *record, const char *name)
{
	for (size_t i = 0; i < record->field_count; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			return record->fields[i].values;
	return (struct words){ 0 };
}

const char *record_text(const struct record *record, const char *name)
{
	const struct words words = record_words(record, name);

	return words.count > 0 ? words.items[0] : NULL;
}

struct rows record_rows(struct arena *arena, const struct record *record, const char *name)
{
	struct rows rows = { 0 };

	rows.items = arena_new_many(arena, struct words, record->field_count + 1);
	for (size_t i = 0; i < record->field_count; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			rows.items[rows.count++] = record->fields[i].values;
	return rows;
}

long long record_number(const struct record *record, const char *name, long long fallback)
{
	const char *text = record_text(record, name);
	long long number;
	char *end;

	if (!text || !*text)
		return fallback;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : fallback;
}

const struct record *records_find(
		const struct records *records, const char *first, const char *second)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = records->items[i];

		if (strcmp(record_word(record, 0), first) == 0 &&
				(!second || strcmp(record_word(record, 1), second) == 0))
			return record;
	}
	return NULL;
}
