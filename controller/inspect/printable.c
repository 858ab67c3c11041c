#include "controller/inspect/printable.h"

#include <openssl/bio.h>
#include <string.h>

#include "controller/base/buffer.h"

/* The length of the UTF-8 sequence at `text`, and its character; 0 when it is none. */
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

const char *printable(struct arena *arena, const char *text, size_t length)
{
	char shown[PRINTABLE_MAX + 8];
	size_t used = 0;

	for (size_t at = 0; at < length;) {
		unsigned long character = 0;
		const size_t step =
				decode((const unsigned char *)text + at, length - at, &character);

		if (used + 4 > PRINTABLE_MAX) {
			for (int dots = 0; dots < 3; dots++)
				shown[used++] = '.';
			break;
		}
		if (step == 0 || !is_visible(character)) {
			shown[used++] = '?';
			at += step ? step : 1;
			continue;
		}
		memcpy(shown + used, text + at, step);
		used += step;
		at += step;
	}
	return arena_copy_bytes(arena, shown, used);
}

const char *printable_name(struct arena *arena, const X509_NAME *name)
{
	const unsigned long flags = (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	BIO *text = BIO_new(BIO_s_mem());
	const char *shown = "(no name)";
	char *start = NULL;

	if (text && X509_NAME_print_ex(text, name, 0, flags) >= 0) {
		const long length = BIO_get_mem_data(text, &start);

		if (length > 0)
			shown = printable(arena, start, (size_t)length);
	}
	BIO_free(text);
	return shown;
}
