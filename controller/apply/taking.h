#pragma once

/*
 * Steps being taken: one, or those of a together group at the same time, each in a thread
 * of its own, as long as there are threads to be had.
 *
 *         count = group_size(plan, first);
 *         group_init(takings, job, arena, first, count);
 *         group_ready(takings, count);            while the go-ahead is on its way
 *         group_take(takings, count);             returns when all of them have ended
 *         ...                                     their outcomes
 *         group_done(takings, count);
 *
 * A step of finish or undo that fails with ERROR_RETRY is tried again, three times in all
 * and within its deadline; one of finish that touches another site (DISRUPTION_REMOTE) as
 * often as the gap's budget has time for, and ends with it.
 */

#include <pthread.h>

#include "controller/apply/job.h"

enum { TOGETHER_MAX = 64 };

/* One step being taken, or put back. */
struct taking {
	struct job *job;
	size_t index;
	pthread_t thread;
	bool threaded; /* it has that */
	struct arena *arena;
	struct record *answer; /* of a question */
	long long took_ms;
	bool back; /* put back what it changed */
	bool unready; /* it has failed before it was begun */
	bool good; /* else `error` tells why not */
	bool untouched; /* not good, and known to have changed nothing: file steps can tell */
	struct error error;
};

const struct step *step_of(const struct taking *taking);

/* How many steps from `first` on are taken at the same time: those of the same phase with
 * the same number, up to TOGETHER_MAX. */
size_t group_size(const struct plan *plan, size_t first);

/* Threads must not share an arena: all but the first get their own in group_take(). */
void group_init(struct taking *takings, struct job *job, struct arena *arena, size_t first,
		size_t count);
void group_ready(struct taking *takings, size_t count);
void group_take(struct taking *takings, size_t count);
void group_done(struct taking *takings, size_t count);
