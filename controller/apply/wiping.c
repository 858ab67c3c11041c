#include "controller/apply/wiping.h"

#include <assert.h>
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pthread.h>
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

static void *wiping_malloc(size_t size)
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

static void wiping_free(void *memory)
{
	char *start = memory;

	if (!start)
		return;
	OPENSSL_cleanse(start, size_of(start));
	free(start - HEADER);
}

static void *wiping_realloc(void *memory, size_t size)
{
	void *larger = wiping_malloc(size);

	if (memory && larger) {
		const size_t old = size_of(memory);

		memcpy(larger, memory, old < size ? old : size);
		wiping_free(memory);
	}
	return larger;
}

static void *wiping_calloc(size_t count, size_t size)
{
	void *memory = NULL;

	if (size == 0 || count <= (SIZE_MAX - HEADER) / size)
		memory = wiping_malloc(count * size);
	if (memory)
		memset(memory, 0, count * size);
	return memory;
}

static char *wiping_strdup(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = wiping_malloc(size);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

static void init(void)
{
	const CURLcode done = curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiping_malloc, wiping_free,
			wiping_realloc, wiping_strdup, wiping_calloc);

	assert(done == CURLE_OK);
	json_set_alloc_funcs(wiping_malloc, wiping_free);
}

void wiping_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, init);
}
