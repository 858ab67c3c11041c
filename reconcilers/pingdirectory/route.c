/*
 * The two ways to have a server replace a certificate, and purge what is retired.
 *
 * The tool, replace-certificate, on the server's own host. All that is secret reaches it in files.
 * It would ask a terminal whether to trust the server, so it is always told what to trust; and it
 * would read config/tools.properties, so it is told not to.
 *
 * The extended operations (.68 to .71 below 1.3.6.1.4.1.30221.2.6), from anywhere. The server needs
 * a handler for them, and the user a privilege that nobody has from the start. Their values:
 *
 *         SEQUENCE {
 *           a1 { 88 key store, 89 its password, 8a the key's (optional), 8b type, 8c alias }
 *           or a2 { ae { 04 certificate ... }, af PKCS#8 key },
 *           for a listener: 83 key manager provider, 84 trust manager provider or 85 Java's own,
 *                           86 alias, 87 true: reload HTTPS }
 *
 * https://github.com/pingidentity/ldapsdk, package unboundidds.extensions
 * https://docs.pingidentity.com/pingdirectory/latest/cli/replace-certificate.html
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>

enum { WORDS_MAX = 40, ROWS_MAX = 24 };

static const char extensions[] = "extensions", privileges[] = "privileges", primary[] = "primary";
static const char subtree[] =
		"cn=Mirrored subtree manager for base DN cn_Topology_cn_config,cn=monitor";
static const char privilege[] = "permit-replace-certificate-request";
static const char store[] = "store", old_store[] = "predecessor:store";

/* A list that is being written. */
struct list {
	const char *items[WORDS_MAX];
	size_t count;
};

static void add(struct list *list, const char *word)
{
	if (word && list->count < WORDS_MAX)
		list->items[list->count++] = word;
}

static void add_pair(struct list *list, const char *option, const char *value)
{
	if (!value)
		return;
	add(list, option);
	add(list, value);
}

static struct words words_of(struct list *list)
{
	return (struct words){ .items = list->items, .count = list->count };
}

static bool by_tool(const struct settings *settings)
{
	return equal(setting_text(settings, "route"), "tool");
}

static bool needs_store(const struct settings *settings)
{
	return by_tool(settings) || equal(setting_text(settings, "send"), "key-store");
}

/* "JKS" or "PKCS12", as Java calls them. */
static const char *store_type(const struct settings *settings)
{
	return equal(setting_text(settings, "store-format"), "jks") ? "JKS" : "PKCS12";
}

/* ---- is the way open? ---- */

static void ask_text(const struct target *target, struct plan *plan, const char *name,
		const char *text, const char *base, const char *attribute)
{
	struct ldap_step search = request_to_own(plan, target->settings);
	const char *row[] = { "values", attribute, "text" };
	const char *codes[] = { "0", "32", "50" };
	struct words words = { .items = row, .count = 3 };

	search.base = base;
	search.pick = (struct rows){ .items = &words, .count = 1 };
	search.success = (struct words){ .items = codes, .count = 3 };
	plan_ask_ldap(plan, name, text, &search)->together = 1;
}

bool route_known(struct ping *p)
{
	if (answer(p->seen, primary))
		return true;
	ask_text(p->target, p->plan, primary, "see which server the registry is written on",
			subtree, "master-instance-name");
	if (by_tool(p->settings))
		return false;
	ask_text(p->target, p->plan, extensions, "see which operations the server knows", "",
			"supportedExtension");
	ask_text(p->target, p->plan, privileges, "see which privileges we have",
			setting_text(p->settings, "bind-dn"), "ds-privilege-name");
	return false;
}

/* Without one the registry is read-only on all servers. */
static bool has_primary(struct ping *p)
{
	static const char none[] = "No master";
	const struct words told = record_words(answer(p->seen, primary), "values");

	return told.count < 2 || strncmp(told.items[1], none, strlen(none)) != 0 ||
			fail(p->error, ERROR_RETRY,
					"the topology has no primary now, so its registry cannot be written");
}

/* Where the entry of the user shows no privileges at all they may come from elsewhere: then the
 * operation's own refusal has to do, which changes nothing either. */
