#include "controller/inspect/read/format.h"

#include <string.h>

#include "controller/inspect/read/envelope.h"

/* What a file is known by: some bytes, at its start unless `at` says where. */
static const struct {
	const char *magic;
	size_t length;
	size_t at;
	enum verdict (*read)(struct findings *findings, struct input *input, struct bytes bytes);
	const char *says; /* why it is refused when nothing here reads it */
} magics[] = {
	{ "PK\x03\x04", 4, .read = archive_read },
	{ "PK\x05\x06", 4, .read = archive_read },
	{ "\xfe\xed\xfe\xed", 4, .read = jks_read },
	{ "\xce\xce\xce\xce", 4,
			.says = "is a Java key store of type JCEKS, which is not read, because it "
				"may hold serialised Java objects; make a PKCS#12 of it: keytool "
				"-importkeystore -srcstoretype JCEKS -srckeystore OLD "
				"-deststoretype PKCS12 -destkeystore NEW.p12" },
	{ "\xff\xfe", 2, .says = "is UTF-16 text; save it as UTF-8" },
	{ "\xfe\xff", 2, .says = "is UTF-16 text; save it as UTF-8" },
	{ "\x1f\x8b", 2, .says = "is compressed with gzip; unpack it first" },
	{ "BZh", 3, .says = "is compressed with bzip2; unpack it first" },
	{ "\xfd"
	  "7zXZ",
			5, .says = "is compressed with xz; unpack it first" },
	{ "\x28\xb5\x2f\xfd", 4, .says = "is compressed with zstd; unpack it first" },
	{ "7z\xbc\xaf", 4, .says = "is a 7-Zip archive; only ZIP archives are accepted" },
	/* POSIX.1-2017 (pax, ustar): after the name, mode, ids, size, time, sum, type and link. */
	{ "ustar", 5, .at = 257, .says = "is a tar archive; only ZIP archives are accepted" },
};

static bool has_magic(struct bytes bytes, const char *magic, size_t length, size_t at)
{
	return bytes.length >= at + length && memcmp(bytes.start + at, magic, length) == 0;
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
	/* Noise may look like anything, so these are known by their names. */
	if (envelope_is_half(input->shown))
		return envelope_read(findings, input, bytes);
	if (bytes.length < 4)
		return conclude(findings, input, VERDICT_INCOMPLETE, "has only %zu byte%s so far",
				bytes.length, bytes.length == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		if (!has_magic(bytes, magics[i].magic, magics[i].length, magics[i].at))
			continue;
		return magics[i].read
				? magics[i].read(findings, input, bytes)
				: conclude(findings, input, VERDICT_REFUSED, "%s", magics[i].says);
	}
	if (is_der(bytes))
		return der_read(findings, input, bytes);
	return pem_read(findings, input, bytes);
}
