#include "controller/certdrop/feed/leftover.h"

#include <string.h>

#include "controller/certdrop/intake/intake.h"

struct fate {
	const char *state, *reason;
};

static bool is_word(const struct record *record, const char *word)
{
	return strcmp(record_word(record, 0), word) == 0;
}

/* What the inspection says of the file itself, or of what it is a part of. false: it is sound. */
static bool is_unsound(struct arena *arena, const struct record *record, const char *name,
		struct fate *fate)
{
	const bool own = is_word(record, "file") && strcmp(record_word(record, 1), name) == 0;
	const bool part = (is_word(record, "refused") || is_word(record, "missing")) &&
			rows_contain(record_rows(arena, record, "input"), name);

	if (own && strcmp(record_word(record, 2), "sound") != 0) {
		fate->state = strcmp(record_word(record, 2), "incomplete") == 0 ? "waiting"
										: "refused";
		fate->reason = record_word(record, 3);
		return true;
	}
	if (part) {
		fate->state = is_word(record, "missing") ? "waiting" : "refused";
		fate->reason = record_word(record, 1);
	}
	return part;
}

static struct fate fate_of_decided(const struct admission *decided)
{
	const char *state = "left";

	switch (decided->kind) {
	case ADMISSION_WAIT:
		state = "waiting";
		break;
	case ADMISSION_REFUSE:
	case ADMISSION_PARKED:
		state = "refused";
		break;
	case ADMISSION_HOLD:
		state = "held";
		break;
	case ADMISSION_NOTHING:
	case ADMISSION_TAKE:
	case ADMISSION_SAME:
		break;
	}
	return (struct fate){ .state = state, .reason = decided->reason };
}

static struct fate fate_of(struct arena *arena, const struct records *inspected,
		const struct admission *decided, const char *name)
{
	const struct fate left = { "left", "it is not part of what was taken in" };
	struct fate fate = fate_of_decided(decided);

	if (fate.reason && rows_contain(decided->inputs, name))
		return fate;
	for (size_t i = 0; i < inspected->count; i++)
		if (is_unsound(arena, inspected->items[i], name, &fate))
			return fate;
	return fate.reason ? fate : left;
}

static bool is_taken_in(const struct admission *decided, const char *name)
{
	return (decided->kind == ADMISSION_TAKE || decided->kind == ADMISSION_SAME) &&
			rows_contain(decided->inputs, name);
}

/* A source is not for whoever drops: it has files as long as it is there. */
static bool concerns_somebody(const struct delivery *delivery, const struct admission *decided)
{
	return delivery->from_drop || fate_of_decided(decided).reason;
}

bool leftover_keep(struct delivery *delivery, const struct admission *decided, const char *failure,
		const struct harvest *harvest)
{
	const struct admission held = { .kind = ADMISSION_HOLD, .reason = failure };
	const struct admission *a = failure ? &held : decided;
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer text = { 0 };
	struct records records = { 0 };

	for (size_t i = 0; i < harvest->count && records.count < LEFTOVERS_MAX; i++) {
		const char *name = harvest->items[i].shown;
		const char *digest = inspection_digest(delivery->inspection, name);
		struct fate fate;

		if (!concerns_somebody(delivery, a) || is_taken_in(a, name))
			continue;
		fate = fate_of(arena, inspection_records(delivery->inspection), a, name);
		records_append(arena, &records,
				record_new(arena, "file", name, digest ? digest : "", fate.state,
						fate.reason, NULL));
	}
	records_print(&records, &text);
	return subject_leave(delivery->subject, buffer_text(&text));
}
