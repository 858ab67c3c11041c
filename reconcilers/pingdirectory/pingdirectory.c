/*
 * pingdirectory: the certificates of a PingDirectory server (and of its siblings, which are made of
 * the same parts: PingDirectoryProxy, PingDataSync, PingAuthorize).
 *
 * How it takes a new one: the server puts it into its key store and adds it to its entry in the
 * topology registry, beside the old one, so that its peers trust both (route.c). New connections
 * meet it without a restart. Once every server has it in its copy of the registry (registry.c), it
 * is what the server shows (use.c), and it has been so for a while, what is retired is purged: a
 * change of its own.
 *
 * What can go wrong, and why the plans look as they do:
 * - A peer that is offline does not learn the new certificate in time, and shuts the server out
 *   when it is back. So that is waited for, unless the key pair stays the same; and so is a server
 *   of the topology that nobody asks, because it is not among the peers (topology.c).
 * - A server that is another than the instance would lose its own key pair (topology.c).
 * - Purging while anybody still shows or expects the old one is the classic outage.
 * - Two servers with one inter-server key refuse to replicate: the registry tells who has what.
 * - Neither an exit code nor a result proves anything: each server's registry counts, and what is
 *   shown in handshakes or is in the key store.
 * - Putting back is replacing once more: the old certificate is still trusted. The first time, or where
 *   somebody else has replaced it since, there is nothing to put back, because the key there was never
 *   dropped here: what fails half way is tried again until it is done.
 *
 * https://docs.pingidentity.com/pingdirectory/latest/managing_servers_and_certificates/pd_ds_replace_inter_server_certificate.html
 */

#include "reconcilers/pingdirectory/pingdirectory.h"

#include <string.h>

static const char *const routes[] = { "ldap", "tool", NULL };
static const char *const forms[] = { "certificates", "key-store", NULL };
static const char *const formats[] = { "jks", "pkcs12", NULL };
static const char *const store_profiles[] = { "modern", "old-java", NULL };
static const char *const offline_words[] = { "hold", "go-on", NULL };

/* Where a server is, and how it is known to be that server. */
#define SERVER_OPTIONS                                                                               \
	{ "server", OPTION_TEXT, .required = true,                                                   \
		.help = "Its address: \"ldaps://ds1.example.com:636\", or \"ldap://...\", which "    \
			"StartTLS protects before anything else is said." },                         \
			{ "ca-file", OPTION_PATH, FORM_FILE,                                         \
				.help = "A file of PEM certificates of which one has signed the "    \
					"server's, or is it. Without it, those of the system." },    \
			{ "pin", OPTION_TEXT, FORM_FINGERPRINTS,                                     \
				.help = "Instead: the SHA-256 fingerprint of the server's listener " \
					"certificate, in lower-case hexadecimal digits. After a "    \
					"change of that it has to be changed, unless "               \
					"`replaced-by` tells." },                                    \
			{ "replaced-by", OPTION_WORDS, FORM_TARGET,                                  \
				.help = "The targets of certdrop that replace the certificate "      \
					"that is pinned: what they have put into service is "        \
					"trusted, too." },                                           \
	{                                                                                            \
		"server-name", OPTION_TEXT,                                                          \
				.help = "The name to be found in that certificate, when it is not "  \
					"the one in the address."                                    \
	}

static const struct option peer_options[] = { SERVER_OPTIONS, { 0 } };

