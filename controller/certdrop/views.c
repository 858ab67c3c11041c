#include "controller/certdrop/views.h"

#include <stdlib.h>
#include <string.h>

#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/companion.h"
#include "controller/certdrop/present/date.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

enum { SENTENCES_MAX = 64, NAMES_MAX = 5 };

static const char *told_by_product(struct arena *arena, const struct subject *subject)
{
	const struct target *target = subject->target;
	struct answers *seen = arena_new_of(arena, struct answers);

	*seen = (struct answers){ .arena = arena, .records = subject->seen };
	if (!target->reconciler->installed)
		return NULL;
	return target->reconciler->installed(
			target, subject->wanted ? subject->facts.fingerprint : NULL, seen);
}

/* What was made of a credential and is unchanged has its leaf, though nobody can read it there. */
static bool facts_of_unchanged(struct arena *arena, const struct subject *subject,
		const struct record *seen, struct credential *facts)
{
	const char *digest = record_text(seen, "credential");
	struct error ignored;

	if (!digest || !text_equal(record_text(seen, "unchanged"), "yes"))
		return false;
	if (subject->wanted && strcmp(digest, subject->wanted) == 0) {
		*facts = subject->facts;
		return true;
	}
	return store_facts(subject->controller->store, digest, arena, facts, &ignored);
}

struct view_installed view_installed(struct arena *arena, const struct subject *subject)
{
	const struct records *seen = &subject->seen;
	struct view_installed view = { 0 };

	for (size_t i = 0; i < seen->count; i++) {
		const struct words leaf = record_words(seen->items[i], "leaf");
		struct credential facts;

		if (leaf.count > 1) {
			view.fingerprint = leaf.items[0];
			view.not_after = strtoll(leaf.items[1], NULL, 10);
		} else if (facts_of_unchanged(arena, subject, seen->items[i], &facts)) {
			view.fingerprint = facts.fingerprint;
			view.not_after = facts.not_after;
		} else {
			continue;
		}
		view.credential = record_text(seen->items[i], "credential");
	}
	if (view.fingerprint)
		return view;
	view.fingerprint = told_by_product(arena, subject);
	if (view.fingerprint && subject->wanted &&
			strcmp(view.fingerprint, subject->facts.fingerprint) == 0)
		view.not_after = subject->facts.not_after;
	return view;
}

/* The answer to a handshake has the address first, and no kind of error. */
static bool is_unanswered(const struct field *field)
{
	enum error_kind kind;

	return strcmp(field->name, "failed") == 0 && field->values.count > 1 &&
			error_kind_read(field->values.items[1], &kind);
}

static void tell_served(const struct record *answer, view_served_fn *told, void *context)
{
	for (size_t i = 0; i < answer->field_count; i++) {
		const struct field *field = &answer->fields[i];
		struct view_served served = { 0 };

		if (field->values.count > 0)
			served.address = field->values.items[0];
		if (strcmp(field->name, "served") == 0 && field->values.count > 2) {
			served.fingerprint = field->values.items[1];
			served.not_after = strtoll(field->values.items[2], NULL, 10);
			told(context, &served);
		} else if (strcmp(field->name, "failed") == 0 && field->values.count > 1 &&
				!is_unanswered(field)) {
			served.error = field->values.items[1];
			told(context, &served);
		}
	}
}

void views_served(const struct records *seen, view_served_fn *told, void *context)
{
	for (size_t i = 0; i < seen->count; i++)
		tell_served(seen->items[i], told, context);
}

static void add_unanswered(struct words *words, const struct record *answer)
{
	for (size_t i = 0; i < answer->field_count; i++) {
		const struct field *field = &answer->fields[i];

		if (words->count < SENTENCES_MAX && is_unanswered(field) &&
				!words_contain(*words, field->values.items[0]))
			words->items[words->count++] = field->values.items[0];
	}
}

struct words views_unanswered(struct arena *arena, const struct subject *subject)
{
	struct words words = { .items = arena_new_many(arena, const char *, SENTENCES_MAX) };

	for (size_t i = 0; i < subject->seen.count; i++)
		add_unanswered(&words, subject->seen.items[i]);
	return words;
}

/* ---- sentences ---- */

struct sentences {
	struct arena *arena;
	struct words words;
	const struct subject *subject;
	long long warning_ms, now;
	bool served; /* something is */
};

static void say(struct sentences *sentences, const char *sentence)
{
	if (sentences->words.count < SENTENCES_MAX)
		sentences->words.items[sentences->words.count++] = sentence;
}

static void say_all(struct sentences *sentences, struct rows rows)
{
	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].count > 0)
			say(sentences, arena_copy(sentences->arena, rows.items[i].items[0]));
}

static struct sentences begin(struct arena *arena, const struct subject *subject)
{
	struct sentences sentences = { .arena = arena, .subject = subject };

	sentences.words.items = arena_new_many(arena, const char *, SENTENCES_MAX);
	return sentences;
}

static void warn_of_end(struct sentences *sentences, const char *what, long long not_after)
{
	const char *warning = date_warning(
			sentences->arena, what, not_after, sentences->now, sentences->warning_ms);

	if (warning)
		say(sentences, warning);
}

static void warn_of_served(void *context, const struct view_served *served)
{
	struct sentences *sentences = context;

	if (served->error)
		return;
	sentences->served = true;
	warn_of_end(sentences,
			arena_printf(sentences->arena, "the certificate served at %s",
					served->address),
			served->not_after);
}

/* What is installed counts where nobody can see what is served. */
static void warn_of_ends(struct sentences *sentences)
{
	const struct view_installed installed =
			view_installed(sentences->arena, sentences->subject);

	views_served(&sentences->subject->seen, warn_of_served, sentences);
	if (!sentences->served && installed.not_after > 0)
		warn_of_end(sentences, "the certificate that is installed", installed.not_after);
}

