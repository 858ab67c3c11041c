#include "controller/base/wiping.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In front of each piece stands its size. */
enum { HEADER = 16 };

static size_t size_of(const void *memory)
{
	size_t size;

	memcpy(&size, (const char *)memory - HEADER, sizeof(size));
	return size;
}

void *wiping_malloc(size_t size)
{
	char *start;

	if (size > SIZE_MAX - HEADER)
		return NULL;
	start = malloc(HEADER + size);
	if (!start)
		return NULL;
	memcpy(start, &size, sizeof(size));
	return start + HEADER;
}

void wiping_free(void *memory)
{
	char *start = memory;

	if (!start)
		return;
	OPENSSL_cleanse(start, size_of(start));
	free(start - HEADER);
}

void *wiping_realloc(void *memory, size_t size)
{
	void *larger = size > 0 ? wiping_malloc(size) : NULL;

	if (size == 0)
		wiping_free(memory);
	if (memory && larger) {
		const size_t old = size_of(memory);

		memcpy(larger, memory, old < size ? old : size);
		wiping_free(memory);
	}
	return larger;
}

void *wiping_calloc(size_t count, size_t size)
{
	void *memory = NULL;

	if (size == 0 || count <= (SIZE_MAX - HEADER) / size)
		memory = wiping_malloc(count * size);
	if (memory)
		memset(memory, 0, count * size);
	return memory;
}

char *wiping_strdup(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = wiping_malloc(size);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

/* ---- OpenSSL tells where it asks from, too ---- */

static void *openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return wiping_malloc(size);
}

static void *openssl_realloc(void *memory, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return wiping_realloc(memory, size);
}

static void openssl_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	wiping_free(memory);
}

void wiping_for_openssl(void)
{
	const int done = CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);

	assert(done);
}
