#include "controller/certdrop/pass/pass-parts.h"

#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/controller.h"

struct latest {
	struct arena *arena;
	const struct pass_entry *entry; /* NULL: there was none */
};

static void keep_latest(void *context, const struct pass_entry *entry)
{
	struct latest *latest = context;
	struct pass_entry *kept = arena_new_of(latest->arena, struct pass_entry);

	*kept = (struct pass_entry){
		.id = entry->id,
		.credential = arena_copy(latest->arena, entry->credential),
		.plan = arena_copy(latest->arena, entry->plan),
		.outcome = arena_copy(latest->arena, entry->outcome),
		.reason = arena_copy(latest->arena, entry->reason),
	};
	latest->entry = kept;
}

struct failing {
	const struct plan *plan;
	bool proof; /* it was a handshake that failed first */
};

static void find_proof(void *context, const struct step_entry *entry)
{
	struct failing *failing = context;

	if (!entry->undo && strcmp(entry->result, "failed") == 0 && entry->number >= 0 &&
			(size_t)entry->number < failing->plan->count)
		failing->proof = failing->plan->steps[entry->number].phase == PHASE_PROVE;
}

/* Was the wanted one tried last, in a way that has an alternative, and put back because it was not
 * served? The journal knows, also after a restart of the service. */
static bool read_first_try(struct pass *pass, struct latest *latest, struct plan *plan)
{
	struct journal *journal = pass->subject->controller->journal;
	struct failing failing = { .plan = plan };
	struct error ignored;

	journal_passes(journal, pass->subject->target->name, 1, keep_latest, latest);
	if (!latest->entry || !text_equal(latest->entry->credential, pass->subject->wanted) ||
			!text_equal(latest->entry->outcome, job_outcome_name(JOB_UNDONE)) ||
			!plan_read(pass->arena, latest->entry->plan, plan, &ignored) ||
			!plan->second_try)
		return false;
	journal_steps(journal, latest->entry->id, find_proof, &failing);
	return failing.proof;
}

bool pass_recall_first_try(struct pass *pass)
{
	struct latest latest = { .arena = pass->arena };
	struct plan plan;

	if (pass->first_try || !read_first_try(pass, &latest, &plan))
		return false;
	pass->first_try = arena_printf(pass->arena, "it was put back (%s), and is tried again %s",
			latest.entry->reason, plan.second_try);
	records_append(pass->arena, &pass->seen.records,
			record_new(pass->arena, "answer", "second-try", NULL));
	return true;
}

bool pass_has_second_try(const struct pass *pass, const struct job_result *result)
{
	return pass->plan.second_try && result->phase == PHASE_PROVE;
}

void pass_second_try(struct pass *pass, const struct job_result *result)
{
	struct subject *subject = pass->subject;

	log_warning("target %s: put back: %s; it is tried again %s", subject->target->name,
			result->error.text, pass->plan.second_try);
	subject->attempts = 0;
	subject->again = true;
	subject_tell_not_applying(subject);
	pass_end(pass);
}