/* What is refused or lacks something is told as the state, unless something came after it. */
static void warn_of_left(struct sentences *sentences)
{
	const struct subject *subject = sentences->subject;
	const char *names = NULL;
	struct records left;
	struct error ignored;
	size_t i;

	if (subject->intake.state != STATE_IDLE ||
			!records_read(sentences->arena, subject->left, &left, &ignored) ||
			left.count == 0)
		return;
	for (i = 0; i < left.count && i < NAMES_MAX; i++)
		names = arena_printf(sentences->arena, "%s%s%s", names ? names : "",
				names ? ", " : "", record_word(left.items[i], 1));
	if (left.count > i)
		names = arena_printf(sentences->arena, "%s and %zu more", names, left.count - i);
	say(sentences,
			arena_printf(sentences->arena,
					"not taken in, and still lying there: %s; the receipt says why",
					names));
}

static void warn_of_what_is_seen(struct sentences *sentences)
{
	const struct subject *subject = sentences->subject;
	const struct answers seen = { .arena = sentences->arena, .records = subject->seen };
	const char *warning = NULL;

	if (subject->target->reconciler->warn)
		warning = subject->target->reconciler->warn(subject->target, &seen);
	if (warning)
		say(sentences, warning);
}

struct words views_warnings(struct arena *arena, const struct subject *subject,
		long long warning_ms, long long now)
{
	struct sentences sentences = begin(arena, subject);

	sentences.warning_ms = warning_ms;
	sentences.now = now;
	warn_of_left(&sentences);
	warn_of_ends(&sentences);
	warn_of_what_is_seen(&sentences);
	if (subject->wanted) {
		say_all(&sentences,
				companion_warnings(arena, &subject->facts, clock_trusted(), now));
		say_all(&sentences, subject->facts.warnings);
	}
	return sentences.words;
}

static void compare_served(void *context, const struct view_served *served)
{
	struct sentences *sentences = context;
	const struct subject *subject = sentences->subject;

	if (!served->fingerprint)
		say(sentences,
				arena_printf(sentences->arena, "nothing is served at %s: %s",
						served->address, served->error));
	else if (subject->wanted && strcmp(served->fingerprint, subject->facts.fingerprint) == 0)
		say(sentences,
				arena_printf(sentences->arena, "%s serves what is wanted",
						served->address));
	else
		say(sentences,
				arena_printf(sentences->arena,
						"%s serves %s certificate (sha256 %.16s)",
						served->address, subject->wanted ? "another" : "a",
						served->fingerprint));
}

/* Where only the product itself can tell, a mere look may not have asked it for that. */
static void say_none_installed(struct sentences *sentences)
{
	if (!sentences->subject->target->reconciler->installed)
		say(sentences, "no certificate is installed, or it cannot be seen");
}

static void compare_installed(struct sentences *sentences)
{
	const struct subject *subject = sentences->subject;
	const struct view_installed view = view_installed(sentences->arena, subject);

	if (!view.fingerprint)
		say_none_installed(sentences);
	else if (subject->wanted && strcmp(view.fingerprint, subject->facts.fingerprint) == 0)
		say(sentences, "what is wanted is installed");
	else
		say(sentences,
				arena_printf(sentences->arena,
						"%s certificate is installed (sha256 %.16s)",
						subject->wanted ? "another" : "a",
						view.fingerprint));
	for (size_t i = 0; i < subject->seen.count; i++) {
		const struct rows differs =
				record_rows(sentences->arena, subject->seen.items[i], "differs");

		for (size_t j = 0; j < differs.count; j++)
			say(sentences, differs.items[j].count > 0 ? differs.items[j].items[0] : "");
	}
}

static void say_unanswered(struct sentences *sentences)
{
	const struct words words = views_unanswered(sentences->arena, sentences->subject);

	for (size_t i = 0; i < words.count; i++)
		say(sentences,
				arena_printf(sentences->arena, "a question was not answered: %s",
						words.items[i]));
}

static void say_pending(struct sentences *sentences)
{
	const struct pending *pending = &sentences->subject->pending;

	if (!pending->text)
		return;
	say(sentences,
			arena_printf(sentences->arena, "it remains to %s: %s", pending->text,
					pending->reason ? pending->reason : "its turn is next"));
	if (pending->at > 0)
		say(sentences,
				arena_printf(sentences->arena, "that begins on %s at the earliest",
						date_print(pending->at).text));
}

struct words views_explain(struct arena *arena, const struct subject *subject)
{
	struct sentences sentences = begin(arena, subject);

	if (subject->wanted)
		say(&sentences,
				arena_printf(arena, "wanted is %s (sha256 %.16s)",
						subject->facts.subject,
						subject->facts.fingerprint));
	else
		say(&sentences, "nothing is wanted: no credential was taken in yet");
	if (subject_reason(subject))
		say(&sentences,
				arena_printf(arena, "the target is %s: %s",
						state_name(subject_state(subject)),
						subject_reason(subject)));
	say_pending(&sentences);
	if (subject->unfinished)
		say(&sentences, "a change of it is unfinished, and is taken up when the service runs");
	if (subject->pass)
		say(&sentences, "it is being looked at, or changed, just now");
	if (subject->seen_at == 0) {
		say(&sentences, "the target was not looked at yet");
		return sentences.words;
	}
	say(&sentences,
			arena_printf(arena, "the target was looked at on %s",
					date_print(subject->seen_at).text));
	compare_installed(&sentences);
	views_served(&subject->seen, compare_served, &sentences);
	say_unanswered(&sentences);
	return sentences.words;
}
