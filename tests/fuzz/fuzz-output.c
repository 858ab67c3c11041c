/* What a tool prints: taken apart line by line, and made fit to be shown. What is shown holds no line
 * of a secret that is known. */
#define _GNU_SOURCE
#include <assert.h>
#include <string.h>

#include "controller/apply/pick-line.h"
#include "controller/apply/scrub.h"
#include "controller/apply/tls/certificate.h"
#include "tests/fuzz/fuzzing.h"

static void pick(struct arena *arena, const char *output)
{
	static const char *const expressions[] = { "^state *: (.*)$", "a*", "(x)?y", "[0-9]+$" };

	for (size_t i = 0; i < sizeof(expressions) / sizeof(*expressions); i++) {
		const char *items[] = { "name", expressions[i] };
		const struct words row = { .items = items, .count = 2 };
		struct words values = { 0 };
		struct error error;

		assert(pick_line_values(arena, output, row, &values, &error) ||
				error.kind == ERROR_CONFIG);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char secret[] = "hunter22\nab\n-----BEGIN x";
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer shown = { 0 };
	struct certificate certificate;

	(void)certificate_find((const char *)bytes, length, &certificate);
	buffer_append(&shown, bytes, length);
	scrub_lines(&shown, secret, strlen(secret));
	assert(!shown.bytes || !memmem(shown.bytes, shown.length, "hunter22", 8));
	scrub_foreign(&shown);
	assert(shown.length == length);
	for (size_t i = 0; i < shown.length; i++)
		assert((unsigned char)shown.bytes[i] >= ' ' || strchr("\n\r\t", shown.bytes[i]));
	pick(arena, buffer_text(&shown));
	pick(arena, arena_copy_bytes(arena, bytes, length));
	return 0;
}
