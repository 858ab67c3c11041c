#pragma once

/*
 * What the files of a pass share: pass.c asks and plans, pass-apply.c carries out and deals with
 * what a crash left. Nobody else includes this.
 */

#include "controller/certdrop/job.h"
#include "controller/certdrop/journal.h"
#include "controller/certdrop/pass.h"

struct pass {
	struct subject *subject;
	enum pass_purpose purpose;
	bool called_off; /* while it was ahead */
	pass_planned_fn *planned;
	void *context;

	struct arena *arena;
	struct answers seen;
	unsigned rounds;
	const struct pass_entry *open; /* what a crash left, until it is dealt with */
	struct plan plan;
	int64_t entry; /* of the plan that is carried out */
	const char *why; /* it is, though no window is open; NULL */
	struct error failure; /* why it is put back, while that is done */
	struct job *job;
};

/* ---- pass.c ---- */

/* Has the questions answered, and goes on with what is seen then. */
void pass_ask(struct pass *pass, const struct plan *questions);

/* The pass is gone. */
void pass_end(struct pass *pass);

/* It is tried again later, which is told, and the pass is gone. */
void pass_failed(struct pass *pass, const struct error *error);

/* Only the first of it. */
void pass_try_again_later(struct pass *pass, const struct error *error);

/* When nothing is to be done but to see whether that stays so. */
void pass_look_again_later(struct subject *subject);

/* ---- pass-apply.c ---- */

/* Carries out the plan. `why` is what is to be known of it besides, or NULL. */
void pass_carry_out(struct pass *pass, const char *why);

/* Deals with the pass that is open in the journal. */
void pass_recover(struct pass *pass);
