#include "controller/certdrop/feed/admission.h"

#include <string.h>

#include "controller/certdrop/feed/companion.h"
#include "controller/certdrop/present/date.h"

/* ---- one candidate ---- */

static const char *downgrade(struct arena *arena, const struct credential *c,
		const struct admission_facts *facts)
{
	const struct credential *in_service = facts->in_service;

	if (facts->allow_downgrade || !facts->wanted)
		return NULL;
	if (words_contain(facts->served_before, c->digest))
		return arena_printf(arena,
				"%s (sha256 %.16s) was in service before and was replaced; set "
				"allow-downgrade, or use certdrop rollback, to go back to it",
				c->subject, c->fingerprint);
	if (in_service && c->not_after < in_service->not_after &&
			in_service->not_after > facts->now)
		return arena_printf(arena,
				"%s ends on %s, earlier than the one in service (%s); set allow-downgrade "
				"to accept that",
				c->subject, date_print(c->not_after).text,
				date_print(in_service->not_after).text);
	return NULL;
}

/* What else is in it: a client certificate, an authority, a revocation list. */
static void judge_others(struct arena *arena, const struct admission_facts *facts,
		struct rows others, struct admission *a)
{
	for (size_t i = 0; i < others.count && a->kind != ADMISSION_REFUSE; i++) {
		const struct lasting lasting = credential_lasting(others.items[i]);

		if (lasting.until <= facts->now) {
			a->kind = ADMISSION_REFUSE;
			a->reason = companion_ended(arena, a->credential.subject, lasting);
		} else if (lasting.from > facts->now && lasting.from > a->until) {
			a->kind = ADMISSION_HOLD;
			a->until = lasting.from;
			a->reason = companion_begins(arena, a->credential.subject, lasting);
		}
	}
}

/* Where no rule asks for a whole chain, one that has ended is still no progress over a good one. */
static void judge_chain(
		struct arena *arena, const struct admission_facts *facts, struct admission *a)
{
	const struct credential *in_service = facts->in_service;

	if (facts->allow_downgrade || !in_service || in_service->not_after <= facts->now ||
			in_service->links.count == 0 ||
			!companion_current(companion_needed(in_service), facts->now))
		return;
	judge_others(arena, facts, companion_needed(&a->credential), a);
}

static void judge_dates(
		struct arena *arena, const struct admission_facts *facts, struct admission *a)
{
	const struct credential *c = &a->credential;

	if (!facts->clock_trusted) {
		a->kind = ADMISSION_HOLD;
		a->reason = arena_printf(arena,
				"the clock says %s, which cannot be trusted: %s; %s waits until it is "
				"set",
				date_print(facts->now).text, facts->clock_doubt, c->subject);
	} else if (c->not_after <= facts->now) {
		a->kind = ADMISSION_REFUSE;
		a->reason = arena_printf(arena, "%s expired on %s; drop one that is valid",
				c->subject, date_print(c->not_after).text);
	} else if (c->not_before > facts->now) {
		a->kind = ADMISSION_HOLD;
		a->until = c->not_before;
		a->reason = arena_printf(arena, "%s is valid from %s", c->subject,
				date_print(c->not_before).text);
	}
	if (a->kind == ADMISSION_TAKE || a->until > 0)
		judge_others(arena, facts, a->credential.lasts, a);
}

static void judge(struct arena *arena, const struct admission_facts *facts, struct admission *a)
{
	const struct credential *c = &a->credential;
	const char *reason;

	a->kind = ADMISSION_TAKE;
	if (facts->wanted && strcmp(facts->wanted->digest, c->digest) == 0) {
		a->kind = ADMISSION_SAME;
		return;
	}
	reason = facts->parked(facts->context, c->digest);
	if (reason) {
		a->kind = ADMISSION_PARKED;
		a->reason = arena_printf(arena,
				"%s was tried before and put back: %s; drop another one, or try this one "
				"again with certdrop apply %s",
				c->subject, reason, facts->target);
		return;
	}
	judge_dates(arena, facts, a);
	if (a->kind != ADMISSION_TAKE)
		return;
	reason = facts->refused(facts->context, c);
	if (!reason)
		reason = downgrade(arena, c, facts);
	if (reason) {
		a->kind = ADMISSION_REFUSE;
		a->reason = reason;
	} else {
		judge_chain(arena, facts, a);
	}
}

/* ---- all of them ---- */

/* "CN=web.example (old.pem, old.key)" */
static const char *with_inputs(
		struct arena *arena, const struct record *record, const char *subject)
{
	const struct rows inputs = record_rows(arena, record, "input");
	const char *names = NULL;

	for (size_t i = 0; i < inputs.count; i++)
		if (inputs.items[i].count > 0)
			names = arena_printf(arena, "%s%s%s", names ? names : "", names ? ", " : "",
					inputs.items[i].items[0]);
	return names ? arena_printf(arena, "%s (%s)", subject, names) : subject;
}

