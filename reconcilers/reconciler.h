#pragma once

/*
 * A reconciler: the code that knows one product, and the only bridge between such code
 * and the rest of certdrop. It is two pure functions and some data: no I/O, no clock, no
 * state, and no free, because everything it makes lives in the plan's arena. So it can be
 * read like the product's own runbook, and tested with text files (tests/plans).
 *
 *         ask(target, plan)                      adds the questions
 *         plan(target, wanted, seen, plan)       compares, and adds the steps
 *
 * The controller calls ask(), has the questions answered by a worker, and calls plan()
 * with the answers. If plan() adds questions (plan_look(), plan_ask_...) they are
 * answered too and plan() is called again with all answers. If it adds steps, they are
 * carried out, and the target is asked anew to see that nothing is left to do. If it adds
 * nothing, the target is in service.
 *
 * Follow-ups: the target is in service, but something remains (a restart, the purging of what
 * is retired). Then plan() says so in plan->follow_up, how long that must wait in
 * plan->soak_ms, and adds the steps. It needs no clock: the controller holds the plan back
 * until it is due and its window is open, and shows meanwhile what is pending. One at a time:
 * what else remains is told once this is done.
 *
 *         plan->follow_up = "purge the retired certificate";
 *         plan->soak_ms = setting_number(target->settings, "soak");
 *         plan_command(plan, PHASE_CHANGE, "purge it", &purge);
 *
 * Second tries: where there is a gentle way that may turn out not to be enough, and another that
 * costs more (a restart), plan() takes the gentle one and names the other in plan->second_try. When
 * the handshakes fail it is put back, and planned once more; answer(seen, "second-try") is there then.
 *
 * What must not be done for now, though it is known what (a peer is offline that would be left
 * behind), is a plan with plan->held: it is shown, and waits until it is made without.
 *
 * A new product is one file here (or a folder of its name, with a header, where it takes
 * several), one line in reconcilers.c, and an example in conf/.
 */

#include "controller/model/credential.h"
#include "controller/model/option.h"
#include "controller/model/plan.h"
#include "controller/model/profile.h"
#include "controller/model/rule.h"
#include "controller/model/target.h"

struct reconciler {
	const char *product; /* the word that selects it in the configuration */
	const char *summary; /* one sentence for the manual */
	const struct option *options; /* its settings, without those of every target */
	const struct rule *rules; /* what it accepts; ends with an entry without `says` */
	bool follows_up; /* it may have follow-ups: it is asked anew as soon as a plan is carried out */
	unsigned disturbs; /* bit DISRUPTION_RELOAD and so on: the only ways in which its steps do; 0: in
			    * any. A window that binds none of them is a mistake */
	bool refuses; /* plan() may refuse a credential for what is seen; its files stay until it has not */

	/* Are the settings sound together? What one option alone can tell is checked
	 * already. May be NULL. ERROR_CONFIG with a sentence for the operator. */
	bool (*check)(const struct target *target, struct error *error);

	/* Put into `plan` the read-only steps whose answers plan() needs. */
	void (*ask)(const struct target *target, struct plan *plan);

	/* Put into `plan` what takes the target from `seen` to serving `wanted`. Nothing
	 * added: nothing to do. Not knowable yet: ask for it and stop; you are asked
	 * again. ERROR_INPUT: for what is seen this credential will not do, as a rule would say:
	 * it is refused, and what was wanted before is wanted again. Any other error is tried
	 * again. */
	bool (*plan)(const struct target *target, const struct credential *wanted,
			const struct answers *seen, struct plan *plan, struct error *error);

	/* The fingerprint of what is installed, by the answers to the questions of ask(); in their arena. `wanted`,
	 * a fingerprint or NULL, if that is among several. NULL: they do not tell. Where an answer has a `leaf`
	 * (STEP_LOOK) it tells by itself, and this may be NULL. */
	const char *(*installed)(const struct target *target, const char *wanted,
			const struct answers *seen);

	/* What the operator should know of what is seen, though it holds up nothing: a sentence that is
	 * told with the target's state, in the answers' arena, or NULL. Answers may be missing. May be
	 * NULL. */
	const char *(*warn)(const struct target *target, const struct answers *seen);

	/* What `certdrop generate` can make for it; ends with an entry without a name. May be
	 * NULL. */
	const struct profile *profiles;

	/* Does this target wait while something is being done for `other`, of the same product? Not for
	 * what has failed or is held, and not where the operator's `after` says the opposite. May be
	 * NULL. */
	bool (*comes_after)(const struct target *target, const struct target *other);

	/* What it replaces, in words of which some name all that tells it apart from others: "the
	 * certificate proxy of the cluster at https://a:9443". Two targets of the product that have one of
	 * them in common would fight for ever, and are a mistake in the configuration. Called only with
	 * sound settings. May be NULL: `unique` options tell already. */
	struct words (*replaces)(const struct target *target, struct arena *arena);

	/* What its settings allow and hardly anybody means, such as a private key that every user may read:
	 * a sentence for each, as warnings of `certdrop check`. Called only with sound settings. May be
	 * NULL. */
	struct words (*advise)(const struct target *target, struct arena *arena);
};

/* All of them, sorted by product, NULL at the end. */
extern const struct reconciler *const reconcilers[];

/* NULL: there is no such product. */
const struct reconciler *reconciler_find(const char *product);
