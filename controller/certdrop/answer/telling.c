#include "controller/certdrop/answer/telling.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/file.h"
#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/present/receipt.h"
#include "controller/certdrop/views.h"

/* Records "input NAME SHA256". */
static void add_inputs(struct arena *arena, const struct subject *subject, struct receipt *receipt)
{
	struct receipt_input *inputs;
	struct records records;
	struct error ignored;

	if (!subject->inputs || !records_read(arena, subject->inputs, &records, &ignored))
		return;
	inputs = arena_new_many(arena, struct receipt_input, records.count + 1);
	for (size_t i = 0; i < records.count; i++) {
		inputs[i].name = record_word(records.items[i], 1);
		inputs[i].sha256 = record_word(records.items[i], 2);
	}
	receipt->inputs = inputs;
	receipt->input_count = records.count;
}

static void add_left(struct arena *arena, const struct subject *subject, struct receipt *receipt)
{
	struct receipt_left *left;
	struct records records;
	struct error ignored;

	if (!records_read(arena, subject->left, &records, &ignored))
		return;
	left = arena_new_many(arena, struct receipt_left, records.count + 1);
	for (size_t i = 0; i < records.count; i++) {
		const char *digest = record_word(records.items[i], 2);

		left[i].name = record_word(records.items[i], 1);
		left[i].sha256 = *digest ? digest : NULL;
		left[i].state = record_word(records.items[i], 3);
		left[i].reason = record_word(records.items[i], 4);
	}
	receipt->left = left;
	receipt->left_count = records.count;
}

static void add_steps(struct arena *arena, const struct subject *subject, struct receipt *receipt)
{
	const struct records *done = &subject->deeds.steps;
	struct receipt_step *steps = arena_new_many(arena, struct receipt_step, done->count + 1);

	for (size_t i = 0; i < done->count; i++) {
		const struct record *step = done->items[i];

		steps[i].text = record_word(step, 1);
		steps[i].result = record_word(step, 2);
		steps[i].milliseconds = strtoll(record_word(step, 3), NULL, 10);
	}
	receipt->steps = steps;
	receipt->step_count = done->count;
}

static bool is_waiting_its_turn(const struct subject *subject)
{
	return subject->intake.state == STATE_IDLE && subject->outcome.state == STATE_WAITING;
}

static struct words warnings_of(struct arena *arena, const struct subject *subject)
{
	return views_warnings(arena, subject, subject->controller->config->expiry_warning_ms,
			clock_now());
}

static struct receipt receipt_of(struct arena *arena, const struct subject *subject)
{
	struct receipt receipt = {
		.target = subject->target->name,
		.state = state_name(subject_state(subject)),
		.reason = subject_reason(subject),
		.passing = subject->applying || is_waiting_its_turn(subject),
		.warnings = warnings_of(arena, subject),
		.gap_ms = subject->deeds.gap_ms,
		.gap_budget_ms = subject->deeds.gap_budget_ms > 0 ? subject->deeds.gap_budget_ms
								  : -1,
		.others = subject->others,
		.pending = subject->pending.text,
		.pending_reason = subject->pending.reason,
		.pending_at = subject->pending.at,
		.updated = clock_now(),
	};

	if (subject->wanted) {
		receipt.fingerprint = subject->facts.fingerprint;
		receipt.subject = subject->facts.subject;
		receipt.not_after = subject->facts.not_after;
	}
	add_inputs(arena, subject, &receipt);
	add_left(arena, subject, &receipt);
	add_steps(arena, subject, &receipt);
	return receipt;
}

/* Where the receipts of sources lie; -1 with `error`. */
static int state_receipts(struct arena *arena, const struct subject *subject, struct error *error)
{
	const char *path = arena_printf(arena, "%s/receipts", subject->controller->config->state);
	int directory;

	if (!directory_make(path, 0755, error))
		return -1;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory < 0)
		(void)fail(error, ERROR_RETRY, "%s: %s", path, strerror(errno));
	return directory;
}

/* A directory may feed several targets: the one that it is named after has the plain name. */
static const char *receipt_name(struct arena *arena, const struct subject *subject)
{
	const char *name = subject->target->name;

	if (feed_directory(subject->feed) < 0)
		return arena_printf(arena, "%s.json", name);
	if (strcmp(feed_name(subject->feed), name) == 0)
		return RECEIPT_NAME;
	return arena_printf(arena, "%s.%s", name, RECEIPT_NAME);
}

