#include "controller/certdrop/intake/filename.h"

#include <stdint.h>
#include <string.h>

bool filename_ignored(const char *name)
{
	static const char *const endings[] = { "~", ".tmp", ".part", ".filepart", ".swp",
		".crdownload", ".receipt.json" };
	const size_t length = strlen(name);

	if (name[0] == '.' || strcmp(name, "receipt.json") == 0)
		return true;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const size_t ending = strlen(endings[i]);

		if (length >= ending && strcmp(name + length - ending, endings[i]) == 0)
			return true;
	}
	return false;
}

/* The bytes of the character at `at` and its number; 0 when that is not UTF-8 (RFC 3629:
 * no surrogates, nothing above U+10FFFF, nothing longer than need be). */
static size_t decode(const unsigned char *at, uint32_t *character)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

	if (length == 0 || *at > 0xf4)
		return 0;
	*character = length == 1 ? *at : *at & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (at[i] & 0x3f);
	}
	if (*character < least[length] || *character > 0x10ffff ||
			(*character >= 0xd800 && *character < 0xe000))
		return 0;
	return length;
}

static bool printable(uint32_t character)
{
	if (character < 0x20 || (character >= 0x7f && character < 0xa0))
		return false;
	/* Line and paragraph separators, and marks that reorder what is shown. */
	return !(character >= 0x200b && character <= 0x200f) &&
			!(character >= 0x2028 && character <= 0x202e) &&
			!(character >= 0x2060 && character <= 0x206f) && character != 0xfeff;
}

const char *filename_shown(struct arena *arena, const char *name)
{
	char *shown = arena_copy(arena, name);
	const unsigned char *from = (const unsigned char *)name;
	char *to = shown;

	while (*from) {
		uint32_t character = 0;
		const size_t length = decode(from, &character);

		if (length > 0 && printable(character)) {
			memcpy(to, from, length);
			to += length;
		} else {
			*to++ = '?';
		}
		from += length > 0 ? length : 1;
	}
	*to = '\0';
	return shown;
}
