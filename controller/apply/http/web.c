#include "controller/apply/http/web.h"

#include <assert.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/wiping.h"

/* More than this at rest are not kept: the oldest goes. */
enum { RESTING_MAX = 128 };

struct resting {
	char *key;
	CURL *curl;
};

struct web {
	pthread_mutex_t lock;
	struct resting resting[RESTING_MAX]; /* the oldest first */
	size_t count;
};

/* Passwords and request bodies pass through libcurl, replies with private keys through jansson. */
static void init_libraries(void)
{
	const CURLcode done = curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiping_malloc, wiping_free,
			wiping_realloc, wiping_strdup, wiping_calloc);

	assert(done == CURLE_OK);
	json_set_alloc_funcs(wiping_malloc, wiping_free);
}

struct web *web_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct web *web = calloc(1, sizeof(*web));

	assert(web);
	(void)pthread_once(&once, init_libraries);
	(void)pthread_mutex_init(&web->lock, NULL);
	return web;
}

static CURL *take_out(struct web *web, size_t index)
{
	CURL *curl = web->resting[index].curl;

	free(web->resting[index].key);
	web->count--;
	memmove(&web->resting[index], &web->resting[index + 1],
			(web->count - index) * sizeof(*web->resting));
	return curl;
}

void web_close(struct web *web)
{
	while (web->count > 0)
		curl_easy_cleanup(take_out(web, web->count - 1));
}

void web_free(struct web *web)
{
	if (!web)
		return;

	web_close(web);
	(void)pthread_mutex_destroy(&web->lock);
	free(web);
}

CURL *web_borrow(struct web *web, const char *key)
{
	CURL *curl = NULL;

	(void)pthread_mutex_lock(&web->lock);
	for (size_t i = web->count; i-- > 0 && !curl;)
		if (strcmp(web->resting[i].key, key) == 0)
			curl = take_out(web, i);
	(void)pthread_mutex_unlock(&web->lock);
	if (!curl)
		curl = curl_easy_init();
	assert(curl);
	return curl;
}

void web_give_back(struct web *web, const char *key, CURL *curl)
{
	CURL *oldest = NULL;
	char *copy = strdup(key);

	assert(copy);
	/* Forgets its own passwords, and keeps connections, which have theirs. */
	curl_easy_reset(curl);
	(void)pthread_mutex_lock(&web->lock);
	if (web->count == RESTING_MAX)
		oldest = take_out(web, 0);
	web->resting[web->count++] = (struct resting){ .key = copy, .curl = curl };
	(void)pthread_mutex_unlock(&web->lock);
	if (oldest)
		curl_easy_cleanup(oldest);
}