static const struct option options[] = {
	{ "certificate", OPTION_CHOICE, .fallback = "inter-server", .choices = ping_slot_names,
			.help = "Which certificate it is: inter-server, by which the servers of a topology "
				"know each other, or listener, which LDAPS and HTTPS clients meet." },
	{ "instance", OPTION_TEXT, .required = true,
			.help = "The name of the server instance in the topology registry. Nothing is changed "
				"where the server says that it is another one (instance-name of its global "
				"configuration, dsconfig get-global-configuration-prop)." },
	SERVER_OPTIONS,
	{ "peers", OPTION_GROUPS, .members = peer_options,
			.help = "The other servers of the topology, all of them. Each has to have the new "
				"certificate in its registry." },
	{ "bind-dn", OPTION_TEXT, .required = true,
			.help = "Who we are, to all of these servers." },
	{ "password-file", OPTION_PATH, FORM_FILE, .required = true,
			.help = "The file whose first line is the password." },
	{ "registry", OPTION_TEXT, .fallback = "cn=Server Instances,cn=Topology,cn=config",
			.help = "Where the topology registry has its server instances." },
	{ "registry-deadline", OPTION_DURATION, .fallback = "60s", .min = 1000, .max = 3600000,
			.help = "How long the servers may take to see a change of the registry. They look "
				"every 5 s, by default." },
	{ "offline", OPTION_CHOICE, .fallback = "hold", .choices = offline_words,
			.help = "What to do while a peer cannot be asked, or a server that the registry names is "
				"not among `peers`: hold the change, unless the key pair stays the same; or "
				"go on, and leave that server behind. Purging is held in any case." },
	{ "route", OPTION_CHOICE, .fallback = "ldap", .choices = routes,
			.help = "ldap: by extended operations, from anywhere. The server needs a handler of "
				"the type replace-certificate with allow-remotely-provided-certificates, and "
				"the user the privilege permit-replace-certificate-request. tool: by "
				"replace-certificate, on the server's own host." },
	{ "send", OPTION_CHOICE, .fallback = "certificates", .choices = forms,
			.help = "What goes with route = \"ldap\": the certificates and the key as they are, "
				"or a key store, as the tool takes one." },
	{ "tool", OPTION_PATH, FORM_PROGRAM,
			.help = "The tool: \"/opt/PingDirectory/bin/replace-certificate\"." },
	{ "user", OPTION_TEXT, FORM_USER, .help = "The user who runs the tool and keytool." },
	{ "trust-store", OPTION_PATH, FORM_FILE,
			.help = "The Java key store by which the tool knows the server. Without it, the "
				"server's own (--defaultTrust)." },
	{ "store-format", OPTION_CHOICE, .fallback = "jks", .choices = formats,
			.help = "The format of the key store." },
	{ "store-profile", OPTION_CHOICE, .fallback = "modern", .choices = store_profiles,
			.help = "How a pkcs12 is encrypted: old-java is for servers with a Java before "
				"8u301 or 11.0.12, which cannot read the modern one." },
	{ "store-password-file", OPTION_PATH, FORM_FILE,
			.help = "The file whose only line is the password of the key store: any one of six "
				"characters or more. The server and the tool are given the same." },
	{ "key-password-file", OPTION_PATH, FORM_FILE,
			.help = "The same for the private key in a jks, where that is not the store's." },
	{ "alias", OPTION_TEXT, .fallback = "certdrop",
			.help = "The name of the entry in the key store." },
	{ "replace-deadline", OPTION_DURATION, .fallback = "5m", .min = 1000, .max = 3600000,
			.help = "How long the server may take to replace or purge." },
	{ "key-manager-provider", OPTION_TEXT,
			.help = "For a listener: the key manager provider to update, such as \"JKS\"." },
	{ "trust-manager-provider", OPTION_TEXT,
			.help = "For a listener: the trust manager provider to update. Without it, Java's "
				"own trust." },
	{ "target-alias", OPTION_TEXT, .fallback = "server-cert",
			.help = "For a listener: the entry's name in the server's key store." },
	{ "reload-https", OPTION_FLAG, .fallback = "true",
			.help = "For a listener: HTTPS is to use the new certificate, too." },
	{ "probe", OPTION_WORDS, FORM_ADDRESS,
			.help = "The addresses, host:port, that must show the new certificate: the "
				"replication port for inter-server, LDAPS and HTTPS for a listener." },
	{ "probe-starttls", OPTION_WORDS, FORM_ADDRESS,
			.help = "The same where StartTLS of LDAP comes first." },
	{ "times", OPTION_NUMBER, .fallback = "1", .min = 1, .max = 100,
			.help = "How many handshakes in a row must show it." },
	{ "settle", OPTION_DURATION, .fallback = "250ms", .max = 60000,
			.help = "For how long every handshake must show it." },
	{ "probe-deadline", OPTION_DURATION, .fallback = "60s", .min = 100, .max = 3600000,
			.help = "How long the server may take to use it." },
	{ "ads-truststore", OPTION_PATH, FORM_FILE,
			.help = "The server's config/ads-truststore, when it is on this host: the key store "
				"that has to hold the new inter-server certificate." },
	{ "ads-alias", OPTION_TEXT, .fallback = "ads-certificate", .help = "Its entry there." },
	{ "keytool", OPTION_TEXT, FORM_PROGRAM, .fallback = "keytool",
			.help = "Java's keytool, with which it is read." },
	{ "purge", OPTION_FLAG, .fallback = "true",
			.help = "Purge what is retired from the registry, once the new certificate was in "
				"service for so long as `soak` says." },
	{ "soak", OPTION_DURATION, .fallback = "7d", .max = 1000LL * 24 * 3600 * 1000,
			.help = "How long the old certificate stays trusted beside the new one." },
	{ "monitor", OPTION_FLAG, .fallback = "true",
			.help = "Before it purges, ask the server's certificate monitor, and wait while that "
				"tells of another certificate. It answers to whoever has the privilege "
				"metrics-read; without an answer the other proofs have to do." },
	{ "rsa-max", OPTION_NUMBER, .fallback = "3072", .min = 2048, .max = 16384,
			.help = "The most bits that an inter-server key may have. Versions up to 9.2 name no "
				"limit." },
	{ 0 },
};

