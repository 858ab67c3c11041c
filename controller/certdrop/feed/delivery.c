#include "controller/certdrop/feed/delivery.h"

#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/answer/telling.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/admission.h"
#include "controller/certdrop/feed/claim.h"
#include "controller/certdrop/feed/leftover.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

/* How long until something that failed here is tried again, and how often the clock is looked
 * at while something waits for it. */
enum { AGAIN_MS = 5000, CLOCK_MS = 60000, CHAIN_MS = 500 };

/* When a file got its name or its last byte, whichever came later: nobody can set that back. */
static long long arrived_ns(const struct harvest *harvest, const char *name)
{
	for (size_t i = 0; i < harvest->count; i++)
		if (strcmp(harvest->items[i].shown, name) == 0)
			return harvest->items[i].entry.identity.changed_ns;
	return 0;
}

static long long newest_ns(const struct harvest *harvest)
{
	long long newest = 0;

	for (size_t i = 0; i < harvest->count; i++)
		if (harvest->items[i].entry.identity.changed_ns > newest)
			newest = harvest->items[i].entry.identity.changed_ns;
	return newest;
}

/* What could not even be looked at may be anything. */
static bool has_unknown(const struct harvest *harvest)
{
	for (size_t i = 0; i < harvest->count; i++)
		if (harvest->items[i].entry.identity.changed_ns == 0)
			return true;
	return false;
}

/* ---- taking ---- */

/* The one that was decided on, at its place among the credentials of the reply. */
static bool put_into_store(
		struct delivery *delivery, const struct admission *a, struct error *error)
{
	struct controller *controller = delivery->subject->controller;

	if (controller->mode == MODE_DRY)
		return true;
	return store_put(controller->store, inspection_credential(delivery->inspection, a->index),
			a->credential.digest, error);
}

/* Records "input NAME SHA256" for receipt and journal. */
static void write_inputs(const struct delivery *delivery, struct arena *arena, struct buffer *text)
{
	struct records records = { 0 };

	for (size_t i = 0; i < delivery->inputs.count; i++) {
		const struct words input = delivery->inputs.items[i];
		const char *name = input.count > 0 ? input.items[0] : "";
		const char *digest = inspection_digest(delivery->inspection, name);

		records_append(arena, &records,
				record_new(arena, "input", name, digest ? digest : "", NULL));
	}
	records_print(&records, text);
}

static void want(struct delivery *delivery, const struct admission *a, struct arena *arena)
{
	struct subject *subject = delivery->subject;
	autodone(buffer) struct buffer inputs = { 0 };

	log_info("target %s: taken in: %s (sha256 %.16s)", subject->target->name,
			a->credential.subject, a->credential.fingerprint);
	write_inputs(delivery, arena, &inputs);
	subject_want(subject, &a->credential, buffer_text(&inputs), a->others);
	subject->attempts = 0;
}

/* A leaf whose issuers are nowhere may have a chain that is still on its way, file by file: it is given a
 * moment. One that stands for itself, or whose chain is there, waits for nothing. In ms; 0: no wait. */
static uint64_t wait_for_chain(const struct admission *a, const struct harvest *harvest)
{
	const long long age_ms = clock_now_ms() - newest_ns(harvest) / 1000000;

	if (a->kind != ADMISSION_TAKE || a->credential.self_signed || a->credential.chain.count > 0)
		return 0;
	return age_ms >= 0 && age_ms < CHAIN_MS ? (uint64_t)(CHAIN_MS - age_ms) : 0;
}

/* What lay there until the product had spoken is not dropped a second time. */
static const char *told_of_same(const struct delivery *delivery, const struct admission *a,
		const struct harvest *harvest)
{
	struct subject *subject = delivery->subject;
	const bool news = delivery->from_drop && !subject->lay_there && a->spent.count > 0;

	subject->lay_there = false;
	if (!news)
		return NULL;
	return arena_printf(harvest->arena, "%s (sha256 %.16s) is %s already",
			a->credential.subject, a->credential.fingerprint,
			subject->in_service_since > 0 ? "in service" : "taken in");
}

