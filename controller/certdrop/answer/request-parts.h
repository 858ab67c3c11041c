#pragma once

/*
 * What the files of a request share: request.c has its life, from what was asked to the one answer,
 * request-look.c the commands that only look, request-change.c those that change something.
 * Nobody else includes this.
 */

#include "controller/certdrop/answer/request.h"

struct request_kind {
	const char *name;
	/* Once, when it begins. false: it is over, with `error`. */
	bool (*begin)(struct request *request, struct error *error);
	/* Whenever something has changed: over yet? */
	bool (*over)(struct request *request);
	/* The document, and the exit code. */
	json_t *(*report)(struct request *request, int *exit);
	bool looks; /* and tells what is known if that takes long */
};

struct request {
	struct controller *controller;
	const struct request_kind *kind;
	struct request_hooks hooks;
	void *context;

	struct subject **subjects;
	size_t count;
	long long wait_ms;
	int limit;
	bool named; /* the targets were named */

	struct observer observer;
	uv_timer_t timer;
	bool timed_out, moving, ending;
	size_t at; /* the subject that is looked at, for plan and status */
	bool looking;
	json_t *plans;
	bool something, failed;
	json_t *document; /* the result, while the timer closes */
	int exit;
};

/* ---- request-look.c ---- */

/* What status tells, which is the answer of most. */
json_t *request_report_status(struct request *request, int *exit);

extern const struct request_kind request_status, request_plan, request_history, request_explain;

/* ---- request-change.c ---- */

extern const struct request_kind request_apply, request_rollback;