/* ---- settings ---- */

static bool check_route(const struct settings *settings, struct error *error)
{
	const bool tool = equal(setting_text(settings, "route"), "tool");
	const bool store = tool || equal(setting_text(settings, "send"), "key-store");

	if (tool && !setting_text(settings, "tool"))
		return fail(error, ERROR_CONFIG, "route \"tool\" needs a tool");
	if (store && !setting_text(settings, "store-password-file"))
		return fail(error, ERROR_CONFIG, "a key store needs a store-password-file");
	if (setting_text(settings, "key-password-file") &&
			!equal(setting_text(settings, "store-format"), "jks"))
		return fail(error, ERROR_CONFIG,
				"key-password-file goes with store-format \"jks\": a PKCS#12 has one password");
	return true;
}

static bool check_listener(const struct settings *settings, struct error *error)
{
	if (!setting_text(settings, "key-manager-provider"))
		return fail(error, ERROR_CONFIG,
				"certificate \"listener\" needs a key-manager-provider");
	if (equal(setting_text(settings, "route"), "tool") &&
			!setting_text(settings, "trust-manager-provider"))
		return fail(error, ERROR_CONFIG,
				"certificate \"listener\" with route \"tool\" needs a "
				"trust-manager-provider");
	if (setting_text(settings, "pin"))
		return fail(error, ERROR_CONFIG,
				"a pin cannot stay true while the listener certificate is replaced: use "
				"a ca-file");
	return true;
}

static bool check(const struct target *target, struct error *error)
{
	const struct settings *settings = target->settings;
	const bool listener = equal(setting_text(settings, "certificate"), "listener");

	if (!servers_check(settings, error) || !check_route(settings, error) ||
			(listener && !check_listener(settings, error)))
		return false;
	if (!listener && setting_text(settings, "source"))
		return fail(error, ERROR_CONFIG,
				"an inter-server certificate is replaced only when one is dropped, so it "
				"takes no source, where others may renew it");
	if (listener && setting_text(settings, "ads-truststore"))
		return fail(error, ERROR_CONFIG, "ads-truststore holds no listener certificate");
	if (setting_words(settings, "probe").count == 0 &&
			setting_words(settings, "probe-starttls").count == 0 &&
			!setting_text(settings, "ads-truststore"))
		return fail(error, ERROR_CONFIG,
				"nothing would show that it is in use: give a probe, a probe-starttls or "
				"an ads-truststore");
	return sound_purpose(settings, error);
}

