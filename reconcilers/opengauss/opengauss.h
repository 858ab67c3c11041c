#pragma once

/*
 * openGauss, in five files: opengauss.c has what there is to set, what is accepted and what must be
 * known; plan.c what must be done; notes.c what is remembered; tool.c how its tools are run; restart.c
 * how it is restarted.
 */

#include "reconcilers/reconciler.h"

/* Without gs_om: the files are put in place, and gs_ctl restarts the server. */
bool opengauss_is_lite(const struct target *target);

/* May the server be restarted after the change, in a follow-up, or has it to be at once? */
bool opengauss_restarts(const struct target *target, const char *when);

/* Where the package lies for gs_om, and where it is noted for which credential the server was
 * restarted. */
const char *opengauss_package_place(struct arena *arena, const struct target *target);
const char *opengauss_package_file(struct arena *arena, const struct target *target);
const char *opengauss_note_place(struct arena *arena, const struct target *target);

/* Where it is noted since when what is deployed is so. A backup from before that is one of something
 * else. */
const char *opengauss_since_place(struct arena *arena, const struct target *target);

/* The files that the lite edition puts into the data directory, certificate and key first: what is
 * replaced is known by these names in this order. */
struct words opengauss_data_files(struct arena *arena, const struct target *target, bool with_crl);

bool opengauss_plan(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan, struct error *error);

/* ---- tool.c ---- */

struct words opengauss_word(struct arena *arena, const char *word);

/* The words, NULL at the end, as a command of the cluster's user with the profile read. */
struct command_step opengauss_tool(struct arena *arena, const struct target *target,
		const char *word, ...) __attribute__((sentinel));

/* How long a tool may take that is only asked. */
long opengauss_question_ms(const struct target *target);

void opengauss_add_replacement(const struct target *target, struct plan *plan);

/* Taken when the replacement, or what follows it, fails: only where every backup is there, and was
 * made for it. */
void opengauss_add_rollback(
		const struct target *target, const struct answers *seen, struct plan *plan);

/* Fails while the cluster is not as it should be. With `wait`, that is waited for. */
void opengauss_add_state(
		const struct target *target, enum phase phase, bool wait, struct plan *plan);

/* ---- restart.c ---- */

/* Standbys first, where several nodes and their roles are known; the whole cluster otherwise. */
void opengauss_add_restart(
		const struct target *target, const struct answers *seen, struct plan *plan);

/* The same as the way back: taken in reverse order. */
void opengauss_add_restart_back(const struct target *target, struct plan *plan);

/* The way back of a restart by itself: what was stopped must not stay so. gs_om leaves alone what
 * runs. */
void opengauss_add_start_back(const struct target *target, struct plan *plan);

/* ---- notes.c ---- */

/* The first value of a field of an answer. NULL: that is not so, or was not asked of this edition. */
const char *opengauss_fact(const struct answers *seen, const char *name, const char *field);

/* Of the restart that follows a replacement without one. Where the note says for how long the server
 * had been running by then, one that was done by hand is known by the server on this node. */
enum opengauss_pending { PENDING_NOTHING, PENDING_RESTART, PENDING_UNKNOWN };

/* PENDING_UNKNOWN: opengauss_ask_running() tells. */
enum opengauss_pending opengauss_pending(const struct target *target,
		const struct credential *wanted, const struct answers *seen);
void opengauss_ask_running(const struct target *target, struct plan *plan);

void opengauss_note_restart(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan);
void opengauss_note_pending(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan);
void opengauss_note_baseline(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan);
void opengauss_note_replacement(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan);
void opengauss_prune_notes(const struct target *target, struct plan *plan);
