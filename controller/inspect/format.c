#include "controller/inspect/format.h"

#include <string.h>

/* What a file is known by. */
static const struct {
	const char *magic;
	size_t length;
	const char *says; /* why it is refused; NULL: a ZIP archive */
} magics[] = {
	{ "PK\x03\x04", 4, NULL },
	{ "PK\x05\x06", 4, NULL },
	{ "\xfe\xed\xfe\xed", 4,
			"a Java key store (JKS) is not accepted by this target yet; convert it to "
			"PKCS#12 with keytool -importkeystore" },
	{ "\xce\xce\xce\xce", 4,
			"a JCEKS key store is not accepted, because it may hold serialised Java "
			"objects; convert it to PKCS#12 with keytool -importkeystore" },
	{ "\xff\xfe", 2, "is UTF-16 text; save it as UTF-8" },
	{ "\xfe\xff", 2, "is UTF-16 text; save it as UTF-8" },
	{ "\x1f\x8b", 2, "is compressed with gzip; unpack it first" },
	{ "7z\xbc\xaf", 4, "is a 7-Zip archive; only ZIP archives are accepted" },
};

static bool starts_with(struct bytes bytes, const char *magic, size_t length)
{
	return bytes.length >= length && memcmp(bytes.start, magic, length) == 0;
}

/* A SEQUENCE with a long or open length, or a short one that starts with a number: text
 * may start with '0' too. */
static bool is_der(struct bytes bytes)
{
	return bytes.length >= 3 && bytes.start[0] == TLV_SEQUENCE &&
			(bytes.start[1] >= 0x80 || bytes.start[2] == TLV_INTEGER);
}

enum verdict format_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	if (bytes.length == 0)
		return conclude(findings, input, VERDICT_INCOMPLETE, "is empty");
	if (bytes.length > FORMAT_SIZE_MAX)
		return conclude(findings, input, VERDICT_REFUSED,
				"has %zu bytes; at most %d are allowed", bytes.length,
				FORMAT_SIZE_MAX);
	if (bytes.length < 4)
		return conclude(findings, input, VERDICT_INCOMPLETE, "has only %zu byte%s so far",
				bytes.length, bytes.length == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		if (!starts_with(bytes, magics[i].magic, magics[i].length))
			continue;
		return magics[i].says
				? conclude(findings, input, VERDICT_REFUSED, "%s", magics[i].says)
				: archive_read(findings, input, bytes);
	}
	if (is_der(bytes))
		return der_read(findings, input, bytes);
	return pem_read(findings, input, bytes);
}
