#pragma once

/*
 * Having files inspected by certdrop-inspect (see
 * controller/inspect/protocol.h), from the event loop.
 *
 *         struct inspection *inspection = inspection_new(target);
 *         inspection_add_file(inspection, name, digest, fd, arrived);       any number
 *         inspection_start(inspection, pool, done, context);
 *         ... done(context, inspection) once; then inspection_free(inspection)
 *
 * A child that dies, answers nonsense, or takes longer than INSPECTION_DEADLINE_MS does
 * not lose the rest: the files are then tried one by one, the one that killed it is
 * refused, and the others are inspected without it. If the program cannot even answer
 * when it is given no file, no file is to blame, and nothing is learned.
 */

#include "controller/base/arena.h"
#include "controller/certdrop/children/pool.h"
#include "controller/model/record.h"
#include "controller/model/target.h"

enum { INSPECTION_DEADLINE_MS = 15000 };

struct inspection;
typedef void inspection_fn(void *context, struct inspection *inspection);

/* NULL target: no rules are checked, and no key-alias is asked for. `derivations`: see the protocol. Passphrases and
 * authorities are paths, NULL for none. */
struct inspection *inspection_new(const struct target *target, long long derivations,
		const char *passphrases, const char *authorities);

/* Not while it is running. NULL is allowed. */
void inspection_free(struct inspection *inspection);

/* The descriptor changes owner. */
void inspection_add_file(struct inspection *inspection, const char *name, const char *digest,
		int fd, long long arrived);

/* A verdict that is known beforehand: the file is not sent. See the protocol for the states. */
void inspection_add_verdict(struct inspection *inspection, const char *name, const char *state,
		const char *sentence);

/* Always ends in done(), but not before this has returned. */
void inspection_start(struct inspection *inspection, struct pool *pool, inspection_fn *done,
		void *context);

/* The user is gone: done() will not be called, and it frees itself. */
void inspection_abandon(struct inspection *inspection);

/* ---- the outcome ---- */

/* NULL, or why nothing was learned (the program could not be started, a file of passphrases could
 * not be read): try again later. */
const char *inspection_failure(const struct inspection *inspection);

/* The reply's records; those for files that killed the child are added. They live as long as it. */
const struct records *inspection_records(const struct inspection *inspection);

/* The credential file of the n-th "credential" record; it stays the inspection's. */
int inspection_credential(const struct inspection *inspection, size_t n);

/* The SHA-256 of a file of the request; NULL: there is none of that name. */
const char *inspection_digest(const struct inspection *inspection, const char *file);