bool route_is_open(struct ping *p)
{
	struct words known, granted;

	if (!has_primary(p))
		return false;
	if (by_tool(p->settings))
		return true;
	known = record_words(answer(p->seen, extensions), "values");
	granted = record_words(answer(p->seen, privileges), "values");
	if (known.count > 0 && !words_contain(known, p->slot->replace_operation))
		return fail(p->error, ERROR_CONFIG,
				"the server does not know the operation %s: it needs an extended operation "
				"handler of the type replace-certificate",
				p->slot->replace_operation);
	if (granted.count > 0 && !words_contain(granted, privilege))
		return fail(p->error, ERROR_CONFIG, "%s does not have the privilege %s",
				setting_text(p->settings, "bind-dn"), privilege);
	return true;
}

/* ---- the key store ---- */

static void make_store(const struct ping *p)
{
	const struct settings *settings = p->settings;
	const bool jks = equal(setting_text(settings, "store-format"), "jks");
	const struct make_step make = {
		.make = store,
		.format = jks ? "jks" : "pkcs12",
		.password_file = setting_text(settings, "store-password-file"),
		.alias = setting_text(settings, "alias"),
		.profile = jks ? NULL : setting_text(settings, "store-profile"),
		.key_password_file = jks ? setting_text(settings, "key-password-file") : NULL,
	};

	plan_make(p->plan, "build the key store", &make);
}

/* ---- the tool ---- */

/* The host and the port of the server's address. */
static void add_address(const struct ping *p, struct list *argv)
{
	const char *url = server_at(p->settings, 0).url;
	const bool tls = strncmp(url, "ldaps:", strlen("ldaps:")) == 0;
	const char *host = strstr(url, "//") + 2;
	const char *port = server_port(url);

	add_pair(argv, "--hostname",
			port ? arena_copy_bytes(p->arena, host, (size_t)(port - 1 - host)) : host);
	add_pair(argv, "--port", port ? port : tls ? "636" : "389");
	add(argv, tls ? "--useSSL" : "--useStartTLS");
}

static void add_identity(const struct ping *p, struct list *argv)
{
	const struct settings *settings = p->settings;
	const char *trust = setting_text(settings, "trust-store");

	add_address(p, argv);
	add_pair(argv, "--trustStorePath", trust);
	if (!trust)
		add(argv, "--defaultTrust");
	add_pair(argv, "--bindDN", setting_text(settings, "bind-dn"));
	add_pair(argv, "--bindPasswordFile", setting_text(settings, "password-file"));
}

static void add_source(const struct ping *p, const char *content, struct list *argv)
{
	const struct settings *settings = p->settings;

	add_pair(argv, "--source-key-store-file", arena_printf(p->arena, "{fd:%s}", content));
	add_pair(argv, "--source-key-store-type", store_type(settings));
	add_pair(argv, "--source-key-store-password-file",
			setting_text(settings, "store-password-file"));
	add_pair(argv, "--source-certificate-alias", setting_text(settings, "alias"));
	add_pair(argv, "--source-private-key-password-file",
			setting_text(settings, "key-password-file"));
	if (p->slot->own)
		return;
	add_pair(argv, "--key-manager-provider", setting_text(settings, "key-manager-provider"));
	add_pair(argv, "--trust-manager-provider",
			setting_text(settings, "trust-manager-provider"));
	add_pair(argv, "--target-certificate-alias", setting_text(settings, "target-alias"));
	if (setting_flag(settings, "reload-https"))
		add(argv, "--reload-http-connection-handler-certificates");
}

static struct step *run_tool(const struct ping *p, enum phase phase, const char *text,
		const char *command, const char *content)
{
	struct list argv = { .count = 0 };
	struct command_step tool = { .user = setting_text(p->settings, "user") };

	add(&argv, setting_text(p->settings, "tool"));
	add(&argv, command);
	add(&argv, "--noPropertiesFile");
	add_identity(p, &argv);
	if (content)
		add_source(p, content, &argv);
	tool.argv = words_of(&argv);
	return plan_command(p->plan, phase, text, &tool);
}

/* ---- the operations ---- */

struct value {
	struct words items[ROWS_MAX];
	const char *words[ROWS_MAX][3];
	size_t count;
};

/* An element that has no value is left out; "open" and "close" need none. */
static void put(struct value *value, const char *kind, const char *tag, const char *argument)
{
	const char **words = value->words[value->count];
	const size_t count = argument ? 3 : tag ? 2 : 1;

	words[0] = kind;
	words[1] = tag;
	words[2] = argument;
	value->items[value->count++] = (struct words){ .items = words, .count = count };
}

