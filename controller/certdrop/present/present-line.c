#include "controller/certdrop/present/present-line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 40, USUAL_WIDTH = 80 };

struct style style_of(int fd)
{
	const char *terminal = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");
	struct style style = { 0 };
	struct winsize size;

	if (!isatty(fd))
		return style;
	style.colour = terminal && strcmp(terminal, "dumb") != 0 && !(no_colour && *no_colour);
	style.width = USUAL_WIDTH;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		style.width = size.ws_col < NARROWEST ? NARROWEST : size.ws_col;
	return style;
}

static const char *tone_code(enum tone tone)
{
	switch (tone) {
	case TONE_PLAIN:
		break;
	case TONE_STRONG:
		return "\033[1m";
	case TONE_FAINT:
		return "\033[2m";
	case TONE_GOOD:
		return "\033[32m";
	case TONE_PENDING:
		return "\033[33m";
	case TONE_BAD:
		return "\033[31m";
	}
	return "";
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* Control characters of ASCII, and those of Latin-1 (U+0080 to U+009F), which some terminals
 * obey as well. */
static size_t control_length(const char *at)
{
	const unsigned char c = (unsigned char)at[0], next = (unsigned char)at[1];

	if (c < ' ' || c == 0x7f)
		return 1;
	return c == 0xC2 && next >= 0x80 && next <= 0x9F ? 2 : 0;
}

/* Appends the first `length` bytes. */
static void add_safely(struct buffer *text, const char *words, size_t length)
{
	const char *end = words + length;

	while (words < end) {
		const size_t control = control_length(words);

		if (control > 0)
			buffer_add(text, "?");
		else
			buffer_append(text, words, 1);
		words += control > 0 ? control : 1;
	}
}

static void add_toned(struct buffer *text, const struct style *style, enum tone tone,
		const char *words, size_t length)
{
	const bool coloured = style->colour && tone != TONE_PLAIN && length > 0;

	if (coloured)
		buffer_add(text, tone_code(tone));
	add_safely(text, words, length);
	if (coloured)
		buffer_add(text, "\033[0m");
}

void line_add(struct buffer *text, const struct style *style, enum tone tone, const char *words)
{
	add_toned(text, style, tone, words, strlen(words));
}

size_t line_width(const char *words)
{
	size_t width = 0;

	for (; *words; words++)
		width += !is_continuation(*words);
	return width;
}

/* How many bytes the first `columns` characters have. */
static size_t bytes_of_columns(const char *words, size_t columns)
{
	const char *at = words;

	while (*at && (columns > 0 || is_continuation(*at))) {
		columns -= !is_continuation(*at);
		at++;
	}
	return (size_t)(at - words);
}

void line_add_cell(struct buffer *text, const struct style *style, enum tone tone,
		const char *words, size_t columns)
{
	static const char dots[] = "...";
	const size_t width = line_width(words);

	if (width > columns && columns > sizeof(dots)) {
		add_toned(text, style, tone, words,
				bytes_of_columns(words, columns - (sizeof(dots) - 1)));
		buffer_add(text, dots);
		return;
	}
	line_add(text, style, tone, words);
	for (size_t i = width; i < columns; i++)
		buffer_add(text, " ");
}

/* The bytes of the next line of at most `columns`: up to a blank, if there is one. */
static size_t next_line(const char *words, size_t columns)
{
	const size_t most = bytes_of_columns(words, columns);
	size_t length = most;

	if (words[most] == '\0' || words[most] == ' ')
		return most;
	while (length > 0 && words[length] != ' ')
		length--;
	return length > 0 ? length : most;
}

void line_wrap(struct buffer *text, const struct style *style, enum tone tone, size_t indent,
		const char *words)
{
	const size_t columns = style->width > indent + 20 ? style->width - indent : 20;

	if (style->width == 0) {
		line_add(text, style, tone, words);
		buffer_add(text, "\n");
		return;
	}
	do {
		const size_t length = next_line(words, columns);

		buffer_printf(text, "%*s", (int)indent, "");
		add_toned(text, style, tone, words, length);
		buffer_add(text, "\n");
		words += length;
		words += strspn(words, " ");
	} while (*words);
}

enum tone tone_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum tone tone;
	} tones[] = {
		{ "idle", TONE_FAINT },
		{ "waiting", TONE_PENDING },
		{ "held", TONE_PENDING },
		{ "applying", TONE_PENDING },
		{ "in-service", TONE_GOOD },
		{ "refused", TONE_BAD },
		{ "rolled-back", TONE_BAD },
		{ "failed", TONE_BAD },
	};

	for (size_t i = 0; i < sizeof(tones) / sizeof(*tones); i++)
		if (strcmp(tones[i].state, state) == 0)
			return tones[i].tone;
	return TONE_PLAIN;
}

/* ---- fields of a document ---- */

const char *field_text(const json_t *object, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : fallback;
}

long long field_number(const json_t *object, const char *name, long long fallback)
{
	const json_t *number = json_object_get(object, name);

	return json_is_integer(number) ? json_integer_value(number) : fallback;
}

const json_t *field_list(const json_t *object, const char *name)
{
	const json_t *list = json_object_get(object, name);

	return json_is_array(list) ? list : NULL;
}

const char *item_text(const json_t *list, size_t index)
{
	const char *text = json_string_value(json_array_get(list, index));

	return text ? text : "";
}

void brief_words(struct buffer *words, const json_t *brief)
{
	const char *end = field_text(brief, "not_after", NULL);

	if (!json_is_object(brief)) {
		buffer_add(words, "-");
		return;
	}
	buffer_add(words, field_text(brief, "subject", "a certificate"));
	if (end)
		buffer_printf(words, " until %s", end);
}

void milliseconds_words(struct buffer *words, long long milliseconds)
{
	if (milliseconds < 1000)
		buffer_printf(words, "%lld ms", milliseconds);
	else if (milliseconds < 60000)
		buffer_printf(words, "%lld.%lld s", milliseconds / 1000, milliseconds % 1000 / 100);
	else
		buffer_printf(words, "%lld min %lld s", milliseconds / 60000,
				milliseconds % 60000 / 1000);
}

void present_json(const json_t *document, struct buffer *text)
{
	autofree char *printed = json_dumps(document, JSON_INDENT(2) | JSON_ENCODE_ANY);

	if (printed)
		buffer_printf(text, "%s\n", printed);
}
