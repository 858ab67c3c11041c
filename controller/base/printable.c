#include "controller/base/printable.h"

#include <string.h>

/* The length of the UTF-8 sequence at `text`, and its character; 0 when it is none (RFC 3629: no
 * surrogates, nothing above U+10FFFF, nothing longer than need be). */
static size_t decode(const unsigned char *text, size_t length, unsigned long *character)
{
	static const unsigned long smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t need = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	unsigned long value = need == 1 ? text[0] : text[0] & (0x7fU >> need);

	if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4 || need > length)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (text[i] & 0x3f);
	}
	if (value < smallest[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return need;
}

static bool is_visible(unsigned long c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0xfeff || c == 0x61c)
		return false;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e))
		return false;
	return !(c >= 0x2060 && c <= 0x206f) && !(c >= 0xfff9 && c <= 0xfffb) && c < 0xe0000;
}

/* How many bytes of `text` make the next character, and whether it can be shown as it is. */
static size_t next(const char *text, size_t length, bool *shown)
{
	unsigned long character = 0;
	const size_t step = decode((const unsigned char *)text, length, &character);

	*shown = step > 0 && is_visible(character);
	return step > 0 ? step : 1;
}

/* What cannot be shown gets no longer by it, so `to` and `from` may be the same. */
static size_t show(char *to, const char *from, size_t length, size_t most)
{
	size_t used = 0;

	for (size_t at = 0, step; at < length; at += step) {
		bool shown;

		step = next(from + at, length - at, &shown);
		if (used + length - at > most && used + step + 3 > most) {
			memset(to + used, '.', 3);
			return used + 3;
		}
		if (shown)
			memmove(to + used, from + at, step);
		else
			to[used] = '?';
		used += shown ? step : 1;
	}
	return used;
}

const char *printable(struct arena *arena, const char *text, size_t length)
{
	char shown[PRINTABLE_MAX + 8];

	return arena_copy_bytes(arena, shown, show(shown, text, length, PRINTABLE_MAX));
}

const char *printable_whole(struct arena *arena, const char *text, size_t length)
{
	char *shown = arena_alloc(arena, length + 1);

	(void)show(shown, text, length, length);
	return shown;
}

void printable_in_place(char *text)
{
	const size_t length = strlen(text);

	text[show(text, text, length, length)] = '\0';
}