static void put_given(struct value *value, const char *kind, const char *tag, const char *argument)
{
	if (argument)
		put(value, kind, tag, argument);
}

static void put_store(const struct ping *p, struct value *value, bool old)
{
	put(value, "open", "a1", NULL);
	put(value, "content", "88", old ? old_store : store);
	put(value, "password", "89", setting_text(p->settings, "store-password-file"));
	put_given(value, "password", "8a", setting_text(p->settings, "key-password-file"));
	put(value, "text", "8b", store_type(p->settings));
	put(value, "text", "8c", setting_text(p->settings, "alias"));
	put(value, "close", NULL, NULL);
}

static void put_certificates(struct value *value, bool old)
{
	put(value, "open", "a2", NULL);
	put(value, "open", "ae", NULL);
	put(value, "certificates", "04", old ? "predecessor:fullchain" : "fullchain");
	put(value, "close", NULL, NULL);
	put(value, "content", "af", old ? "predecessor:key" : "key");
	put(value, "close", NULL, NULL);
}

static void put_listener(const struct ping *p, struct value *value)
{
	const char *trust = setting_text(p->settings, "trust-manager-provider");

	put(value, "text", "83", setting_text(p->settings, "key-manager-provider"));
	if (trust)
		put(value, "text", "84", trust);
	else
		put(value, "bytes", "85", "");
	put(value, "text", "86", setting_text(p->settings, "target-alias"));
	if (setting_flag(p->settings, "reload-https"))
		put(value, "bytes", "87", "ff");
}

static struct step *operate(const struct ping *p, enum phase phase, const char *text,
		const char *operation, struct value *value)
{
	struct ldap_step request = request_to_own(p->plan, p->settings);
	const char *tags[] = { "91", "90" };

	request.operation = operation;
	request.value = (struct rows){ .items = value->items, .count = value->count };
	request.output = (struct words){ .items = tags, .count = 2 };
	return plan_ldap(p->plan, phase, text, &request);
}

static struct step *replace_by_operation(const struct ping *p, enum phase phase, const char *text)
{
	const bool old = phase == PHASE_UNDO;
	struct value value = { .count = 0 };

	put(&value, "open", "30", NULL);
	if (needs_store(p->settings))
		put_store(p, &value, old);
	else
		put_certificates(&value, old);
	if (!p->slot->own)
		put_listener(p, &value);
	put(&value, "close", NULL, NULL);
	return operate(p, phase, text, p->slot->replace_operation, &value);
}

/* ---- both ---- */

/* Backups, exports and signed logs may be encrypted or signed with the inter-server key. */
static const char *replace_text(const struct ping *p, enum phase phase)
{
	const char *instance = setting_text(p->settings, "instance");

	if (phase == PHASE_UNDO)
		return arena_printf(p->arena, "replace %s of %s with the one before",
				p->slot->called, instance);
	if (!p->slot->own || p->same_key)
		return arena_printf(p->arena, "replace %s of %s", p->slot->called, instance);
	return arena_printf(p->arena,
			"replace %s of %s, and its key, which old encrypted backups may need",
			p->slot->called, instance);
}

void route_replace(const struct ping *p, enum phase phase)
{
	const char *text = replace_text(p, phase);
	struct step *step;

	if (phase == PHASE_CHANGE && needs_store(p->settings))
		make_store(p);
	if (by_tool(p->settings))
		step = run_tool(p, phase, text, p->slot->replace,
				phase == PHASE_UNDO ? old_store : store);
	else
		step = replace_by_operation(p, phase, text);
	step->disruption = DISRUPTION_REMOTE;
	step->deadline_ms = (long)setting_number(p->settings, "replace-deadline");
}

void route_purge(const struct ping *p)
{
	const char *text = arena_printf(p->arena, "purge what is retired of %s",
			setting_text(p->settings, "instance"));
	struct value nothing = { .count = 0 };
	struct step *step;

	if (by_tool(p->settings))
		step = run_tool(p, PHASE_CHANGE, text, p->slot->purge, NULL);
	else
		step = operate(p, PHASE_CHANGE, text, p->slot->purge_operation, &nothing);
	step->disruption = DISRUPTION_PURGE;
	step->deadline_ms = (long)setting_number(p->settings, "replace-deadline");
}
