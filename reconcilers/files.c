/*
 * files: certificate files for a server that reads them from disk, which is everything that has no
 * reconciler of its own.
 *
 * How such a server takes a new certificate: the files are replaced as one set (see file_step in
 * step.h), the server's own test of its configuration is run on them, and it is told to load them.
 *
 * What can go wrong, and why the plan looks as it does: a reload may report success and do
 * nothing, or leave old processes that answer with the old certificate for a moment, so only
 * completed handshakes, several in a row, prove anything. A test that passes may be followed by
 * a server that stops serving: then the old set comes back, is loaded, and is proven in the
 * same way. That is why the steps that are for putting back stand first: they are taken last,
 * when the files are what they were.
 */

#include "reconcilers/reconciler.h"

#include <string.h>

static const char *const methods[] = { "link", "exchange", "fixed", NULL };
static const char *const protocols[] = { "tls", "postgresql", NULL };
static const char *const store_profiles[] = { "modern", "old-java", NULL };
static const char *const contents[] = { "leaf", "chain", "fullchain", "key", "combined", "ca",
	"crl", "client-leaf", "client-chain", "client-fullchain", "client-key", "pkcs12", "jks",
	NULL };

/* The contents that a make step builds. */
static const char *const stores[] = { "pkcs12", "jks" };
enum { STORE_COUNT = sizeof(stores) / sizeof(*stores) };

/* Those in which the leaf comes first. */
static const char *const with_leaf[] = { "leaf", "fullchain", "combined", "pkcs12", "jks" };

static const struct option file_options[] = {
	{ "name", OPTION_TEXT, .required = true,
			.help = "The file's name below the published place." },
	{ "content", OPTION_CHOICE, .required = true, .choices = contents,
			.help = "What is in it. fullchain is the leaf and its chain; combined is the key "
				"followed by both; pkcs12 and jks (of Java) are key stores with all three, see "
				"password-file." },
	{ "mode", OPTION_MODE, .fallback = "0600", .help = "Its permissions." },
	{ "owner", OPTION_TEXT, FORM_USER,
			.help = "The user who owns it. Needs a worker with that right. Without it a worker "
				"that is root gives the file to whom the one that it replaces belongs: as "
				"it was published, if certdrop has published it. Otherwise it is the "
				"worker's own." },
	{ "group", OPTION_TEXT, FORM_GROUP,
			.help = "Its group. Needs a worker with that right. Without it: as with owner." },
	{ 0 },
};

