/* A credential file, as it lies in the store and as a worker is handed it. Its digest is put right
 * first: what is behind that check is what is worth finding something in. */
#define _GNU_SOURCE
#include <assert.h>
#include <string.h>

#include "controller/base/digest.h"
#include "controller/model/credential.h"
#include "tests/fuzz/fuzzing.h"

static const char mark[] = "\ncertdrop part: ", head[] = "credential ";

static void put_digest_right(char *text)
{
	char *parts = strstr(text, mark), *named = strstr(text, head);
	struct digest digest;

	if (!parts || !named || named + strlen(head) + 64 > parts)
		return;
	digest = digest_of(parts + 1, strlen(parts + 1));
	memcpy(named + strlen(head), digest.hex, 64);
}

static void check(const char *parts, enum part part)
{
	const struct span span = credential_part(parts, part);

	assert(span.length == 0 ||
			(span.start > parts && span.start + span.length <= parts + strlen(parts)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena *arena = arena_new();
	char *text = arena_copy_bytes(arena, bytes, length);
	struct credential credential;
	const char *parts;
	struct error error;

	put_digest_right(text);
	if (!credential_file_read(arena, text, &credential, &parts, &error))
		return 0;
	for (int part = PART_LEAF; part <= PART_CRL; part++)
		check(parts, (enum part)part);
	for (size_t i = 0; i < credential.lasts.count; i++)
		(void)credential_lasting(credential.lasts.items[i]);
	(void)credential_record(arena, &credential);
	return 0;
}
