#pragma once

/*
 * The store: credential files (model/credential.h) by digest, in a directory of mode 0700, each
 * with mode 0600. What is in it was proven. Earlier credentials are kept for putting back.
 *
 *         store_put(store, fd, digest)      writes it, not yet safe from a power cut
 *         store_flush(store)                everything put so far is on disk
 *
 * The two are apart so that credentials that arrive together cost one wait for the disk. A file
 * that a crash cut short has another digest than its name, and counts as not there.
 */

#include <stddef.h>

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/credential.h"

struct store;

/* ERROR_CONFIG: the directory cannot be made or opened. */
struct store *store_open(const char *state_directory, struct error *error);
void store_close(struct store *store);

/* Copies the credential file behind `fd`. Nothing is written when it is there already. A directory that
 * was removed meanwhile is made again. ERROR_RETRY: the disk is full or broken, or what was above that
 * directory is gone, too; nothing is left behind. */
bool store_put(struct store *store, int fd, const char *digest, struct error *error) must_check;

/* ERROR_RETRY: the disk is full or broken; the next flush writes again what it refused. */
bool store_flush(struct store *store, struct error *error) must_check;

/* A descriptor to read it from. ERROR_INPUT: it is not there (any more). */
bool store_get(const struct store *store, const char *digest, int *fd,
		struct error *error) must_check;

/* The facts only. ERROR_INPUT: it is not there, or it is damaged. */
bool store_facts(const struct store *store, const char *digest, struct arena *arena,
		struct credential *facts, struct error *error) must_check;

/* All digests in it, in the arena. */
struct words store_list(const struct store *store, struct arena *arena);

/* When it came, seconds since 1970; now, when that cannot be told. */
long long store_arrival(const struct store *store, const char *digest);

void store_remove(struct store *store, const char *digest);
