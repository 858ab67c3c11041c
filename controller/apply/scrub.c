#define _GNU_SOURCE
#include "controller/apply/scrub.h"

#include <ctype.h>
#include <string.h>

enum { SHORTEST_LINE = 4, BASE64_RUN = 60 };

static void cover_each(struct buffer *text, const char *secret, size_t length)
{
	char *at = text->bytes;
	char *const end = text->bytes + text->length;

	while ((at = memmem(at, (size_t)(end - at), secret, length))) {
		memset(at, '*', length);
		at += length;
	}
}

void scrub_lines(struct buffer *text, const char *secret, size_t length)
{
	size_t line;

	if (text->length == 0)
		return;
	for (size_t at = 0; at < length; at += line + 1) {
		const char *end = memchr(secret + at, '\n', length - at);

		line = end ? (size_t)(end - secret) - at : length - at;
		if (line >= SHORTEST_LINE && strncmp(secret + at, "-----", 5) != 0)
			cover_each(text, secret + at, line);
	}
}

/* How long the PEM block is that starts here, its END line included. */
static size_t block_length(const char *block)
{
	const char *end = strstr(block, "-----END ");

	return end ? (size_t)(end - block) + strcspn(end, "\r\n") : strlen(block);
}

static void cover_private_keys(struct buffer *text)
{
	static const char begin[] = "-----BEGIN ", label[] = "PRIVATE KEY";
	char *at = text->bytes;

	while ((at = strstr(at, begin))) {
		const size_t line = strcspn(at, "\r\n");
		size_t length = strlen(begin);

		if (memmem(at, line, label, strlen(label))) {
			length = block_length(at);
			memset(at, '*', length);
		}
		at += length;
	}
}

static bool is_base64(char c)
{
	return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '=' || c == '-' ||
			c == '_';
}

static int class_of(char c)
{
	if (isupper((unsigned char)c))
		return 1;
	if (islower((unsigned char)c))
		return 2;
	return isdigit((unsigned char)c) ? 3 : 0;
}

/* A path is made of words: where a letter or digit follows another one, it is mostly of the same kind. In base64
 * six in ten are of another kind, so that of 60 characters as few as a third come about once in a hundred
 * thousand lines; and those have neither to begin with a slash nor to have two more. */
static bool is_path(const char *run, size_t length, bool goes_on)
{
	size_t slashes = 0, pairs = 0, changes = 0;

	for (size_t i = 0; i < length; i++) {
		const int class = class_of(run[i]),
			  next = i + 1 < length ? class_of(run[i + 1]) : 0;

		if (run[i] == '+' || run[i] == '=')
			return false;
		slashes += run[i] == '/';
		pairs += class && next;
		changes += class && next && class != next;
	}
	return (*run == '/' || goes_on) && slashes >= 2 && changes * 3 <= pairs;
}

static void cover_base64(struct buffer *text)
{
	for (size_t i = 0; i < text->length;) {
		size_t run = 0;
		bool hex = true;

		for (; i + run < text->length && is_base64(text->bytes[i + run]); run++)
			hex = hex && isxdigit((unsigned char)text->bytes[i + run]);
		if (run >= BASE64_RUN && !hex &&
				!is_path(text->bytes + i, run, i > 0 && text->bytes[i - 1] == '.'))
			memset(text->bytes + i, '*', run);
		i += run + 1;
	}
}

/* redis://admin:secret@host:6379: from behind the slashes up to the last "@" of the word. */
static void cover_userinfo(struct buffer *text)
{
	char *at = text->bytes;

	while ((at = strstr(at, "://"))) {
		size_t length;

		at += strlen("://");
		length = strcspn(at, " \t\r\n\"'<>");
		for (; length > 0 && at[length - 1] != '@'; length--)
			;
		if (length > 0)
			memset(at, '*', length - 1);
		at += length;
	}
}

void scrub_foreign(struct buffer *text)
{
	if (text->length == 0)
		return;
	for (size_t i = 0; i < text->length; i++) {
		const unsigned char c = (unsigned char)text->bytes[i];

		if ((c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
			text->bytes[i] = '?';
	}
	cover_private_keys(text);
	cover_base64(text);
	cover_userinfo(text);
}
