#include "controller/apply/http/writes.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	struct kept *next;
	char *key;
	struct write write;
};

struct writes {
	pthread_mutex_t lock;
	struct kept *first;
};

void write_done(struct write *write)
{
	secret_done(&write->body);
	buffer_done(&write->match);
	*write = (struct write){ 0 };
}

struct writes *writes_new(void)
{
	struct writes *writes = calloc(1, sizeof(*writes));

	assert(writes);
	(void)pthread_mutex_init(&writes->lock, NULL);
	return writes;
}

static void kept_free(struct kept *kept)
{
	write_done(&kept->write);
	free(kept->key);
	free(kept);
}

void writes_free(struct writes *writes)
{
	if (!writes)
		return;

	while (writes->first) {
		struct kept *next = writes->first->next;

		kept_free(writes->first);
		writes->first = next;
	}
	(void)pthread_mutex_destroy(&writes->lock);
	free(writes);
}

void writes_keep(struct writes *writes, const char *key, struct write *write)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	assert(kept);
	kept->key = strdup(key);
	assert(kept->key);
	kept->write = *write;
	*write = (struct write){ 0 };
	(void)pthread_mutex_lock(&writes->lock);
	kept->next = writes->first;
	writes->first = kept;
	(void)pthread_mutex_unlock(&writes->lock);
}

bool writes_take(struct writes *writes, const char *key, struct write *write)
{
	struct kept *found, **at = &writes->first;

	(void)pthread_mutex_lock(&writes->lock);
	while (*at && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	found = *at;
	if (found)
		*at = found->next;
	(void)pthread_mutex_unlock(&writes->lock);
	if (!found)
		return false;
	*write = found->write;
	found->write = (struct write){ 0 };
	kept_free(found);
	return true;
}
