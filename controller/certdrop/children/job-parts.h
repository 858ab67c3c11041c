#pragma once

/*
 * What the files of a job share: job.c begins and ends it, job-told.c hears what the worker tells of it.
 * Nobody else includes this.
 */

#include "controller/certdrop/children/child.h"
#include "controller/certdrop/children/job.h"
#include "controller/certdrop/children/pool.h"
#include "controller/certdrop/controller.h"

enum { JOB_PENDING_MAX = 64 };

struct job {
	struct subject *subject;
	struct pool *pool;
	struct child *worker;
	struct arena *arena;
	struct plan plan;
	struct answers *seen; /* asking */
	int64_t pass; /* applying, undoing; 0 when asking */
	uv_timer_t watchdog;

	long pending[JOB_PENDING_MAX]; /* steps that wait for their go-ahead */
	size_t pending_count;
	struct after_commit commit;

	struct job_result result;
	bool *done_steps; /* of the plan, by number */
	long long changed_at_ms; /* when the last change was done, on the monotonic clock */
	job_done_fn *done;
	void *context;
};

/* ---- job.c ---- */

/* As the worker names it; JOB_FAILED for what is no outcome. */
enum job_outcome job_outcome_of(const char *word);

/* The worker has come to an end of it, and is free for others. */
void job_finished(struct job *job, enum job_outcome outcome);

/* The worker is of no use any more: `how` says why. */
void job_lost(struct job *job, const char *how);

/* Is it about what the receipt is about? Something else may have come to be wanted since it was begun,
 * or even before. */
bool job_is_for_receipt(const struct job *job);

/* ---- job-told.c ---- */

/* The steps that wait are in the journal: the worker may take them. An after_commit. */
void job_give_go_aheads(struct after_commit *waiting, bool committed);

/* For the worker; the context is the job. */
extern const struct child_hooks job_hooks;
