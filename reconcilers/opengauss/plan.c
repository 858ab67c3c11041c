/* What must be done: build the package, have it installed, see it served everywhere; and then, or
 * at once, restart. */
#include "reconcilers/opengauss/opengauss.h"

#include <string.h>

/* Besides what is in service; its predecessor, which is always kept, is one of them. A package has
 * private keys in it. */
enum { SETS_KEPT = 1, PACKAGES_KEPT = 0 };

static const char package_name[] = "db-cert-replacement.zip";

/* ---- what is there ---- */

static bool has_crl(const struct credential *wanted)
{
	return words_contain(wanted->parts, "crl");
}

/* Also where they are put in place without one at first, and that was not enough. */
static bool restarts_together(const struct target *target, const struct answers *seen)
{
	return opengauss_restarts(target, "together") || answer(seen, "second-try");
}

/* Everything about the set but the credential: a change of it calls for a new one. */
static const char *layout_of(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "%s %s", setting_text(target->settings, "edition"),
			setting_text(target->settings, "crl"));
}

/* Somebody answers, with the certificate from before: only a restart will do. Where nobody answers it
 * may be the network, and nothing is restarted for that. */
static bool serves_another(
		const struct target *target, const char *fingerprint, const struct answers *seen)
{
	const struct words addresses = setting_words(target->settings, "probe");

	for (size_t i = 0; i < addresses.count; i++) {
		const struct rows served = record_rows(
				seen->arena, answer(seen, addresses.items[i]), "served");

		for (size_t j = 0; j < served.count; j++)
			if (!text_equal(served.items[j].items[1], fingerprint))
				return true;
	}
	return false;
}

/* Which answer tells what is replaced. */
static const char *set_name(const struct target *target, const struct credential *wanted)
{
	if (!opengauss_is_lite(target))
		return "package";
	return has_crl(wanted) ? "deployed-crl" : "deployed";
}

/* The tool keeps no book, so the package that certdrop had it install is compared, and the
 * certificate that lies in the data directory now. */
static bool is_in_place(const struct target *target, const struct credential *wanted,
		const struct answers *seen)
{
	const char *set = set_name(target, wanted);

	return text_equal(opengauss_fact(seen, set, "credential"), wanted->digest) &&
			text_equal(opengauss_fact(seen, set, "layout"),
					layout_of(seen->arena, target)) &&
			!opengauss_fact(seen, set, "differs") &&
			text_equal(opengauss_fact(seen, "deployed", "leaf"), wanted->fingerprint);
}

static bool check_answers(const struct answers *seen, struct error *error)
{
	static const char *const looks[] = { "package", "deployed", "deployed-crl", "flag",
		"restarted", "since" };

	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		const char *why = opengauss_fact(seen, looks[i], "failed");

		if (why)
			return fail(error, ERROR_RETRY, "look at what is deployed: %s", why);
	}
	return true;
}

/* ---- seeing it served ---- */

static void add_probe(const struct target *target, enum phase phase, const char *address,
		const char *fingerprint, const char *see, struct plan *plan)
{
	const struct probe_step probe = {
		.address = address,
		.protocol = "postgresql",
		.expect = fingerprint,
		.times = (long)setting_number(target->settings, "times"),
	};
	const char *text = arena_printf(plan->arena, "%s at %s", see, address);
	struct step *step = plan_probe(plan, phase, text, &probe);

	step->deadline_ms = (long)setting_number(target->settings, "probe-deadline");
	step->together = 1;
}

static void add_probes(
		const struct target *target, const struct credential *wanted, struct plan *plan)
{
	const struct words addresses = setting_words(target->settings, "probe");

	for (size_t i = 0; i < addresses.count; i++)
		add_probe(target, PHASE_PROVE, addresses.items[i], wanted->fingerprint,
				"see it served", plan);
}

/* ---- the way back ---- */

/* What each node serves before anything is done. */
static void add_probes_back(const struct target *target, const struct answers *seen,
		const char *see, struct plan *plan)
{
	const struct words addresses = setting_words(target->settings, "probe");

	for (size_t i = 0; i < addresses.count; i++) {
		const struct words served =
				record_words(answer(seen, addresses.items[i]), "served");

		if (served.count > 1)
			add_probe(target, PHASE_UNDO, addresses.items[i], served.items[1], see,
					plan);
	}
}

