#pragma once

/*
 * A job: one conversation with certdrop-apply (controller/apply/protocol.h). It writes what the
 * worker begins and has done to the journal, gives each go-ahead once that is on disk, and keeps
 * the steps for the subject's receipt.
 */

#include <stdint.h>

#include "controller/certdrop/subject/subject.h"

enum job_outcome {
	JOB_ASKED,
	JOB_APPLIED,
	JOB_FAILED, /* nothing was changed, or a finish step failed */
	JOB_UNDONE, /* something was changed, and is put back */
	JOB_STUCK, /* something was changed, and putting back failed */
	JOB_LOST, /* the worker ended without an answer: look what it did */
};

const char *job_outcome_name(enum job_outcome outcome); /* "applied" */

struct job_result {
	enum job_outcome outcome;
	struct error error; /* of the first step that failed, with its text; not for ASKED, APPLIED */
	struct error undo_error; /* STUCK: of the first that could not be put back */
	enum phase phase; /* of that step */
	bool leases; /* it was to take the leases: without them nothing can be put back either */
	bool changed; /* a change step was done before */
	long gap_ms; /* from the last change to the last remote finish step; -1: none */
	size_t unfinished; /* once something was changed: what is owed and not done, see gap.h */
};

/* Called once, never before the function that started the job has
 * returned; the job is gone then. */
typedef void job_done_fn(void *context, struct job_result *result);

struct job;

/* Adds the answers to `seen`. NULL: the worker could not be started. */
struct job *job_ask(struct subject *subject, const struct plan *questions, struct answers *seen,
		job_done_fn *done, void *context, struct error *error);

/* `pass` is the journal's number for it. */
struct job *job_apply(struct subject *subject, const struct plan *plan, int64_t pass,
		job_done_fn *done, void *context, struct error *error);

/* Takes up what of the plan is left, when its changes are made and others have to be told. */
struct job *job_finish(struct subject *subject, const struct plan *plan, int64_t pass,
		job_done_fn *done, void *context, struct error *error);

/* Puts back those of the plan's steps that the journal knows as begun in this pass. */
struct job *job_undo(struct subject *subject, const struct plan *plan, int64_t pass,
		job_done_fn *done, void *context, struct error *error);

/* The controller stops and cannot wait: the worker is ended as if it had crashed, which the journal
 * is there for, and done() is not called. */
void job_abandon(struct job *job);
