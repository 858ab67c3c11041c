#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	return feed(findings_add_crl, bytes, length);
}