/* Taken in reverse order: first the old files, then, where the server was to be restarted, a
 * restart with them, and at last the proof. */
static void add_way_back(const struct target *target, const struct answers *seen, struct plan *plan)
{
	add_probes_back(target, seen, "see the old certificate", plan);
	if (restarts_together(target, seen))
		opengauss_add_restart_back(target, plan);
}

/* ---- the files ---- */

static void add_package(const struct target *target, struct plan *plan)
{
	const struct settings *settings = target->settings;
	const char *data = setting_text(settings, "data"), *home = setting_text(settings, "home");
	struct make_step package = { .make = "package", .format = "opengauss" };

	if (text_equal(setting_text(settings, "passphrase"), "deployed"))
		package.deployed = data;
	if (home)
		package.carry = arena_printf(plan->arena, "%s/share/sslcert/om", home);
	if (text_equal(setting_text(settings, "crl"), "keep"))
		package.keep_crl = data;
	plan_make(plan, "build the package", &package);
}

static void add_row(struct arena *arena, struct rows *rows, const char *name, const char *content,
		const char *owner)
{
	const char **row = arena_new_many(arena, const char *, 5);

	row[0] = name;
	row[1] = content;
	row[2] = "0600";
	row[3] = owner;
	row[4] = "-";
	rows->items[rows->count++] = (struct words){ .items = row, .count = 5 };
}

static struct rows package_row(struct arena *arena, const struct target *target)
{
	struct rows rows = { .items = arena_new_many(arena, struct words, 1) };

	add_row(arena, &rows, package_name, "package", setting_text(target->settings, "user"));
	return rows;
}

/* Certificate and key one right behind the other: a connection that comes between the two is
 * refused. The passphrase files stay where the passphrase does. */
struct words opengauss_data_files(struct arena *arena, const struct target *target, bool with_crl)
{
	const bool new = text_equal(setting_text(target->settings, "passphrase"), "new");
	struct words words = { .items = arena_new_many(arena, const char *, 6) };

	words.items[words.count++] = "server.crt";
	words.items[words.count++] = "server.key";
	if (new) {
		words.items[words.count++] = "server.key.cipher";
		words.items[words.count++] = "server.key.rand";
	}
	words.items[words.count++] = "cacert.pem";
	if (with_crl)
		words.items[words.count++] = "sslcrl-file.crl";
	return words;
}

static struct rows data_rows(
		struct arena *arena, const struct target *target, const struct credential *wanted)
{
	const struct words names = opengauss_data_files(arena, target, has_crl(wanted));
	struct rows rows = { .items = arena_new_many(arena, struct words, names.count) };

	for (size_t i = 0; i < names.count; i++)
		add_row(arena, &rows, names.items[i],
				arena_printf(arena, "package/%s", names.items[i]),
				setting_text(target->settings, "user"));
	return rows;
}

static void add_files(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const bool lite = opengauss_is_lite(target);
	const char *layout = layout_of(plan->arena, target);
	const struct file_step files = {
		.publish = lite ? setting_text(target->settings, "data")
				: opengauss_package_place(plan->arena, target),
		.method = lite ? "fixed" : "link",
		.generation = generation_name(plan->arena, wanted->digest, layout),
		.layout = layout,
		.replaces = opengauss_fact(seen, set_name(target, wanted), "replaces"),
		.directory_mode = lite ? NULL : "0711",
		.files = lite ? data_rows(plan->arena, target, wanted)
			      : package_row(plan->arena, target),
	};

	plan_file(plan, PHASE_CHANGE,
			lite ? "put the files in place" : "hand the package to gs_om's user",
			&files);
	if (lite)
		return;
	opengauss_add_rollback(target, seen, plan);
	opengauss_add_replacement(target, plan);
}

