#include "controller/certdrop/recovery.h"

#include "controller/certdrop/controller.h"
#include "controller/certdrop/store.h"
#include "reconcilers/reconciler.h"

/* Would the reconciler leave everything as it is if this credential were wanted? */
static bool in_place(const struct subject *subject, const char *digest, const struct answers *seen)
{
	autoarena struct arena *arena = arena_new();
	struct credential facts;
	struct error ignored;
	struct plan plan;

	if (!digest || !store_facts(subject->controller->store, digest, arena, &facts, &ignored))
		return false;
	plan_init(&plan, arena, subject->target->name);
	return subject->target->reconciler->plan(subject->target, &facts, seen, &plan, &ignored) &&
			plan.count == 0;
}

static bool has_begun(const struct subject *subject, int64_t pass)
{
	autoarena struct arena *arena = arena_new();

	return journal_begun(subject->controller->journal, arena, pass).count > 0;
}

enum recovery recovery_decide(const struct subject *subject, const struct plan *plan, int64_t pass,
		const struct answers *seen)
{
	if (in_place(subject, plan->credential, seen))
		return RECOVERY_FINISHED;
	if (!has_begun(subject, pass) || in_place(subject, plan->predecessor, seen))
		return RECOVERY_NOTHING_CHANGED;
	return RECOVERY_PUT_BACK;
}
