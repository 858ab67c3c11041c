#pragma once

/*
 * What the files of a pass share: pass.c asks and plans, pass-later.c says when there will be another,
 * pass-apply.c carries out and deals with what a crash left, pass-unfinished.c with second steps that
 * could not be taken, pass-second.c with what may be tried in another way. Nobody else includes this.
 */

#include "controller/certdrop/children/job.h"
#include "controller/certdrop/pass/gate.h"
#include "controller/certdrop/pass/pass.h"
#include "controller/certdrop/state/journal.h"

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
	bool taken_up; /* what is left of that is being done */
	bool stuck; /* it was not cut short: it could not be put back */
	struct plan plan;
	const char *first_try; /* how it went, when this is the second one; NULL */
	const char *passed_over; /* what is wrong with the predecessor, which is not in the plan; NULL */
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

/* Nothing is begun that could not be written down: then it has failed, and the pass is gone. */
bool pass_may_begin(struct pass *pass);

/* It is tried again later, which is told, and the pass is gone. */
void pass_failed(struct pass *pass, const struct error *error);

/* ---- pass-later.c ---- */

/* The subject is due again in a moment. */
void pass_again_soon(struct subject *subject);

/* When nothing is to be done but to see whether that stays so. */
void pass_look_again_later(struct subject *subject);

/* After a failure, each time a little later; what is wrong is in the log. */
void pass_try_again_later(struct pass *pass, const struct error *error);

/* When the gate opens; that is told, and the pass is gone. */
void pass_wait_at_gate(struct pass *pass, const struct gate *gate);

/* What the subject's timer was to come for comes now. */
void pass_comes_now(struct subject *subject);

/* ---- pass-apply.c ---- */

/* Carries out the plan. `why` is what is to be known of it besides, or NULL. */
void pass_carry_out(struct pass *pass, const char *why);

/* Deals with the pass that is open in the journal. */
void pass_recover(struct pass *pass);

/* A job that applies or finishes has ended: the journal's entry is ended with it, the outcome is
 * told, and the pass is gone. A job_done_fn. */
void pass_job_ended(void *context, struct job_result *result);

/* Parts of that. The first ends nothing that is stuck or was cut short: that stays open, and is dealt
 * with first, next time. */
void pass_end_entry(struct pass *pass, enum job_outcome outcome, const char *reason, long gap_ms);
void pass_stuck(struct pass *pass, const struct job_result *result);
void pass_put_back(struct pass *pass, const char *why);
void pass_follow_up_failed(struct pass *pass, const struct error *error);

/* Another credential came to be wanted meanwhile: that one's turn is next. */
bool pass_is_superseded(const struct pass *pass);
void pass_superseded(struct pass *pass, const struct job_result *result);

/* ---- pass-unfinished.c ---- */

/* Something was changed, and a step of the gap is not done: goes on later, or goes back. */
void pass_unfinished(struct pass *pass, struct job_result *result);

/* Goes on with it, as the journal's open pass has it. */
void pass_take_up_again(struct pass *pass);

/* ---- pass-second.c ---- */

/* Tells the reconciler, by an answer "second-try", that this is one (model/plan.h). false: it is none,
 * or was told already. */
bool pass_recall_first_try(struct pass *pass);

/* The plan was put back because it was not served, and there is another way. */
bool pass_has_second_try(const struct pass *pass, const struct job_result *result);
void pass_second_try(struct pass *pass, const struct job_result *result);
