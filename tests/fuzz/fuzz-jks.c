#include <string.h>

#include "controller/base/buffer.h"
#include "controller/formats/java-protection.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzzing.h"

/* Hardly any change of a store keeps its seal, so one that fits is put at the end, too: what is
 * behind the seal's check is what is worth finding something in. */
static void feed_sealed(const uint8_t *bytes, size_t length)
{
	autodone(buffer) struct buffer store = { 0 };
	autodone(secret) struct secret password = { 0 };
	struct java_digest seal;

	java_password("x", &password);
	seal = java_seal(&password, bytes, length);
	buffer_append(&store, bytes, length);
	buffer_append(&store, seal.bytes, JAVA_DIGEST_SIZE);
	(void)feed(jks_read, (const uint8_t *)store.bytes, store.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	feed_sealed(bytes, length > JAVA_DIGEST_SIZE ? length - JAVA_DIGEST_SIZE : length);
	return feed(jks_read, bytes, length);
}
