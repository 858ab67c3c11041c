/*
 * openGauss: the certificate of the database servers of a cluster, with that of their clients.
 *
 * How it takes a new one: gs_om, run as the cluster's user, unpacks a package of nine files, keeps a
 * backup, and copies the files to each node, one after another. The manual then restarts the cluster.
 * The servers read certificate and key anew for each connection, so that the new certificate is served
 * at once; but they keep the passphrase that they read first, and refuse all connections to a key with
 * another one. So the key is encrypted under the passphrase in service, and the restart can wait for
 * its window. Where a new passphrase is asked for, files and restart go together.
 *
 * What can go wrong, and why the plan looks as it does: gs_om looks at names only, installs garbage
 * with exit code 0, leaves a cluster mixed when it fails half way, and deletes certificates when it is
 * to roll back locally without a backup. Its status says "Normal" of servers that refuse every TLS
 * connection. So what it is given was proven before and is packed here, it is never run twice at a time,
 * it goes back only where the backups are, and a handshake with every node is what counts.
 *
 * Without gs_om (the lite edition, and single servers) the files are put in place as one set, and gs_ctl
 * restarts the server.
 *
 * Sources: openGauss documentation, "Replacing Certificates" and the reference of gs_om and gs_ctl;
 * openGauss-OM, script/impl/om/OmImpl.py; openGauss-server, src/common/backend/libpq/be-secure.cpp and
 * src/common/port/cipher.cpp.
 */

#include "reconcilers/opengauss/opengauss.h"

#include <string.h>

static const char *const editions[] = { "om", "lite", NULL };
static const char *const passphrases[] = { "deployed", "new", NULL };
static const char *const crls[] = { "keep", "replace", NULL };
static const char *const restarts[] = { "later", "together", "never", NULL };
static const char *const refusals[] = { "restart", "back", NULL };

static const struct option options[] = {
	{ "edition", OPTION_CHOICE, .fallback = "om", .choices = editions,
			.help = "om: gs_om installs a package on the nodes. lite: there is no gs_om; the "
				"files are put into the data directory, and gs_ctl restarts the server." },
	{ "user", OPTION_TEXT, FORM_USER, .required = true,
			.help = "The user who owns the cluster. Needs a worker with the right to become "
				"that user, or one that is it." },
	{ "profile", OPTION_PATH, FORM_FILE, .required = true,
			.help = "The file with the cluster's environment (GAUSSHOME, PATH, ...), which is "
				"read by a shell before a tool is run: the user's .bashrc, or what "
				"MPPDB_ENV_SEPARATE_PATH names." },
	{ "runner", OPTION_WORDS, FORM_COMMAND,
			.help = "Words before each call of a tool, which then has to become the user by "
				"itself. A server that gs_om starts belongs to the service that gs_om "
				"belongs to: under systemd it must not be certdrop's, whose limits and whose "
				"end it would share, see the example." },
	{ "data", OPTION_PATH, FORM_DIRECTORY, .required = true, .unique = true,
			.help = "The data directory of the node on this machine." },
	{ "home", OPTION_PATH, FORM_DIRECTORY,
			.help = "GAUSSHOME, below which share/sslcert is. The edition om needs it." },
	{ "spool", OPTION_PATH, FORM_PASSABLE, .required = true,
			.help = "A directory for certdrop alone, into which the cluster's user can pass: "
				"there the package lies for gs_om, and it is noted what the cluster "
				"was restarted for." },
	{ "local", OPTION_FLAG, .fallback = "false",
			.help = "Only the node on this machine (gs_om -L), not the whole cluster." },
	{ "passphrase", OPTION_CHOICE, .fallback = "deployed", .choices = passphrases,
			.help = "deployed: the new key is encrypted under the passphrase in service, and "
				"no connection is refused. new: under a new one; all connections are "
				"refused until the restart, which goes with it." },
	{ "crl", OPTION_CHOICE, .fallback = "keep", .choices = crls,
			.help = "What becomes of the deployed revocation list when none is dropped. keep: it "
				"stays. replace: it goes." },
	{ "restart", OPTION_CHOICE, .fallback = "later", .choices = restarts,
			.help = "later: once the new certificate is served, and in a window where there "
				"are any. together: with the files. never: somebody else's business; it is "
				"shown as pending. A restart by hand is known by the server on this "
				"machine, and ends what is pending." },
	{ "if-refused", OPTION_CHOICE, .fallback = "restart", .choices = refusals,
			.help = "What follows when a server that answered before does not serve the new "
				"certificate without a restart. restart: the old files are put back, and the "
				"new ones installed together with a restart, in a window where there are any; "
				"only if that fails, too, is it given up. back: the old files are put back. "
				"It counts with restart = \"later\"; with \"never\" nothing is restarted." },
	{ "probe", OPTION_WORDS, FORM_ADDRESS, .required = true,
			.help = "The addresses, host:port, of all nodes: each has to complete a handshake "
				"with the new certificate. Nothing is proven of a node that is not "
				"among them; status warns where gs_om tells of more." },
	{ "times", OPTION_NUMBER, .fallback = "3", .min = 1, .max = 100,
			.help = "How many handshakes in a row must show the new certificate." },
	{ "probe-deadline", OPTION_DURATION, .fallback = "60s", .min = 100, .max = 3600000,
			.help = "How long a server may take to serve it." },
	{ "tool-deadline", OPTION_DURATION, .fallback = "10m", .min = 1000, .max = 24LL * 3600000,
			.help = "When gs_om is ended by force. To copy the files to a node can take it "
				"minutes. What it is only asked has 60 s, or less where this is less." },
	{ "restart-timeout", OPTION_DURATION, .fallback = "300s", .min = 1000,
			.max = 24LL * 3600000,
			.help = "How long a stop or a start may take (--time-out of gs_om)." },
	{ 0 },
};