/* ---- the two functions ---- */

static void ask(const struct target *target, struct plan *plan)
{
	registry_ask(target, plan);
	use_ask(target, plan);
}

static void plan_replacement(struct ping *p)
{
	const bool has_way_back = p->plan->predecessor && use_is_ours(p);

	p->plan->forward_only = !has_way_back;
	if (has_way_back) {
		use_prove(p, PHASE_UNDO);
		route_replace(p, PHASE_UNDO);
	}
	route_replace(p, PHASE_CHANGE);
	registry_prove(p, false);
	use_prove(p, PHASE_PROVE);
}

/* "9f2c..., 1111...": as much of each as tells them apart. */
static const char *retired_words(const struct ping *p)
{
	const char *list = "";

	for (size_t i = 0; i < p->retired.count; i++)
		list = arena_printf(p->arena, "%s%s%.16s", list, i > 0 ? ", " : "",
				p->retired.items[i]);
	return list;
}

static void plan_purge(struct ping *p)
{
	p->plan->follow_up = arena_printf(p->arena, "purge what is retired of %s (sha256 %s)",
			setting_text(p->settings, "instance"), retired_words(p));
	p->plan->soak_ms = setting_number(p->settings, "soak");
	p->plan->forward_only = true;
	route_purge(p);
	registry_prove(p, true);
}

static void wait_for_monitor(struct ping *p)
{
	if (monitor_objects(p))
		p->plan->held = arena_printf(p->arena,
				"the certificate monitor of %s tells of another certificate in use",
				setting_text(p->settings, "instance"));
}

/* Whoever is not seen to learn of it may not: of the new one in time, of the old one's end at all. */
static void wait_for_peers(struct ping *p, bool purge)
{
	const bool harmless = p->same_key || equal(setting_text(p->settings, "offline"), "go-on");
	const char *why = p->forgotten;

	if (harmless && !purge)
		return;
	if (*p->offline)
		why = arena_printf(p->arena, "%s%s%s", why, *why ? "; " : "", p->offline);
	if (*why)
		p->plan->held = why;
}

static bool plan_ping(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan, struct error *error)
{
	struct ping p = {
		.target = target,
		.settings = target->settings,
		.slot = ping_slot(setting_text(target->settings, "certificate")),
		.wanted = wanted,
		.seen = seen,
		.plan = plan,
		.arena = plan->arena,
		.error = error,
	};
	bool in_use;

	if (!registry_known(&p))
		return true;
	if (!registry_read(&p) || !topology_read(&p) || !use_read(&p, &in_use))
		return false;
	if (in_use && registry_has_it(&p)) {
		if (!setting_flag(p.settings, "purge") || p.retired.count == 0)
			return true;
		if (!monitor_known(&p))
			return true;
		wait_for_monitor(&p);
		wait_for_peers(&p, true);
		plan_purge(&p);
		return true;
	}
	if (!route_known(&p))
		return true;
	if (!route_is_open(&p))
		return false;
	wait_for_peers(&p, false);
	plan_replacement(&p);
	return true;
}

/* The registry is what the others go by; the key store, what the server goes by. */
static const char *installed(
		const struct target *target, const char *wanted, const struct answers *seen)
{
	const char *shown = registry_shows(target, wanted, seen);

	return shown ? shown : use_shows(seen);
}

const struct reconciler pingdirectory_reconciler = {
	.product = "pingdirectory",
	.summary = "The certificates of PingDirectory servers.",
	.options = options,
	.rules = ping_rules,
	.follows_up = true,
	.refuses = true,
	.check = check,
	.ask = ask,
	.plan = plan_ping,
	.installed = installed,
	.profiles = ping_profiles,
	.replaces = ping_replaces,
};
