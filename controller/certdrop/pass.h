#pragma once

/*
 * A pass: one look at a target and, where it differs from what is wanted, one plan carried out.
 *
 *         ask -> plan -> (ask more -> plan)* -> nothing to do: in service
 *                                            -> apply -> in service | rolled back | failed
 *
 * If the journal has an open pass of the target (a crash, or a way back that failed), that comes
 * first: what is seen decides whether it is finished, had changed nothing, or has to be put back.
 *
 * A pass belongs to its subject, ends by itself, and then calls controller_pass_ended().
 */

#include "controller/certdrop/subject.h"

enum pass_purpose {
	PASS_RECONCILE,
	PASS_PLAN, /* stop before anything is changed; the plan is told to `planned` */
	PASS_LOOK, /* only the views */
};

/* `plan` is NULL when there is nothing to do or nothing wanted;
 * `error` is NULL or why there is none. */
typedef void pass_planned_fn(void *context, struct subject *subject, const struct plan *plan,
		const struct error *error);

void pass_start(struct subject *subject, enum pass_purpose purpose, pass_planned_fn *planned,
		void *context);

/* Whoever asked is gone: planned() is not called any more. */
void pass_forget(struct pass *pass);

/* The controller stops and cannot wait; see job_abandon(). */
void pass_abandon(struct pass *pass);
