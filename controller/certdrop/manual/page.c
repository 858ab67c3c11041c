#include "controller/certdrop/manual/page.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 78, MACRO_MAX = 1024 };

/* A line of text that is being filled. */
struct filling {
	struct buffer *page;
	size_t column;
	bool typed; /* between two backticks */
};

/* What stands for itself, whatever it means to roff(7) or becomes in a book's typography: shells
 * and configurations know none of the hyphens and quotes but these. */
static void add_literally(struct buffer *page, char c)
{
	switch (c) {
	case '\\':
		buffer_add(page, "\\e");
		break;
	case '-':
		buffer_add(page, "\\-");
		break;
	case '\'':
		buffer_add(page, "\\(aq");
		break;
	case '`':
		buffer_add(page, "\\(ga");
		break;
	case '^':
		buffer_add(page, "\\(ha");
		break;
	case '~':
		buffer_add(page, "\\(ti");
		break;
	default:
		buffer_append(page, &c, 1);
	}
}

/* In a sentence, too, but for its apostrophes, and its hyphens: a dash before a word is that of an
 * option. */
static bool is_literal(const struct filling *filling, char before, char c)
{
	if (filling->typed || (c != '\'' && c != '-'))
		return true;
	return c == '-' && (before == ' ' || before == '-' || before == '"' || before == '(');
}

static void add_word(struct filling *filling, const char *word, size_t length)
{
	char before = ' ';

	for (size_t i = 0; i < length; before = word[i++]) {
		if (word[i] == '`') {
			filling->typed = !filling->typed;
			/* What is typed is never hyphenated at the end of a line. */
			buffer_add(filling->page, filling->typed ? "\\%\\fB" : "\\fR");
		} else if (is_literal(filling, before, word[i])) {
			add_literally(filling->page, word[i]);
		} else {
			buffer_append(filling->page, &word[i], 1);
		}
	}
}

static void end_line(struct filling *filling)
{
	if (filling->column > 0)
		buffer_add(filling->page, "\n");
	filling->column = 0;
}

static bool ends_sentence(const char *word, size_t length, const char *next)
{
	while (length > 0 && strchr("\")`", word[length - 1]))
		length--;
	return length > 0 && strchr(".?!", word[length - 1]) && !islower((unsigned char)*next);
}

void page_text(struct buffer *page, const char *sentences)
{
	struct filling filling = { .page = page };
	const char *word = sentences + strspn(sentences, " \n");

	while (*word) {
		const size_t length = strcspn(word, " \n");
		const char *next = word + length + strspn(word + length, " \n");
		const size_t before = page->length;

		if (filling.column > 0) {
			buffer_add(page, " ");
			filling.column++;
		} else if (*word == '.' || *word == '\'') {
			buffer_add(page, "\\&");
		}
		add_word(&filling, word, length);
		filling.column += page->length - before;
		if (ends_sentence(word, length, next) ||
				filling.column + 4 + strcspn(next, " \n") * 5 / 4 > WIDTH)
			end_line(&filling);
		word = next;
	}
	end_line(&filling);
}

void page_macro(struct buffer *page, const char *format, ...)
{
	char text[MACRO_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	buffer_printf(page, "%s\n", text);
}

void page_item(struct buffer *page, const char *words, const char *value)
{
	buffer_add(page, ".It Ic ");
	for (const char *c = words; *c; c++)
		add_literally(page, *c);
	if (value)
		buffer_printf(page, " %s", value);
	buffer_add(page, "\n");
}

static void add_line(struct buffer *page, const char *line, size_t length)
{
	if (length > 0 && (*line == '.' || *line == '\''))
		buffer_add(page, "\\&");
	for (size_t i = 0; i < length; i++)
		add_literally(page, line[i]);
	buffer_add(page, "\n");
}

void page_display(struct buffer *page, const char *text)
{
	buffer_add(page, ".Bd -literal\n");
	while (*text) {
		const size_t length = strcspn(text, "\n");

		add_line(page, text, length);
		text += length + (text[length] == '\n');
	}
	buffer_add(page, ".Ed\n");
}