static const char says[] = "openGauss packages";

/* The second pair of a server built with national ciphers, of which gs_om does not know. */
#define NATIONAL                                                                 \
	"server_enc.crt:never server_enc.key:never server_enc.key.cipher:never " \
	"server_enc.key.rand:never"

/* gs_om wants the clients' pair in its package; where there is no gs_om nobody asks for one. */
static const struct rule rules[] = {
	{ RULE_PARTS, .words = "key client-leaf client-key ca crl?", .when_option = "edition",
			.when = "om", .says = says },
	{ RULE_PARTS, .words = "key client-leaf? client-key? ca crl?", .when_option = "edition",
			.when = "lite", .says = says },
	{ RULE_VERSION_3, .says = says },
	{ RULE_KEY_TYPES, .words = "RSA EC", .says = says },
	{ RULE_USAGES, .words = "serverAuth", .says = says },
	{ RULE_ANCHOR, .says = says },
	{ RULE_CRL_ISSUED, .says = says },
	{ RULE_PACKAGE,
			.words = "server.crt:leaf server.key:key server.key.cipher:passphrase "
				 "server.key.rand:passphrase client.crt:client-leaf "
				 "client.key:client-key client.key.cipher:passphrase "
				 "client.key.rand:passphrase cacert.pem:ca sslcrl-file.crl:crl? "
				 "client.key.pk8:client-key? openssl.cnf:any? " NATIONAL,
			.when_option = "edition", .when = "om", .says = says },
	{ RULE_PACKAGE,
			.words = "server.crt:leaf server.key:key server.key.cipher:passphrase? "
				 "server.key.rand:passphrase? client.crt:client-leaf? "
				 "client.key:client-key? client.key.cipher:passphrase? "
				 "client.key.rand:passphrase? cacert.pem:ca sslcrl-file.crl:crl? "
				 "client.key.pk8:client-key? openssl.cnf:any? " NATIONAL,
			.when_option = "edition", .when = "lite", .says = says },
	{ .says = NULL },
};

bool opengauss_is_lite(const struct target *target)
{
	return strcmp(setting_text(target->settings, "edition"), "lite") == 0;
}

bool opengauss_restarts(const struct target *target, const char *when)
{
	return strcmp(setting_text(target->settings, "restart"), when) == 0;
}

const char *opengauss_package_place(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "%s/%s", setting_text(target->settings, "spool"), target->name);
}

const char *opengauss_package_file(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "%s/db-cert-replacement.zip",
			opengauss_package_place(arena, target));
}

const char *opengauss_note_place(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "%s/%s.restarted", setting_text(target->settings, "spool"),
			target->name);
}

const char *opengauss_since_place(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "%s/%s.since", setting_text(target->settings, "spool"),
			target->name);
}

static bool check(const struct target *target, struct error *error)
{
	const struct settings *settings = target->settings;
	const bool lite = opengauss_is_lite(target);

	if (setting_words(settings, "probe").count == 0)
		return fail(error, ERROR_CONFIG, "probe is empty: nothing would be proven");
	if (!lite && !setting_text(settings, "home"))
		return fail(error, ERROR_CONFIG, "edition \"om\" needs home (GAUSSHOME)");
	if (lite && setting_flag(settings, "local"))
		return fail(error, ERROR_CONFIG, "local is for gs_om; edition \"lite\" has none");
	if (strcmp(setting_text(settings, "passphrase"), "new") == 0 &&
			!opengauss_restarts(target, "together"))
		return fail(error, ERROR_CONFIG,
				"passphrase \"new\" needs restart = \"together\": until the restart every "
				"connection would be refused");
	if (opengauss_restarts(target, "never") && setting_given(settings, "if-refused") &&
			strcmp(setting_text(settings, "if-refused"), "restart") == 0)
		return fail(error, ERROR_CONFIG,
				"if-refused \"restart\" does not go with restart = \"never\"");
	return true;
}

/* ---- what must be known ---- */

static struct words words_of(struct arena *arena, const char *const *names, size_t count)
{
	struct words words = { .items = arena_new_many(arena, const char *, count),
		.count = count };

	memcpy(words.items, names, count * sizeof(*names));
	return words;
}

/* What is kept beside the data tells what was done; which certificate is there the data alone. */
static void ask_place(struct plan *plan, const char *name, const char *text, const char *publish,
		const char *file)
{
	const struct look_step look = {
		.publish = publish,
		.method = "link",
		.files = words_of(plan->arena, &file, 1),
	};

	plan_look(plan, name, text, &look);
}