/* The rename is an event of the directory: what was dropped is taken in at once. */
static bool make_way(
		const struct subject *subject, int directory, const char *name, struct error *error)
{
	struct receipt_aside aside;

	if (!receipt_make_way(directory, name, &aside, error))
		return false;
	if (*aside.name)
		log_warning("drop %s: a file named %s is no receipt: it is %s now, and taken in as such",
				feed_name(subject->feed), name, aside.name);
	return true;
}

void telling_make_way(const struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const int directory = subject->feed ? feed_directory(subject->feed) : -1;
	struct error error;

	if (directory < 0 || subject->controller->mode == MODE_DRY)
		return;
	if (!make_way(subject, directory, receipt_name(arena, subject), &error))
		log_warning("target %s: receipt: %s", subject->target->name, error.text);
}

/* One after the other, to be compared; the caller's. */
static char *joined(struct words sentences)
{
	autodone(buffer) struct buffer text = { 0 };
	char *copy;

	for (size_t i = 0; i < sentences.count; i++)
		buffer_printf(&text, "%s\n", sentences.items[i]);
	copy = strdup(buffer_text(&text));
	assert(copy);
	return copy;
}

static bool write_receipt(struct subject *subject, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	autoclose int own = -1;
	struct receipt receipt;
	const char *name;
	int directory;

	receipt = receipt_of(arena, subject);
	directory = feed_directory(subject->feed);
	if (directory < 0) {
		own = state_receipts(arena, subject, error);
		directory = own;
	}
	name = receipt_name(arena, subject);
	if (directory < 0 || !make_way(subject, directory, name, error) ||
			!receipt_write(directory, name, &receipt, error))
		return false;
	free(subject->warned);
	subject->warned = joined(receipt.warnings);
	return true;
}

void telling_receipt(struct subject *subject)
{
	const bool known = subject->untold;
	struct error error;

	if (!subject->feed || subject->controller->mode == MODE_DRY)
		return;
	subject->untold = !write_receipt(subject, &error);
	if (subject->untold && !known)
		log_warning("target %s: receipt: %s; it is written with the next look at the "
			    "directory",
				subject->target->name, error.text);
}

void telling_warnings(struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	autofree char *warnings = NULL;

	/* Where another look follows at once, that one tells. */
	if (!subject->wanted || subject->seen_at == 0 || subject->again || subject->untold)
		return;
	warnings = joined(warnings_of(arena, subject));
	if (strcmp(warnings, subject->warned ? subject->warned : "") != 0)
		telling_receipt(subject);
}

/* ---- the log ---- */

/* Dates and amounts aside: what is held for the same reason is no news each time that it is looked at. */
static bool same_but_for_numbers(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	for (;; a++, b++) {
		a += strspn(a, digits);
		b += strspn(b, digits);
		if (*a != *b || !*a)
			return *a == *b;
	}
}

/* All else that a target comes to is logged by whoever does it. */
static bool is_for_the_log(const struct subject *subject)
{
	switch (subject_state(subject)) {
	case STATE_REFUSED:
	case STATE_HELD:
		return true;
	case STATE_WAITING:
		return subject->intake.state == STATE_WAITING;
	case STATE_IDLE:
	case STATE_APPLYING:
	case STATE_IN_SERVICE:
	case STATE_ROLLED_BACK:
	case STATE_FAILED:
		break;
	}
	return false;
}

static bool is_logged(const struct subject *subject, const char *line)
{
	if (!subject->logged)
		return false;
	if (subject_state(subject) == STATE_HELD)
		return same_but_for_numbers(subject->logged, line);
	return strcmp(subject->logged, line) == 0;
}

void telling_log(struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const char *reason = subject_reason(subject);
	const char *line;

	/* A change that is carried out meanwhile is no end of it. */
	if (subject->controller->mode != MODE_SERVICE || subject->applying)
		return;
	line = is_for_the_log(subject)
			? arena_printf(arena, "%s: %s", state_name(subject_state(subject)),
					  reason ? reason : "no reason is known")
			: NULL;
	if (line && is_logged(subject, line))
		return;
	free(subject->logged);
	subject->logged = line ? strdup(line) : NULL;
	assert(subject->logged || !line);
	if (line)
		log_line(subject_state(subject) == STATE_WAITING ? LOG_LEVEL_INFO
								 : LOG_LEVEL_WARNING,
				"target %s: %s", subject->target->name, line);
}

/* ---- what could not be written ---- */

void telling_what_is_untold(struct subject *subject)
{
	if (!subject->untold)
		return;
	telling_receipt(subject);
	if (!subject->untold)
		subject_remember(subject);
}
