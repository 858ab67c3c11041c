#include "controller/certdrop/recovery.h"

#include "controller/certdrop/controller.h"
#include "controller/certdrop/store.h"
#include "reconcilers/reconciler.h"

/* Would the reconciler leave everything as it is if this credential were wanted? */
static bool in_place(const struct subject *subject, const char *digest, const struct answers *seen,
		struct arena *arena)
{
	struct credential facts;
	struct error ignored;
	struct plan plan;

	if (!digest || !store_facts(subject->controller->store, digest, arena, &facts, &ignored))
		return false;
	plan_init(&plan, arena, subject->target->name);
	return subject->target->reconciler->plan(subject->target, &facts, seen, &plan, &ignored) &&
			plan.count == 0;
}

bool recovery_decide(const struct subject *subject, const struct pass_entry *open,
		const struct answers *seen, struct arena *arena, enum recovery *recovery,
		struct plan *plan, struct words *begun, struct error *error)
{
	if (!plan_read(arena, open->plan, plan, error))
		return fail_while(error, "the journal's open pass");
	*begun = journal_begun(subject->controller->journal, arena, open->id);

	if (in_place(subject, plan->credential, seen, arena))
		*recovery = RECOVERY_FINISHED;
	else if (begun->count == 0 || in_place(subject, plan->predecessor, seen, arena))
		*recovery = RECOVERY_NOTHING_CHANGED;
	else
		*recovery = RECOVERY_PUT_BACK;
	return true;
}
