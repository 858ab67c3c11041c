#include "tests/fuzz/feed.h"

#include <assert.h>
#include <openssl/err.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>

/* What OpenSSL keeps for the life of the process is not always gone at its end. */
void make_ready(void)
{
	struct error error;

	__lsan_disable();
	assert(crypto_init(&error));
	__lsan_enable();
}

/* A verdict without its sentence would leave the operator without a reason. */
static void check(const struct input *input, enum verdict verdict)
{
	assert(verdict == VERDICT_SOUND || verdict == VERDICT_IGNORED || *input->sentence);
	for (const char *at = input->sentence; *at; at++)
		assert((unsigned char)*at >= ' ' && *at != 0x7f);
}

int feed(enum verdict (*read)(struct findings *, struct input *, struct bytes),
		const uint8_t *bytes, size_t length)
{
	const struct passphrases passphrases = { .lines = { "x" }, .count = 1 };
	const struct bytes all = { bytes, length };
	struct input input = { .name = "file", .shown = "file", .sentence = "" };
	struct findings findings;

	make_ready();
	findings_init(&findings);
	findings.passphrases = &passphrases;
	findings.derivations_max = 5000;
	findings.derivations_left = 20000;
	check(&input, read(&findings, &input, all));
	findings_done(&findings);
	ERR_clear_error();
	return 0;
}