static struct words other_subjects(
		struct arena *arena, const struct records *inspected, const struct record *chosen)
{
	struct words others = { .items = arena_new_many(
						arena, const char *, inspected->count + 1) };

	for (size_t i = 0; i < inspected->count; i++) {
		const struct record *record = inspected->items[i];
		const char *subject = record_text(record, "subject");

		if (record != chosen && strcmp(record_word(record, 0), "credential") == 0 &&
				subject)
			others.items[others.count++] = with_inputs(arena, record, subject);
	}
	return others;
}

/* Does the record tell of something that lies in these files and nowhere else? */
static bool is_within(struct rows own, struct rows inputs)
{
	for (size_t i = 0; i < own.count; i++)
		if (own.items[i].count > 0 && !rows_contain(inputs, own.items[i].items[0]))
			return false;
	return own.count > 0;
}

/* Another credential lies in this file as well, or half of one, which would be lost with it. What
 * lies in further files, too, would not: a key that was there for the one chosen is in the store. */
static bool holds_more(struct arena *arena, const struct records *inspected,
		const struct record *chosen, const char *name)
{
	const struct rows inputs = record_rows(arena, chosen, "input");

	for (size_t i = 0; i < inspected->count; i++) {
		const struct rows own = record_rows(arena, inspected->items[i], "input");

		if (inspected->items[i] != chosen && is_within(own, inputs) &&
				rows_contain(own, name))
			return true;
	}
	return false;
}

static struct rows spent_inputs(
		struct arena *arena, const struct records *inspected, const struct record *chosen)
{
	const struct rows inputs = record_rows(arena, chosen, "input");
	struct rows spent = { .items = arena_new_many(arena, struct words, inputs.count + 1) };

	for (size_t i = 0; i < inputs.count; i++)
		if (inputs.items[i].count > 0 &&
				!holds_more(arena, inspected, chosen, inputs.items[i].items[0]))
			spent.items[spent.count++] = inputs.items[i];
	return spent;
}

/* The first that can be taken wins; otherwise the best one tells why not. */
static bool choose(struct arena *arena, const struct records *inspected,
		const struct admission_facts *facts, struct admission *chosen)
{
	bool found = false;
	size_t index = 0;

	for (size_t i = 0; i < inspected->count; i++) {
		const struct record *record = inspected->items[i];
		struct admission a = { .index = index };
		struct error ignored;

		if (strcmp(record_word(record, 0), "credential") != 0)
			continue;
		index++;
		if (!credential_read(arena, record, &a.credential, &ignored))
			continue;
		a.inputs = record_rows(arena, record, "input");
		judge(arena, facts, &a);
		if (!found || a.kind == ADMISSION_TAKE) {
			a.others = other_subjects(arena, inspected, record);
			a.spent = spent_inputs(arena, inspected, record);
			*chosen = a;
			found = true;
		}
		/* What is in service is not replaced by what is worse than it. */
		if (a.kind == ADMISSION_TAKE || a.kind == ADMISSION_SAME)
			break;
	}
	return found;
}

/* The sentence, with the file's name in front unless it is told in it. */
static const char *with_file(struct arena *arena, const char *file, const char *sentence)
{
	if (!file || !*file || strstr(sentence, file))
		return sentence;
	return arena_printf(arena, "%s: %s", file, sentence);
}

static const char *first_sentence(struct arena *arena, const struct records *inspected,
		const char *word, const char *file_state)
{
	for (size_t i = 0; i < inspected->count; i++) {
		const struct record *record = inspected->items[i];

		if (strcmp(record_word(record, 0), word) != 0)
			continue;
		if (!file_state)
			return with_file(arena, record_text(record, "input"),
					record_word(record, 1));
		if (strcmp(record_word(record, 2), file_state) == 0)
			return with_file(arena, record_word(record, 1), record_word(record, 3));
	}
	return NULL;
}

static const char *first_missing(const struct records *inspected)
{
	const struct record *record = records_find(inspected, "missing", NULL);

	return record ? record_word(record, 1) : NULL;
}

struct admission admission_decide(struct arena *arena, const struct records *inspected,
		const struct admission_facts *facts)
{
	struct admission a = { .kind = ADMISSION_NOTHING };
	const char *missing = first_missing(inspected);
	const char *refused = first_sentence(arena, inspected, "refused", NULL);
	const char *bad_file = first_sentence(arena, inspected, "file", "refused");
	const char *ignored = first_sentence(arena, inspected, "file", "ignored");
	const char *growing = first_sentence(arena, inspected, "file", "incomplete");

	if (choose(arena, inspected, facts, &a))
		return a;
	if (refused || bad_file) {
		a.kind = ADMISSION_REFUSE;
		a.reason = refused ? refused : bad_file;
	} else if (growing || missing) {
		a.kind = ADMISSION_WAIT;
		a.reason = growing ? growing : missing;
	} else if (ignored && facts->every_file_counts) {
		a.kind = ADMISSION_REFUSE;
		a.reason = ignored;
	}
	return a;
}
