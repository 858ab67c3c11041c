#pragma once

/*
 * Writes that are ready to be sent: what an amend step has read and made in prepare, kept
 * until the same step comes again. They may hold passwords and keys, and never leave the worker.
 *
 *         writes_new()                           once for each job
 *         writes_keep(writes, key, &write)       the write changes owner
 *         writes_take(writes, key, &write)       false: there is none; then write_done()
 *         writes_free(writes)
 *
 * The key tells the step. They can be called from several threads.
 */

#include "controller/base/buffer.h"
#include "controller/base/secret.h"

struct write {
	struct secret body; /* empty: there is nothing to be written */
	struct buffer match; /* the header that the server is to compare; empty: none */
	long long read_at_ms; /* deadline_now() before it was read */
};

void write_done(struct write *write);

struct writes;

struct writes *writes_new(void);
void writes_free(struct writes *writes); /* NULL is allowed */

void writes_keep(struct writes *writes, const char *key, struct write *write);
bool writes_take(struct writes *writes, const char *key, struct write *write) must_check;