static const struct option options[] = {
	{ "publish", OPTION_PATH, FORM_PUBLISHED, .required = true, .unique = true,
			.help = "The place that the server reads: a symbolic link that certdrop makes and "
				"flips, or a directory (see method)." },
	{ "method", OPTION_CHOICE, .fallback = "link", .choices = methods,
			.help = "link: publish is a symbolic link, all files change at one instant. "
				"exchange: publish is a real directory, swapped as a whole, for servers that "
				"refuse links. fixed: publish is an existing directory in which each file is "
				"replaced under its own name, one after the other." },
	{ "files", OPTION_GROUPS, .required = true, .members = file_options,
			.help = "The files to publish." },
	{ "parts", OPTION_WORDS,
			.help = "What has to come along with the certificate and its key: \"ca\", "
				"\"client-leaf\" (the clients' pair), \"crl\". A \"?\" behind it: is "
				"taken where it is there. Contents made of these need them." },
	{ "directory-mode", OPTION_MODE, .fallback = "0755",
			.help = "The permissions of the directory that holds the files." },
	{ "keep", OPTION_NUMBER, .fallback = "3", .min = 1, .max = 100,
			.help = "How many earlier sets are kept beside the one in service. The predecessor is "
				"one of them." },
	{ "test", OPTION_WORDS, FORM_COMMAND,
			.help = "A command, program first, that tests the server's configuration with the "
				"new files in place, before the reload. Exit code 0 is success." },
	{ "reload", OPTION_WORDS, FORM_COMMAND,
			.help = "The command that makes the server load the files." },
	{ "user", OPTION_TEXT, FORM_USER, .help = "The user who runs test and reload." },
	{ "command-deadline", OPTION_DURATION, .fallback = "30s", .min = 100, .max = 3600000,
			.help = "When test and reload are ended by force." },
	{ "probe", OPTION_WORDS, FORM_ADDRESS,
			.help = "The addresses, host:port, that must complete a handshake with the new "
				"certificate. Every address behind a name counts. Without it nothing is "
				"proven beyond the files." },
	{ "protocol", OPTION_CHOICE, .fallback = "tls", .choices = protocols,
			.help = "How the handshake starts: at once, or after PostgreSQL's SSLRequest." },
	{ "server-name", OPTION_TEXT, .help = "The name to ask for in the handshake (SNI)." },
	{ "times", OPTION_NUMBER, .fallback = "1", .min = 1, .max = 100,
			.help = "How many handshakes in a row must show the new certificate." },
	{ "settle", OPTION_DURATION, .fallback = "250ms", .max = 60000,
			.help = "For how long every handshake must show the new certificate. Old processes "
				"of a server may answer for a moment after its reload (nginx's for 100 ms), so "
				"that a few handshakes in a row can be luck." },
	{ "probe-deadline", OPTION_DURATION, .fallback = "10s", .min = 100, .max = 3600000,
			.help = "How long the server may take to serve it." },
	{ "password-file", OPTION_PATH, FORM_FILE,
			.help = "The file whose first line is the password of the pkcs12 or jks content." },
	{ "key-password-file", OPTION_PATH, FORM_FILE,
			.help = "The file whose first line is the password of the private key in the jks "
				"content, where that is not the store's." },
	{ "alias", OPTION_TEXT, .fallback = "certdrop",
			.help = "The entry's name in the key store; ASCII in jks." },
	{ "profile", OPTION_CHOICE, .fallback = "modern", .choices = store_profiles,
			.help = "The algorithms of pkcs12: modern, or what Java 8 before 8u301 reads." },
	{ 0 },
};

static const struct rule rules[] = {
	{ RULE_PARTS, .words = "key", .words_option = "parts", .says = "files targets" },
	{ 0 },
};

static const char *const profile_keys[] = { "EC P-256", "RSA 3072", "Ed25519", NULL };
static const struct profile profiles[] = {
	{ "self-signed", profile_keys, .usages = "serverAuth", .days = 825,
			.name_option = "server-name",
			.help = "For servers whose clients know the certificate itself." },
	{ 0 },
};

static bool wants_content(const struct settings *settings, const char *content)
{
	for (size_t i = 0; i < setting_count(settings, "files"); i++) {
		const struct settings *file = setting_item(settings, "files", i);

		if (strcmp(setting_text(file, "content"), content) == 0)
			return true;
	}
	return false;
}

static bool wants_store(const struct settings *settings)
{
	for (size_t i = 0; i < STORE_COUNT; i++)
		if (wants_content(settings, stores[i]))
			return true;
	return false;
}

static bool check_names(const struct settings *settings, struct error *error)
{
	for (size_t i = 0; i < setting_count(settings, "files"); i++) {
		const char *name = setting_text(setting_item(settings, "files", i), "name");

		if (!*name || *name == '.' || strchr(name, '/'))
			return fail(error, ERROR_CONFIG,
					"\"%s\" is no name for a file: it must not begin with a dot or hold a slash",
					name);
	}
	return true;
}

