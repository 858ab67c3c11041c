#pragma once

/*
 * A job: one request of the controller, worked off step by step (see protocol.h for what
 * is said meanwhile).
 *
 *         job_take(controller, &message, web, allowance)      once for each message that arrives
 *
 * Each kind of step is one function here, in the file of that name. They are plain
 * blocking code, may run in several threads at the same time, and allocate from the arena
 * that they are given. `answer` collects the facts when the step is a question; otherwise
 * it is NULL. An error's text says what went wrong, not which step it was.
 */

#include "controller/apply/contents.h"
#include "controller/base/message.h"
#include "controller/model/plan.h"

struct allowance;
struct leases; /* held until the job ends, see leases.h */
struct web; /* connections that are kept between steps, see web.h */
struct writes; /* made in prepare, see writes.h */

struct job {
	int controller; /* the socket; used by job.c alone */
	struct plan plan;
	struct contents *contents;
	struct web *web;
	bool again; /* somebody may have taken its steps before, and was ended before it told */
	long long gap_ends; /* deadline_now(); until then finish steps elsewhere are tried again */
	struct leases *leases;
	struct writes *writes;
};

/* False: the controller is gone, or does not keep to the protocol; nothing more may be
 * done. `allowance`: what it may order (allowance.h); NULL: anything. */
bool job_take(int controller, struct message *message, struct web *web,
		const struct allowance *allowance);

bool look_take(struct arena *arena, const struct step *step, struct record *answer,
		struct error *error) must_check;
/* `*untouched`: it has failed, and it is known that nothing of it can be seen at the place: it
 * failed before it published anything, or what it was to replace is still there, and whole. */
bool file_take(struct job *job, struct arena *arena, const struct step *step, bool *untouched,
		struct error *error) must_check;
/* What can be done of it before the go-ahead: nothing that anybody sees. */
bool file_ready(struct job *job, struct arena *arena, const struct step *step,
		struct error *error) must_check;
bool file_put_back(struct arena *arena, const struct step *step, struct error *error) must_check;
bool make_take(struct job *job, struct arena *arena, const struct step *step,
		struct error *error) must_check;
bool command_take(struct job *job, struct arena *arena, const struct step *step,
		struct record *answer, struct error *error) must_check;
bool http_take(struct job *job, struct arena *arena, const struct step *step, struct record *answer,
		struct error *error) must_check;
bool probe_take(struct arena *arena, const struct step *step, struct record *answer,
		struct error *error) must_check;
bool amend_take(struct job *job, struct arena *arena, const struct step *step,
		struct error *error) must_check;
bool lease_take(struct job *job, struct arena *arena, const struct step *step,
		struct error *error) must_check;
bool ldap_take(struct job *job, struct arena *arena, const struct step *step, struct record *answer,
		struct error *error) must_check;