static void add_pruning(
		const struct target *target, enum phase phase, const char *text, struct plan *plan)
{
	const bool lite = opengauss_is_lite(target);
	const struct file_step prune = {
		.publish = lite ? setting_text(target->settings, "data")
				: opengauss_package_place(plan->arena, target),
		.method = lite ? "fixed" : "link",
		.keep = lite ? SETS_KEPT : PACKAGES_KEPT,
	};

	plan_file(plan, phase, text, &prune);
}

/* ---- all together ---- */

static void add_replacement(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	add_way_back(target, seen, plan);
	opengauss_add_state(target, PHASE_PREPARE, false, plan);
	if (!opengauss_is_lite(target)) {
		opengauss_note_baseline(target, wanted, seen, plan);
		add_pruning(target, PHASE_PREPARE, "remove packages that were never installed",
				plan);
	}
	add_package(target, plan);
	add_files(target, wanted, seen, plan);
}

static void add_restart(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	opengauss_add_restart(target, seen, plan);
	add_probes(target, wanted, plan);
	opengauss_note_restart(target, wanted, seen, plan);
}

/* Whatever cuts it short: what was stopped is started again. */
static void add_restart_alone(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	add_probes_back(target, seen, "see what was served before", plan);
	opengauss_add_start_back(target, plan);
	add_restart(target, wanted, seen, plan);
}

static void add_follow_up(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	plan->follow_up = "restart openGauss, whose nodes know each other by the old certificate "
			  "until then";
	if (opengauss_restarts(target, "never"))
		plan->held = "restart is \"never\", so it is left to somebody else";
	opengauss_add_state(target, PHASE_PREPARE, false, plan);
	add_restart_alone(target, wanted, seen, plan);
	opengauss_prune_notes(target, plan);
}

/* The files are in place, and served. */
static void plan_rest(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	switch (opengauss_pending(target, wanted, seen)) {
	case PENDING_NOTHING:
		break;
	case PENDING_UNKNOWN:
		opengauss_ask_running(target, plan);
		break;
	case PENDING_RESTART:
		add_follow_up(target, wanted, seen, plan);
		break;
	}
}

static bool needs_restart(const struct target *target, const struct credential *wanted,
		const struct answers *seen, bool in_place)
{
	if (in_place)
		return !opengauss_restarts(target, "never") &&
				serves_another(target, wanted->fingerprint, seen);
	return restarts_together(target, seen);
}

/* Who did not answer before may not answer afterwards for the same reason: no server is restarted for
 * that. */
static bool all_answer(const struct target *target, const struct answers *seen)
{
	const struct words addresses = setting_words(target->settings, "probe");

	for (size_t i = 0; i < addresses.count; i++)
		if (record_words(answer(seen, addresses.items[i]), "served").count == 0)
			return false;
	return true;
}

static void plan_change(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const bool restarts = needs_restart(target, wanted, seen, false);

	if (!restarts && !answer(seen, "running")) {
		opengauss_ask_running(target, plan);
		return;
	}
	if (!restarts && opengauss_restarts(target, "later") && all_answer(target, seen) &&
			text_equal(setting_text(target->settings, "if-refused"), "restart"))
		plan->second_try = "with a restart of openGauss";
	add_replacement(target, wanted, seen, plan);
	if (restarts) {
		add_restart(target, wanted, seen, plan);
	} else {
		add_probes(target, wanted, plan);
		opengauss_note_pending(target, wanted, seen, plan);
	}
	if (!opengauss_is_lite(target))
		opengauss_note_replacement(target, wanted, seen, plan);
	opengauss_prune_notes(target, plan);
	add_pruning(target, PHASE_FINISH, "remove sets that are no longer kept", plan);
}

bool opengauss_plan(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan, struct error *error)
{
	const struct words addresses = setting_words(target->settings, "probe");
	const bool in_place = is_in_place(target, wanted, seen);

	if (!check_answers(seen, error))
		return false;
	if (!in_place)
		plan_change(target, wanted, seen, plan);
	else if (answers_all_serve(seen, addresses, wanted->fingerprint))
		plan_rest(target, wanted, seen, plan);
	else if (needs_restart(target, wanted, seen, true))
		add_restart_alone(target, wanted, seen, plan);
	else
		add_probes(target, wanted, plan);
	return true;
}