/* Only what is asked for becomes part of the credential. */
static bool check_parts(const struct settings *settings, struct error *error)
{
	static const struct {
		const char *content, *part;
	} needs[] = { { "ca", "ca" }, { "crl", "crl" }, { "client-leaf", "client-leaf" },
		{ "client-chain", "client-leaf" }, { "client-fullchain", "client-leaf" },
		{ "client-key", "client-leaf" } };
	const struct words parts = setting_words(settings, "parts");

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if (wants_content(settings, needs[i].content) &&
				!words_contain(parts, needs[i].part))
			return fail(error, ERROR_CONFIG, "content \"%s\" needs parts = [ \"%s\" ]",
					needs[i].content, needs[i].part);
	return true;
}

static bool is_ascii(const char *text)
{
	while ((unsigned char)*text >= ' ' && (unsigned char)*text < 0x7f)
		text++;
	return *text == '\0';
}

static bool check_stores(const struct settings *settings, struct error *error)
{
	const char *alias = setting_text(settings, "alias");
	const bool jks = wants_content(settings, "jks");

	for (size_t i = 0; i < STORE_COUNT; i++)
		if (wants_content(settings, stores[i]) && !setting_text(settings, "password-file"))
			return fail(error, ERROR_CONFIG, "content \"%s\" needs a password-file",
					stores[i]);
	if (jks && !is_ascii(alias))
		return fail(error, ERROR_CONFIG,
				"alias \"%s\" is not ASCII, and Java would not find it in a JKS",
				alias);
	return jks || !setting_text(settings, "key-password-file") ||
			fail(error, ERROR_CONFIG,
					"key-password-file is for content \"jks\" alone: a PKCS#12 has "
					"one password");
}

static bool check(const struct target *target, struct error *error)
{
	const struct settings *settings = target->settings;

	if (setting_count(settings, "files") == 0)
		return fail(error, ERROR_CONFIG, "files is empty: nothing would be published");
	return check_stores(settings, error) && check_parts(settings, error) &&
			check_names(settings, error);
}

/* ---- what must be known ---- */

static bool tells_leaf(const struct settings *file)
{
	for (size_t i = 0; i < sizeof(with_leaf) / sizeof(*with_leaf); i++)
		if (strcmp(setting_text(file, "content"), with_leaf[i]) == 0)
			return true;
	return false;
}

static struct words file_names(struct arena *arena, const struct settings *settings, bool all)
{
	const size_t count = setting_count(settings, "files");
	struct words names = { .items = arena_new_many(arena, const char *, count + 1) };

	for (size_t i = 0; i < count; i++) {
		const struct settings *file = setting_item(settings, "files", i);

		if (all || tells_leaf(file))
			names.items[names.count++] = setting_text(file, "name");
	}
	return names;
}

static struct probe_step probe_of(const struct settings *settings, const char *address)
{
	return (struct probe_step){
		.address = address,
		.protocol = setting_text(settings, "protocol"),
		.server_name = setting_text(settings, "server-name"),
	};
}

static void ask(const struct target *target, struct plan *plan)
{
	const struct settings *settings = target->settings;
	const struct words addresses = setting_words(settings, "probe");
	const struct look_step look = {
		.publish = setting_text(settings, "publish"),
		.method = setting_text(settings, "method"),
		.files = file_names(plan->arena, settings, true),
		.leaf = file_names(plan->arena, settings, false),
	};

	plan_look(plan, "published", "see what is published", &look)->together = 1;
	for (size_t i = 0; i < addresses.count; i++) {
		const struct probe_step probe = probe_of(settings, addresses.items[i]);

		plan_ask_probe(plan, addresses.items[i], "see what is served", &probe)->together =
				1;
	}
}

/* ---- what must be done ---- */