/* What failed is tried again at its time, and before that only for what came since. */
static bool is_due(const struct subject *subject, const struct admission *a,
		const struct harvest *harvest)
{
	if (a->kind == ADMISSION_TAKE)
		return true;
	if (subject->outcome.state == STATE_IN_SERVICE)
		return false;
	return subject->retry_at_ms == 0 || newest_ns(harvest) > subject->accepted_ns;
}

static uint64_t admit(struct delivery *delivery, const struct admission *a,
		const struct harvest *harvest, struct arena *arena)
{
	struct subject *subject = delivery->subject;
	const bool due = is_due(subject, a, harvest);
	struct error error;

	if (!put_into_store(delivery, a, &error)) {
		subject_tell_intake(subject, STATE_HELD, error.text);
		return AGAIN_MS;
	}
	delivery->inputs = a->inputs;
	delivery->spent = a->spent;
	if (a->kind == ADMISSION_TAKE)
		want(delivery, a, arena);
	delivery->accepted = !verdict_await(subject);
	if (delivery->accepted && a->kind == ADMISSION_SAME)
		delivery->told = told_of_same(delivery, a, harvest);
	if (delivery->accepted &&
			(a->kind == ADMISSION_TAKE || subject->target->reconciler->refuses))
		subject_accepted(subject, newest_ns(harvest));
	if (due)
		controller_due(subject->controller, subject);
	subject_tell_intake(subject, STATE_IDLE, NULL);
	if (a->kind == ADMISSION_TAKE)
		subject_tell_taken_in(subject);
	return 0;
}

/* ---- telling ---- */

static bool is_being_written(const struct harvest *harvest)
{
	for (size_t i = 0; i < harvest->count; i++)
		if (harvest->items[i].open_for_writing)
			return true;
	return false;
}

/* A file that was refused, or lacked something, when a later one
 * was taken in is no news any more. */
static void complain(struct delivery *delivery, const struct harvest *harvest, enum state state,
		const char *reason)
{
	struct subject *subject = delivery->subject;

	if (newest_ns(harvest) <= subject->accepted_ns && !has_unknown(harvest))
		subject_tell_intake(subject, STATE_IDLE, NULL);
	else if (state != STATE_WAITING || !is_being_written(harvest))
		subject_tell_intake(subject, state, reason);
}

static uint64_t hold(struct subject *subject, const struct admission *a)
{
	const long long left_ms = a->until > 0 ? (a->until - clock_now()) * 1000 : CLOCK_MS;

	subject_tell_intake(subject, STATE_HELD, a->reason);
	/* The clock may have been set since, and it be over. */
	if (left_ms < 0)
		return 1;
	return (uint64_t)(left_ms < CLOCK_MS ? left_ms + 1 : CLOCK_MS);
}

/* What was put back last is told as that. */
static bool is_told(const struct subject *subject, const struct admission *a, struct arena *arena)
{
	const char *last = journal_last_parked(
			subject->controller->journal, arena, subject->target->name);

	return subject->put_back && last && strcmp(last, a->credential.digest) == 0;
}

static void tell_parked(struct delivery *delivery, const struct admission *a,
		const struct harvest *harvest, struct arena *arena)
{
	if (is_told(delivery->subject, a, arena))
		subject_tell_intake(delivery->subject, STATE_IDLE, NULL);
	else
		complain(delivery, harvest, STATE_REFUSED, a->reason);
}

/* ---- deciding ---- */

struct parking {
	const struct subject *subject;
	struct arena *arena;
};

static const char *is_parked(void *context, const char *digest)
{
	const struct parking *parking = context;

	return journal_parked(parking->subject->controller->journal, parking->arena,
			parking->subject->target->name, digest);
}

static const char *is_refused(void *context, const struct credential *credential)
{
	const struct parking *parking = context;
	const char *reason = verdict_refused(parking->subject, credential->digest);

	return reason ? reason : claim_refuses(parking->subject, credential, parking->arena);
}

/* It lay there when a better one was taken in: it is not to replace that one now. But what is wanted and
 * not whole in the store any more is the better one. */
