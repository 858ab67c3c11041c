#pragma once

/*
 * The journal: what certdrop must not forget. One SQLite database, STATE/journal.db, opened only by
 * the process that holds the state: WAL, synchronous=FULL, locking_mode=EXCLUSIVE, one connection
 * (SQLite before 3.51.3 may lose commits with two). No key material in it.
 *
 *         journal_...()                          any number of writes
 *         journal_commit(journal, error)         all of them are on disk, or none
 *
 * Writes of one turn of the event loop are committed together: the first opens a transaction, the
 * loop commits before it waits. What must only happen once a write is safe (a go-ahead, taking
 * files away) is done after that commit; see controller.h.
 *
 * If the database is damaged it is moved aside (journal.db.damaged, .damaged-2 ...) and a new one begun: what is
 * dropped, stored and served tells the rest.
 *
 * Functions that write return nothing: a failure is kept and told by journal_commit(), and then
 * nothing of the transaction is there, but the beginning of a pass, which is written again. Those that read
 * find nothing where the disk cannot be read, which the next commit tells, too.
 */

#include <stddef.h>
#include <stdint.h>

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/record.h"

struct journal;

/* ERROR_RETRY: the disk is full, or cannot be read. ERROR_CONFIG: the directory cannot be used, or another
 * process has it. `notice`, when not empty afterwards, tells that a damaged database was moved aside, and
 * what that means. NULL: it is left where it is, and told as an ERROR_CONFIG. */
struct journal *journal_open(
		const char *state_directory, struct buffer *notice, struct error *error);
void journal_close(struct journal *journal);

/* Is there anything that must be committed before the loop waits? */
bool journal_pressing(const struct journal *journal);

/* ERROR_RETRY: the disk is full or broken, or it is not in its place; everything since the last commit is undone. */
bool journal_commit(struct journal *journal, struct error *error) must_check;

/* ERROR_CONFIG: somebody has removed it, or put another one in its place: nothing is committed to what
 * nobody would find again. */
bool journal_in_place(const struct journal *journal, struct error *error) must_check;

/* ---- what is known of a target ---- */

struct remembered {
	const char *wanted; /* digest of what is to be in service; NULL: nothing yet */
	const char *predecessor; /* digest of what was in service before it; NULL: nothing */
	const char *put_back; /* see subject.h */
	const char *state; /* the state and the reason that were last told */
	const char *reason;
	const char *inputs; /* records "input NAME SHA256": what the wanted credential came from */
	long long since; /* when that state began, seconds since 1970 */
	long long accepted_ns; /* see subject.h */
	long long in_service_since; /* seconds since 1970; 0: what is wanted is not, yet */
};

/* false: nothing is known of it. */
bool journal_target(struct journal *journal, struct arena *arena, const char *target,
		struct remembered *remembered);
void journal_remember(
		struct journal *journal, const char *target, const struct remembered *remembered);

/* ---- parked: not to be tried again until it changes ---- */

/* The reason why this credential is parked for this target; NULL: it is not. */
const char *journal_parked(struct journal *journal, struct arena *arena, const char *target,
		const char *digest);
void journal_park(struct journal *journal, const char *target, const char *digest,
		const char *reason);

/* The digest that was parked last; NULL: none is. */
const char *journal_last_parked(struct journal *journal, struct arena *arena, const char *target);

/* All that is parked for the target may be tried again. */
void journal_unpark(struct journal *journal, const char *target);

/* ---- passes: the plans that were carried out ---- */

struct pass_entry {
	int64_t id;
	const char *target;
	const char *credential;
	const char *plan; /* its text */
	long long started, ended; /* ended 0: it is still open */
	const char *outcome; /* applied | failed | undone | stuck; NULL while open */
	const char *reason;
	long gap_ms; /* -1: no second step */
};

/* Begins one; its number. By itself it does not press: as long as no step has begun there is nothing to
 * recover, so it is committed with the first that does, or with the end. */
int64_t journal_pass_begin(struct journal *journal, const struct pass_entry *entry);
void journal_pass_end(struct journal *journal, int64_t pass, const char *outcome,
		const char *reason, long gap_ms);

struct step_entry {
	long number;
	bool undo;
	const char *text, *result,
			*reason; /* result: done | failed | begun; reason: why it failed */
	long milliseconds;
};

/* Steps of a pass. `undo`: the putting back of it. That a step has ended does not press either: for
 * recovery it is as good as begun, and something follows it. */
void journal_step_begin(
		struct journal *journal, int64_t pass, long number, bool undo, const char *text);
void journal_step_end(struct journal *journal, int64_t pass, const struct step_entry *entry);

/* The open pass of the target, NULL when there is none; the steps
 * that were begun and not put back. */
const struct pass_entry *journal_open_pass(
		struct journal *journal, struct arena *arena, const char *target);
bool journal_has_open(struct journal *journal); /* of any target */
struct words journal_open_targets(struct journal *journal, struct arena *arena);
struct words journal_begun(struct journal *journal, struct arena *arena, int64_t pass);

/* The steps that were done, and not put back. */
struct words journal_done(struct journal *journal, struct arena *arena, int64_t pass);

/* When the last of the steps up to this number was done, in milliseconds
 * since 1970; 0: none was. */
long long journal_done_at_ms(struct journal *journal, int64_t pass, long number);

/* When this one was begun, of which no end is known; 0: it was not, or its end is. */
long long journal_begun_at_ms(struct journal *journal, int64_t pass, long number);

/* The longest that any of the latest passes that were applied took, step by step; 0: there was
 * none. */
long long journal_longest_ms(struct journal *journal, const char *target);

/* The latest passes first, at most `limit`, of one target or (NULL) of all. */
typedef void journal_pass_fn(void *context, const struct pass_entry *entry);
void journal_passes(struct journal *journal, const char *target, int limit, journal_pass_fn *told,
		void *context);

typedef void journal_step_fn(void *context, const struct step_entry *entry);
void journal_steps(struct journal *journal, int64_t pass, journal_step_fn *told, void *context);

/* Credentials that were in service for the target, the latest first:
 * what must not come back by itself. */
struct words journal_served_before(
		struct journal *journal, struct arena *arena, const char *target);

/* Forgets the passes of a target beyond the latest `keep`, and what is parked for it beyond as
 * many: a pass parks no more than one. */
void journal_prune(struct journal *journal, const char *target, int keep);

/* ---- the clock's floor ---- */

long long journal_latest_time(struct journal *journal);