/* Everything about the files but the credential: a change of it calls for a new set. */
static const char *layout_of(struct arena *arena, const struct settings *settings)
{
	const char *layout = setting_text(settings, "directory-mode");

	if (wants_store(settings))
		layout = arena_printf(arena, "%s %s %s%s", layout,
				setting_text(settings, "profile"), setting_text(settings, "alias"),
				setting_text(settings, "key-password-file") ? " key-password" : "");

	for (size_t i = 0; i < setting_count(settings, "files"); i++) {
		const struct settings *file = setting_item(settings, "files", i);
		const char *owner = setting_text(file, "owner");
		const char *group = setting_text(file, "group");

		layout = arena_printf(arena, "%s %s:%s:%s:%s:%s", layout,
				setting_text(file, "name"), setting_text(file, "content"),
				setting_text(file, "mode"), owner ? owner : "-",
				group ? group : "-");
	}
	return layout;
}

static struct rows file_rows(struct arena *arena, const struct settings *settings)
{
	struct rows rows = { .count = setting_count(settings, "files") };

	rows.items = arena_new_many(arena, struct words, rows.count + 1);
	for (size_t i = 0; i < rows.count; i++) {
		const struct settings *file = setting_item(settings, "files", i);
		const char *owner = setting_text(file, "owner");
		const char *group = setting_text(file, "group");
		const char **row = arena_new_many(arena, const char *, 5);

		row[0] = setting_text(file, "name");
		row[1] = setting_text(file, "content");
		row[2] = setting_text(file, "mode");
		row[3] = owner ? owner : "-";
		row[4] = group ? group : "-";
		rows.items[i] = (struct words){ .items = row, .count = 5 };
	}
	return rows;
}

static void add_command(const struct target *target, enum phase phase, const char *option,
		const char *text, struct plan *plan)
{
	const struct settings *settings = target->settings;
	const struct command_step command = {
		.argv = setting_words(settings, option),
		.user = setting_text(settings, "user"),
	};
	struct step *step;

	if (command.argv.count == 0)
		return;
	step = plan_command(plan, phase, text, &command);
	step->deadline_ms = (long)setting_number(settings, "command-deadline");
	if (strcmp(option, "reload") == 0)
		step->disruption = DISRUPTION_RELOAD;
}

static void add_probe(const struct target *target, enum phase phase, const char *address,
		const char *fingerprint, struct plan *plan)
{
	struct probe_step probe = probe_of(target->settings, address);
	const char *text = arena_printf(plan->arena,
			phase == PHASE_UNDO ? "see the old certificate at %s"
					    : "see it served at %s",
			address);
	struct step *step;

	probe.expect = fingerprint;
	probe.times = (long)setting_number(target->settings, "times");
	probe.settle_ms = (long)setting_number(target->settings, "settle");
	step = plan_probe(plan, phase, text, &probe);
	step->deadline_ms = (long)setting_number(target->settings, "probe-deadline");
	step->together = 1;
}

/* Taken when what follows fails, in reverse order: load what was
 * there, and see that it is served. */
static void add_way_back(const struct target *target, const struct answers *seen, struct plan *plan)
{
	const struct words addresses = setting_words(target->settings, "probe");
	const struct record *published = answer(seen, "published");

	for (size_t i = 0; i < addresses.count; i++) {
		const struct words served =
				record_words(answer(seen, addresses.items[i]), "served");

		if (served.count > 1)
			add_probe(target, PHASE_UNDO, addresses.items[i], served.items[1], plan);
	}
	if (!text_equal(record_text(published, "state"), "nothing"))
		add_command(target, PHASE_UNDO, "reload", "make the server load the old files",
				plan);
}

static void add_store(const struct settings *settings, const char *format, struct plan *plan)
{
	const bool jks = strcmp(format, "jks") == 0;
	const struct make_step store = {
		.make = format,
		.format = format,
		.password_file = setting_text(settings, "password-file"),
		.alias = setting_text(settings, "alias"),
		.profile = jks ? NULL : setting_text(settings, "profile"),
		.key_password_file = jks ? setting_text(settings, "key-password-file") : NULL,
	};

	plan_make(plan, jks ? "build the Java key store" : "build the key store", &store);
}