static bool is_superseded(const struct delivery *delivery, const struct admission *a,
		const struct harvest *harvest)
{
	const struct subject *subject = delivery->subject;

	if (subject->lost && strcmp(subject->lost, a->credential.digest) == 0)
		return false;
	for (size_t i = 0; i < a->inputs.count; i++)
		if (a->inputs.items[i].count > 0 &&
				arrived_ns(harvest, a->inputs.items[i].items[0]) >
						subject->accepted_ns)
			return false;
	return subject->accepted_ns > 0;
}

/* What is wanted may never get there: it is the one before it that is gone back from then. What is being
 * put there just now may be there already; what was put back is, though nobody may have looked since. */
static const struct credential *in_service(const struct subject *subject, struct arena *arena)
{
	struct credential *before = arena_new_of(arena, struct credential);
	const bool there = subject->in_service_since > 0 || subject->applying || subject->put_back;
	struct error ignored;

	if (subject->wanted && there)
		return &subject->facts;
	if (subject->predecessor &&
			store_facts(subject->controller->store, subject->predecessor, arena, before,
					&ignored))
		return before;
	return NULL;
}

static struct admission decide(const struct delivery *delivery, const struct harvest *harvest,
		bool from_drop, struct arena *arena)
{
	const struct subject *subject = delivery->subject;
	struct journal *journal = subject->controller->journal;
	struct parking parking = { .subject = subject, .arena = arena };
	const struct admission_facts facts = {
		.target = subject->target->name,
		.wanted = subject->wanted ? &subject->facts : NULL,
		.in_service = in_service(subject, arena),
		.served_before = journal_served_before(journal, arena, subject->target->name),
		.allow_downgrade = setting_flag(subject->target->settings, "allow-downgrade"),
		.clock_trusted = clock_trusted(),
		.clock_doubt = clock_doubt(arena),
		.now = clock_now(),
		.every_file_counts = from_drop,
		.parked = is_parked,
		.refused = is_refused,
		.context = &parking,
	};
	struct admission a =
			admission_decide(arena, inspection_records(delivery->inspection), &facts);

	if (a.kind == ADMISSION_TAKE && is_superseded(delivery, &a, harvest))
		a.kind = ADMISSION_NOTHING;
	return a;
}

static uint64_t act(struct delivery *delivery, const struct admission *a,
		const struct harvest *harvest, struct arena *arena)
{
	struct subject *subject = delivery->subject;

	switch (a->kind) {
	case ADMISSION_TAKE:
	case ADMISSION_SAME:
		return admit(delivery, a, harvest, arena);
	case ADMISSION_HOLD:
		return hold(subject, a);
	case ADMISSION_NOTHING:
		subject_tell_intake(subject, STATE_IDLE, NULL);
		break;
	case ADMISSION_WAIT:
		complain(delivery, harvest, STATE_WAITING, a->reason);
		break;
	case ADMISSION_REFUSE:
		complain(delivery, harvest, STATE_REFUSED, a->reason);
		break;
	case ADMISSION_PARKED:
		tell_parked(delivery, a, harvest, arena);
		break;
	}
	return 0;
}

uint64_t delivery_decide(struct delivery *delivery, const struct harvest *harvest, bool from_drop,
		struct arena *arena)
{
	const char *failure = inspection_failure(delivery->inspection);
	struct subject *subject = delivery->subject;
	struct admission a = { 0 };
	uint64_t again = 0;
	bool others;

	delivery->accepted = false;
	delivery->told = NULL;
	delivery->from_drop = from_drop;
	if (!failure)
		a = decide(delivery, harvest, from_drop, arena);
	if (!failure && from_drop && subject->controller->mode == MODE_SERVICE)
		again = wait_for_chain(&a, harvest);
	if (again > 0)
		return again;
	others = leftover_keep(delivery, &a, failure, harvest);
	if (failure) {
		subject_tell_intake(subject, STATE_HELD, failure);
		again = AGAIN_MS;
	} else {
		again = act(delivery, &a, harvest, arena);
	}
	/* Whoever was told just now was told of these, too: nothing is written twice. */
	if (others)
		telling_receipt(subject);
	return again;
}
