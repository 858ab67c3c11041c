#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	return length > 0 ? feed(pkcs12_read, bytes, length) : 0;
}
