/* What certdrop notes beside the cluster, because neither gs_om nor the servers tell it: since when
 * what is deployed is so, and whether the servers were restarted since. A note is a place below `spool`
 * whose credential, layout and time count; its one file, a certificate, does not. */
#include "reconcilers/opengauss/opengauss.h"

#include <string.h>

enum { NOTES_KEPT = 0 }; /* besides the one that counts */

static const char restarted_layout[] = "restarted", running_layout[] = "running since ";

const char *opengauss_fact(const struct answers *seen, const char *name, const char *field)
{
	const struct record *told = answer(seen, name);

	return told ? record_text(told, field) : NULL;
}

static struct rows leaf_row(struct arena *arena)
{
	static const char *const row[] = { "server.crt", "leaf", "0600", "-", "-" };
	const size_t count = sizeof(row) / sizeof(*row);
	struct words words = { .items = arena_new_many(arena, const char *, count),
		.count = count };
	struct rows rows = { .items = arena_new_many(arena, struct words, 1), .count = 1 };

	memcpy(words.items, row, sizeof(row));
	rows.items[0] = words;
	return rows;
}

static void add_note(const struct credential *wanted, enum phase phase, const char *text,
		const struct file_step *about, struct plan *plan)
{
	struct file_step note = *about;

	note.method = "link";
	note.generation = generation_name(plan->arena, wanted->digest, note.layout);
	note.directory_mode = "0700";
	note.files = leaf_row(plan->arena);
	plan_file(plan, phase, text, &note);
}

static void prune(const char *place, const char *text, struct plan *plan)
{
	const struct file_step step = { .publish = place, .method = "link", .keep = NOTES_KEPT };

	plan_file(plan, PHASE_FINISH, text, &step);
}

void opengauss_prune_notes(const struct target *target, struct plan *plan)
{
	prune(opengauss_note_place(plan->arena, target), "remove older notes of restarts", plan);
	if (!opengauss_is_lite(target) && !plan->follow_up)
		prune(opengauss_since_place(plan->arena, target),
				"remove older notes of what is deployed", plan);
}

/* ---- the restart ---- */

/* The third line of postmaster.pid is when the server was started, in seconds since 1970. */
void opengauss_ask_running(const struct target *target, struct plan *plan)
{
	static const char *const row[] = { "started", "^([0-9]+)$" };
	const char *file = arena_printf(
			plan->arena, "%s/postmaster.pid", setting_text(target->settings, "data"));
	struct command_step command =
			opengauss_tool(plan->arena, target, "sed", "-n", "3p", file, NULL);
	struct words words = { .items = arena_new_many(plan->arena, const char *, 2), .count = 2 };

	memcpy(words.items, row, sizeof(row));
	command.pick = (struct rows){ .items = &words, .count = 1 };
	plan_ask_command(plan, "running", "see since when the server runs", &command);
}

enum opengauss_pending opengauss_pending(const struct target *target,
		const struct credential *wanted, const struct answers *seen)
{
	const char *layout = opengauss_fact(seen, "restarted", "layout");
	const char *started = opengauss_fact(seen, "running", "started");
	const bool later = opengauss_restarts(target, "later");
	const size_t length = strlen(running_layout);

	if (opengauss_restarts(target, "together"))
		return PENDING_NOTHING;
	if (!text_equal(opengauss_fact(seen, "restarted", "credential"), wanted->digest) || !layout)
		return later ? PENDING_RESTART : PENDING_NOTHING;
	if (strncmp(layout, running_layout, length) != 0)
		return PENDING_NOTHING;
	if (!answer(seen, "running"))
		return PENDING_UNKNOWN;
	if (!started)
		return later ? PENDING_RESTART : PENDING_NOTHING;
	return strcmp(layout + length, started) == 0 ? PENDING_RESTART : PENDING_NOTHING;
}

/* So that it is not restarted again. */
void opengauss_note_restart(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const struct file_step note = {
		.publish = opengauss_note_place(plan->arena, target),
		.layout = restarted_layout,
		.replaces = opengauss_fact(seen, "restarted", "replaces"),
	};

	add_note(wanted, PHASE_FINISH, "note that it was restarted", &note, plan);
}

void opengauss_note_pending(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const char *started = opengauss_fact(seen, "running", "started");
	const struct file_step note = {
		.publish = opengauss_note_place(plan->arena, target),
		.layout = arena_printf(
				plan->arena, "%s%s", running_layout, started ? started : "-"),
		.replaces = opengauss_fact(seen, "restarted", "replaces"),
	};

	if (started)
		add_note(wanted, PHASE_FINISH, "note that a restart is still to come", &note, plan);
}

/* ---- what is deployed ---- */

static const char *since_layout(struct arena *arena, const char *leaf)
{
	return arena_printf(arena, "deployed %s", leaf ? leaf : "nothing");
}

/* What is deployed may have been changed by others; then that counts from now on. gs_om's backups
 * are compared with this note, because it makes none while a flag is left on some other node. */
void opengauss_note_baseline(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const struct file_step note = {
		.publish = opengauss_since_place(plan->arena, target),
		.layout = since_layout(plan->arena, opengauss_fact(seen, "deployed", "leaf")),
		.replaces = opengauss_fact(seen, "since", "replaces"),
	};

	if (!text_equal(opengauss_fact(seen, "since", "layout"), note.layout))
		add_note(wanted, PHASE_PREPARE, "note since when that is deployed", &note, plan);
}

void opengauss_note_replacement(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const char *before = since_layout(plan->arena, opengauss_fact(seen, "deployed", "leaf"));
	const bool noted = text_equal(opengauss_fact(seen, "since", "layout"), before);
	const struct file_step note = {
		.publish = opengauss_since_place(plan->arena, target),
		.layout = since_layout(plan->arena, wanted->fingerprint),
		.replaces = noted ? opengauss_fact(seen, "since", "replaces")
				  : generation_name(plan->arena, wanted->digest, before),
	};

	if (!text_equal(before, note.layout))
		add_note(wanted, PHASE_FINISH, "note since when the new ones are", &note, plan);
}
