#include "controller/certdrop/pass/recovery.h"

#include "controller/certdrop/controller.h"
#include "controller/certdrop/pass/gap.h"
#include "controller/certdrop/pass/lookup.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

enum presence { IN_PLACE, NOT_IN_PLACE, NOT_KNOWN };

/* Would the reconciler leave everything as it is if this credential were wanted? What may follow
 * once it is in service does not count. */
static enum presence presence_of(const struct subject *subject, const char *digest,
		const struct answers *seen, struct plan *plan)
{
	struct credential facts;
	struct error ignored;

	plan_init(plan, seen->arena, subject->target->name);
	lookup_offer(plan, subject->controller);
	if (!digest ||
			!store_facts(subject->controller->store, digest, seen->arena, &facts,
					&ignored))
		return NOT_IN_PLACE;
	if (!subject->target->reconciler->plan(subject->target, &facts, seen, plan, &ignored))
		return NOT_IN_PLACE;
	if (plan->count > 0 && plan->steps[0].phase == PHASE_ASK)
		return NOT_KNOWN;
	return plan->count == 0 || plan->follow_up ? IN_PLACE : NOT_IN_PLACE;
}

static bool has_begun(const struct subject *subject, int64_t pass)
{
	autoarena struct arena *arena = arena_new();

	return journal_begun(subject->controller->journal, arena, pass).count > 0;
}

static bool is_unfinished(const struct subject *subject, const struct plan *plan, int64_t pass)
{
	const struct gap gap = gap_recall(subject->controller->journal, plan, pass, NULL);

	return gap.changed && gap.left > 0;
}

/* What is in place was put there, whether or not that was still written down. */
static bool is_owed(const struct subject *subject, const struct plan *plan, int64_t pass)
{
	const struct gap gap = gap_recall(subject->controller->journal, plan, pass, NULL);

	return gap.left > 0 && (gap.changed || (!plan->follow_up && has_begun(subject, pass)));
}

/* A follow-up that remains has not been done, or not all of it. One that remains of a change is
 * its second step: that waits for no window. */
static bool remains(const struct plan *plan, const struct plan *now)
{
	return plan->follow_up && now->count > 0;
}

/* A tool that was cut short (a server's reload), and no handshake to tell whether it had its effect:
 * that the files are in place does not mean that they were loaded. */
static bool is_in_doubt(const struct subject *subject, const struct plan *plan, int64_t pass)
{
	autoarena struct arena *arena = arena_new();
	bool *done = arena_new_many(arena, bool, plan->count + 1);
	bool doubtful = false;

	(void)gap_recall(subject->controller->journal, plan, pass, done);
	for (size_t i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];

		if (step->kind == STEP_PROBE && step->phase != PHASE_UNDO)
			return false;
		doubtful = doubtful ||
				(step->kind == STEP_COMMAND && step->phase == PHASE_CHANGE &&
						!done[i]);
	}
	return doubtful && has_begun(subject, pass);
}

enum recovery recovery_decide(const struct subject *subject, const struct plan *plan, int64_t pass,
		const struct answers *seen, struct plan *questions)
{
	enum presence presence = presence_of(subject, plan->credential, seen, questions);

	if (presence == NOT_KNOWN)
		return RECOVERY_ASK;
	if (presence == IN_PLACE && questions->count > 0 && is_owed(subject, plan, pass))
		return RECOVERY_FINISH;
	if (presence == IN_PLACE && !plan->follow_up && is_in_doubt(subject, plan, pass))
		return RECOVERY_PUT_BACK;
	if (presence == IN_PLACE && !remains(plan, questions))
		return RECOVERY_FINISHED;
	if (!has_begun(subject, pass))
		return RECOVERY_NOTHING_CHANGED;
	if (presence == IN_PLACE)
		return RECOVERY_AGAIN;

	presence = presence_of(subject, plan->predecessor, seen, questions);
	if (presence == NOT_KNOWN)
		return RECOVERY_ASK;
	if (presence == IN_PLACE)
		return RECOVERY_NOTHING_CHANGED;
	if (is_unfinished(subject, plan, pass))
		return RECOVERY_FINISH;
	return plan->forward_only ? RECOVERY_AGAIN : RECOVERY_PUT_BACK;
}

bool recovery_has_unfinished(const struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const struct pass_entry *open = journal_open_pass(
			subject->controller->journal, arena, subject->target->name);
	struct error ignored;
	struct plan plan;

	return open && plan_read(arena, open->plan, &plan, &ignored) &&
			is_unfinished(subject, &plan, open->id);
}

struct words recovery_orphans(struct controller *controller, struct arena *arena)
{
	const struct words open = journal_open_targets(controller->journal, arena);
	const char **items = arena_new_many(arena, const char *, open.count + 1);
	struct words sentences = { .items = items };

	for (size_t i = 0; i < open.count; i++)
		if (!controller_find(controller, open.items[i]))
			items[sentences.count++] = arena_printf(arena,
					"a change of %s was cut short, and no target is called so any more: "
					"it stays half done until one is (certdrop history)",
					open.items[i]);
	return sentences;
}