static void ask_data(const struct target *target, struct plan *plan, const char *name,
		const char *text, struct words files)
{
	static const char *const leaf[] = { "server.crt" };
	const bool has_leaf = words_contain(files, leaf[0]);
	const struct look_step look = {
		.publish = setting_text(target->settings, "data"),
		.method = "fixed",
		.files = files,
		.leaf = words_of(plan->arena, leaf, has_leaf ? 1 : 0),
	};

	plan_look(plan, name, text, &look);
}

/* A picked row: name, and what to look for. */
static struct rows cluster_picks(struct arena *arena)
{
	/* 1  node1  192.0.2.1  15400  6001  /gaussdb/data  P Primary Normal */
	static const char *const row[][2] = {
		{ "state", "^cluster_state *: *([A-Za-z]+)" },
		{ "node", "^ *[0-9]+ +([^ ]+) +[^ ]+ +[0-9]+ +[0-9]+ +/[^ ]* +[PSC] +[A-Z][a-z]+" },
		{ "role", "^ *[0-9]+ +[^ ]+ +[^ ]+ +[0-9]+ +[0-9]+ +/[^ ]* +[PSC] +([A-Z][a-z]+)" },
	};
	const size_t count = sizeof(row) / sizeof(*row);
	struct rows rows = { .items = arena_new_many(arena, struct words, count), .count = count };

	for (size_t i = 0; i < count; i++)
		rows.items[i] = words_of(arena, row[i], 2);
	return rows;
}

static void ask_om(const struct target *target, struct plan *plan)
{
	static const char *const leaf[] = { "server.crt" }, *const flag[] = { "certFlag" };
	struct command_step status = opengauss_tool(
			plan->arena, target, "gs_om", "-t", "status", "--detail", NULL);

	ask_place(plan, "package", "see which package was installed last",
			opengauss_package_place(plan->arena, target), "db-cert-replacement.zip");
	ask_data(target, plan, "deployed", "see what is deployed here",
			words_of(plan->arena, leaf, 1));
	ask_data(target, plan, "flag", "see whether gs_om has failed half way",
			words_of(plan->arena, flag, 1));
	ask_place(plan, "since", "see since when that is so",
			opengauss_since_place(plan->arena, target), "server.crt");
	status.pick = cluster_picks(plan->arena);
	plan_ask_command(plan, "cluster", "see which nodes there are", &status)->deadline_ms =
			opengauss_question_ms(target);
}

/* With and without a revocation list: what is replaced is known by the names that are looked at. */
static void ask_lite(const struct target *target, struct plan *plan)
{
	const struct words files = opengauss_data_files(plan->arena, target, true);
	const struct words fewer = opengauss_data_files(plan->arena, target, false);

	ask_data(target, plan, "deployed", "see what is deployed", fewer);
	ask_data(target, plan, "deployed-crl", "see what is deployed, with the revocation list",
			files);
}

static void ask(const struct target *target, struct plan *plan)
{
	const struct words addresses = setting_words(target->settings, "probe");

	if (opengauss_is_lite(target))
		ask_lite(target, plan);
	else
		ask_om(target, plan);
	ask_place(plan, "restarted", "see what it was restarted for",
			opengauss_note_place(plan->arena, target), "server.crt");
	for (size_t i = 0; i < addresses.count; i++) {
		const struct probe_step probe = {
			.address = addresses.items[i],
			.protocol = "postgresql",
		};

		plan_ask_probe(plan, addresses.items[i], "see what is served", &probe)->together =
				1;
	}
}

/* ---- what should be known ---- */

/* A name may stand for several. */
static size_t addresses_proven(const struct target *target, const struct answers *seen)
{
	const struct words addresses = setting_words(target->settings, "probe");
	size_t count = 0;

	for (size_t i = 0; i < addresses.count; i++) {
		const struct record *told = answer(seen, addresses.items[i]);
		size_t behind = 0;

		if (told)
			behind = record_rows(seen->arena, told, "served").count +
					record_rows(seen->arena, told, "failed").count;
		count += behind > 0 ? behind : 1;
	}
	return count;
}

static const char *warn(const struct target *target, const struct answers *seen)
{
	const struct record *cluster = answer(seen, "cluster");
	const size_t proven = addresses_proven(target, seen);
	size_t nodes;

	if (!cluster || setting_flag(target->settings, "local"))
		return NULL;
	nodes = record_words(cluster, "node").count;
	if (nodes <= proven)
		return NULL;
	return arena_printf(seen->arena,
			"gs_om tells of %zu nodes, and probe has only %zu of them: what the others "
			"serve is not proven",
			nodes, proven);
}

const struct reconciler opengauss_reconciler = {
	.product = "opengauss",
	.summary = "The certificates of an openGauss cluster, or of a single openGauss server.",
	.options = options,
	.rules = rules,
	.follows_up = true,
	.check = check,
	.ask = ask,
	.plan = opengauss_plan,
	.warn = warn,
};
