#include "controller/certdrop/answer/request-parts.h"

#include "controller/base/log.h"
#include "controller/certdrop/answer/report.h"
#include "controller/certdrop/feed/claim.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/pass/expiry.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

/* Whatever it brought about has come to its end. */
static bool all_quiet(struct request *request)
{
	if (feeds_busy(request->controller))
		return false;
	for (size_t i = 0; i < request->count; i++)
		if (request->subjects[i]->pass || request->subjects[i]->due)
			return false;
	return true;
}

/* ---- apply ---- */

/* To ask for it by name is to want what was put back tried again, unless it has ended since. */
static void try_parked_again(struct subject *subject)
{
	struct journal *journal = subject->controller->journal;
	autoarena struct arena *arena = arena_new();
	const char *digest = journal_last_parked(journal, arena, subject->target->name);
	const struct words none = { 0 };
	struct credential facts;
	struct error ignored;

	journal_unpark(journal, subject->target->name);
	if (digest && subject->put_back && !subject->applying &&
			store_facts(subject->controller->store, digest, arena, &facts, &ignored) &&
			!expiry_has_come(&facts))
		subject_want(subject, &facts, subject->inputs, none);
}

static bool begin_apply(struct request *request, struct error *error)
{
	(void)error;
	for (size_t i = 0; i < request->count; i++) {
		struct subject *subject = request->subjects[i];

		if (request->named) {
			verdict_forget(subject);
			try_parked_again(subject);
		}
		subject->attempts = 0;
		feed_forget(subject->feed);
		feed_scan(subject->feed);
	}
	controller_due_all(request->controller, request->subjects, request->count);
	return true;
}

const struct request_kind request_apply = {
	.name = "apply",
	.begin = begin_apply,
	.over = all_quiet,
	.report = request_report_status,
};

/* ---- rollback ---- */

static bool begin_rollback(struct request *request, struct error *error)
{
	struct journal *journal = request->controller->journal;
	struct subject *subject = request->subjects[0];
	autoarena struct arena *arena = arena_new();
	struct credential facts;
	const char *refused;

	if (request->count != 1)
		return fail(error, ERROR_INPUT, "name one target to roll back");
	if (!subject->predecessor)
		return fail(error, ERROR_INPUT, "%s has no predecessor to go back to",
				subject->target->name);
	if (subject->applying)
		return fail(error, ERROR_RETRY, "%s is being changed: try again when that is over",
				subject->target->name);
	if (!store_facts(request->controller->store, subject->predecessor, arena, &facts, error))
		return false;
	if (expiry_has_come(&facts))
		return fail(error, ERROR_INPUT, "the predecessor, %s, has expired", facts.subject);
	refused = claim_refuses(subject, &facts, arena);
	if (refused)
		return fail(error, ERROR_INPUT, "the predecessor, %s, is another's: %s",
				facts.subject, refused);

	log_info("target %s: rolled back by order: %s (sha256 %.16s) is wanted again instead of %s",
			subject->target->name, facts.subject, facts.fingerprint,
			subject->wanted ? subject->facts.subject : "none");
	if (subject->wanted)
		journal_park(journal, subject->target->name, subject->wanted,
				"rolled back by order");
	subject_want_back(subject, NULL);
	subject->by_order = true;
	subject_tell_intake(subject, STATE_IDLE, NULL);
	subject_tell_outcome(subject, STATE_WAITING, "going back to the predecessor");
	controller_due(request->controller, subject);
	return true;
}

const struct request_kind request_rollback = {
	.name = "rollback",
	.begin = begin_rollback,
	.over = all_quiet,
	.report = request_report_status,
};
