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
 * While what was dropped is still being inspected the questions can be asked already, in a
 * pass that is ahead. It then waits for pass_go_on(), when something is wanted, or
 * pass_call_off(), when nothing came of it. Only where the questions are looks at files and
 * handshakes: a product's own interface is not to be troubled by what may be of no use.
 *
 * A pass belongs to its subject, ends by itself, and then calls controller_pass_ended().
 */

#include "controller/certdrop/subject/subject.h"

enum pass_purpose {
	PASS_RECONCILE,
	PASS_AHEAD, /* ask, and wait for the word */
	PASS_PLAN, /* stop before anything is changed; the plan is told to `planned` */
	PASS_LOOK, /* only the views */
};

/* `plan` is NULL when there is nothing to do or nothing wanted;
 * `error` is NULL or why there is none. */
typedef void pass_planned_fn(void *context, struct subject *subject, const struct plan *plan,
		const struct error *error);

void pass_start(struct subject *subject, enum pass_purpose purpose, pass_planned_fn *planned,
		void *context);

/* A pass that is ahead goes on as PASS_RECONCILE. false: it is not ahead. */
bool pass_go_on(struct pass *pass);

/* A pass that is ahead ends, and leaves nothing but what it saw. */
void pass_call_off(struct pass *pass);

/* Whoever asked is gone: planned() is not called any more. */
void pass_forget(struct pass *pass);

/* The controller stops and cannot wait; see job_abandon(). */
void pass_abandon(struct pass *pass);