static void add_files(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan)
{
	const struct settings *settings = target->settings;
	const char *layout = layout_of(plan->arena, settings);
	const struct file_step publish = {
		.publish = setting_text(settings, "publish"),
		.method = setting_text(settings, "method"),
		.generation = generation_name(plan->arena, wanted->digest, layout),
		.layout = layout,
		.replaces = record_text(answer(seen, "published"), "replaces"),
		.directory_mode = setting_text(settings, "directory-mode"),
		.files = file_rows(plan->arena, settings),
	};

	for (size_t i = 0; i < STORE_COUNT; i++)
		if (wants_content(settings, stores[i]))
			add_store(settings, stores[i], plan);
	plan_file(plan, PHASE_CHANGE,
			arena_printf(plan->arena, "publish the files at %s", publish.publish),
			&publish);
}

static bool plan_files(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan, struct error *error)
{
	const struct settings *settings = target->settings;
	const struct words addresses = setting_words(settings, "probe");
	const struct record *published = answer(seen, "published");
	const char *why = record_text(published, "failed");
	struct file_step prune = {
		.publish = setting_text(settings, "publish"),
		.method = setting_text(settings, "method"),
		.keep = (long)setting_number(settings, "keep"),
	};
	const bool in_place = text_equal(record_text(published, "credential"), wanted->digest) &&
			text_equal(record_text(published, "layout"),
					layout_of(plan->arena, settings)) &&
			!record_text(published, "differs");

	if (why)
		return fail(error, ERROR_RETRY, "look at %s: %s", prune.publish, why);
	if (in_place && answers_all_serve(seen, addresses, wanted->fingerprint))
		return true;

	if (!in_place) {
		add_way_back(target, seen, plan);
		add_files(target, wanted, seen, plan);
	}
	add_command(target, PHASE_CHANGE, "test", "test the server's configuration", plan);
	add_command(target, PHASE_CHANGE, "reload", "make the server load them", plan);
	for (size_t i = 0; i < addresses.count; i++)
		add_probe(target, PHASE_PROVE, addresses.items[i], wanted->fingerprint, plan);
	if (!in_place)
		plan_file(plan, PHASE_FINISH, "remove sets that are no longer kept", &prune);
	return true;
}

/* ---- what is hardly meant ---- */

/* Key stores have passwords. */
static bool holds_bare_key(const struct settings *file)
{
	const char *content = setting_text(file, "content");

	return strcmp(content, "key") == 0 || strcmp(content, "client-key") == 0 ||
			strcmp(content, "combined") == 0;
}

/* The last digit of a mode is what all others may do: 4 to read, 1 to pass. */
static bool lets_others(const char *mode, int may)
{
	return (mode[strlen(mode) - 1] - '0') & may;
}

static struct words advise(const struct target *target, struct arena *arena)
{
	const struct settings *settings = target->settings;
	const bool shut = strcmp(setting_text(settings, "method"), "fixed") != 0 &&
			!lets_others(setting_text(settings, "directory-mode"), 1);
	struct words advice = { 0 };

	advice.items = arena_new_many(arena, const char *, setting_count(settings, "files") + 1);
	for (size_t i = 0; i < setting_count(settings, "files") && !shut; i++) {
		const struct settings *file = setting_item(settings, "files", i);
		const char *mode = setting_text(file, "mode");

		if (holds_bare_key(file) && lets_others(mode, 4))
			advice.items[advice.count++] = arena_printf(arena,
					"every user may read the private key in \"%s\", whose mode "
					"is \"%s\"",
					setting_text(file, "name"), mode);
	}
	return advice;
}

const struct reconciler files_reconciler = {
	.product = "files",
	.summary = "Certificate files for a server that reads them from disk.",
	.options = options,
	.rules = rules,
	.disturbs = 1U << DISRUPTION_RELOAD,
	.check = check,
	.ask = ask,
	.plan = plan_files,
	.advise = advise,
	.profiles = profiles,
};
