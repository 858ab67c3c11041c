/*
 * redis-enterprise: the certificates of a Redis Enterprise (Redis Software) cluster.
 *
 * How it takes a new certificate: one request replaces it on all nodes (rest.c, cluster.c, upload.c); new
 * connections meet it (served.c), those that are open stay. What is special about each certificate is data
 * (slots.c).
 *
 * What can go wrong, and why the plans look as they do:
 * - An answer of 200 does not prove that every node shows it, and old workers of the proxy may
 *   show the one of before for a while: handshakes with every address count, several in a row.
 * - A few wrong passwords lock the user: one question is asked alone first, a 401 never again.
 * - Nodes that do not lead redirect to addresses that may not be reachable: the leader is
 *   talked to directly.
 * - Clusters that replicate from this one hold a copy of its certificate (replicas.c), and so
 *   do those that it replicates from (sources.c), and those that share Active-Active databases
 *   with it (crdbs.c, crdb-updates.c).
 * - What they miss until they are told waits in a backlog of limited size (gap.c).
 * - An upgrade copies the first node's certificates to all: nothing is changed meanwhile.
 *
 * https://redis.io/docs/latest/operate/rs/security/certificates/updating-certificates/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <string.h>

static const char *const methods[] = { "rest", "rladmin", NULL };

static const char *const updates[] = { "rest", "crdb-cli", "none", NULL };

static const struct option options[] = {
	{ "certificate", OPTION_CHOICE, .required = true, .choices = slot_names,
			.help = "Which of the cluster's certificates it is. internode is that of the data "
				"plane and of the control plane. mtls_trusted_ca takes authorities, "
				"all of them in one file because each drop replaces what was there; "
				"sso_issuer takes one certificate. Both come without a private key." },
	{ "method", OPTION_CHOICE, .fallback = "rest", .choices = methods,
			.help = "rest: the REST API replaces the certificate. rladmin: that tool does, on a "
				"node of the cluster, where certdrop runs then." },
	ACCESS_OPTIONS{ "rladmin", OPTION_PATH, FORM_PROGRAM,
			.fallback = "/opt/redislabs/bin/rladmin", .help = "That tool." },
	{ "rladmin-user", OPTION_TEXT, FORM_USER,
			.help = "The user who runs it, a member of the group redislabs." },
	{ "upload-deadline", OPTION_DURATION, .fallback = "900s", .min = 1000, .max = 3600000,
			.help = "How long the cluster may take to replace it on all nodes. The product's "
				"own limit is 900 s." },
	{ "probe", OPTION_WORDS, FORM_ADDRESS,
			.help = "The addresses, host:port, that must complete a handshake with the new "
				"certificate: for proxy the databases' endpoints. For api, cm and "
				"metrics_exporter each node's port is known without." },
	{ "server-name", OPTION_TEXT, .help = "The name to ask for in these handshakes (SNI)." },
	{ "times", OPTION_NUMBER, .fallback = "3", .min = 1, .max = 100,
			.help = "How many handshakes in a row must show it." },
	{ "settle", OPTION_DURATION, .max = 600000,
			.help = "For how long every handshake must show it. Without it, 250 ms, and 3 s "
				"where old workers of the proxy may answer (before 7.8.6-36)." },
	{ "probe-deadline", OPTION_DURATION, .fallback = "60s", .min = 100, .max = 3600000,
			.help = "How long it may take until it is served." },
	{ "replicas", OPTION_GROUPS, .members = replica_options,
			.help = "The databases of other clusters that replicate from this one (Replica Of), "
				"with certificate = \"proxy\": each of them is given the new certificate at "
				"once. An edit of its sources may make a database replicate everything anew." },
	{ "sources", OPTION_GROUPS, .members = source_options,
			.help = "The databases of other clusters that this one replicates from (Replica Of), "
				"with certificate = \"syncer\", where they ask for a client certificate: each of "
				"them gets to know the new one before it is used, and forgets the old one, "
				"if certdrop has put that there, after `soak`." },
	{ "soak", OPTION_DURATION, .fallback = "7d", .max = 1000LL * 24 * 3600 * 1000,
			.help = "How long the sources know the old certificate beside the new one." },
	{ "sync-deadline", OPTION_DURATION, .fallback = "5m", .min = 1000, .max = 86400000,
			.help = "How long they may take to be in sync again." },
	{ "active-active", OPTION_CHOICE, .fallback = "rest", .choices = updates,
			.help = "How the Active-Active databases on the cluster are updated after a change of "
				"proxy or syncer: by REST, by the tool crdb-cli, or not at all." },
	{ "crdb-cli", OPTION_PATH, FORM_PROGRAM, .fallback = "/opt/redislabs/bin/crdb-cli",
			.help = "That tool." },
	{ "peers", OPTION_GROUPS, .members = peer_options,
			.help = "The other clusters that share Active-Active databases with this one, to be "
				"asked for updates under way: a cluster tells only of its own." },
	{ "lease", OPTION_GROUP, .members = lease_options,
			.help = "Where the right to update an Active-Active database is taken: in etcd, when "
				"certdrop looks after several of its clusters from several machines." },
	{ "gap-budget", OPTION_DURATION, .min = 100, .max = 3600000,
			.help = "How long after the replacement the last of the other clusters may have "
				"been told. Within it, a request that fails is made again at once; past it, or "
				"when an update was accepted and then failed, the old certificate is put "
				"back where that is possible. A change that would take "
				"longer, as their answers beforehand show, is held. Without it: as long as "
				"the replication backlogs of the databases last at their present "
				"traffic, at least 5 s to try again and at most 60 s." },
	{ 0 },
};

/* ---- are the settings sound? ---- */

static bool check_method(
		const struct settings *settings, const struct slot *slot, struct error *error)
{
	if (equal(setting_text(settings, "method"), "rladmin") && !slot->rladmin)
		return fail(error, ERROR_CONFIG, "rladmin cannot set %s; use method = \"rest\"",
				slot->name);
	if (slot->keyless && setting_words(settings, "probe").count > 0)
		return fail(error, ERROR_CONFIG,
				"%s is never shown in a handshake; leave out probe", slot->name);
	if (equal(slot->name, "proxy") && setting_words(settings, "probe").count == 0)
		return fail(error, ERROR_CONFIG,
				"proxy needs `probe`: the databases' endpoints, host:port");
	return true;
}

static bool check_lease(const struct settings *lease, struct error *error)
{
	if (lease && equal(setting_text(lease, "store"), "etcd") &&
			setting_words(lease, "endpoints").count == 0)
		return fail(error, ERROR_CONFIG, "a lease in etcd needs endpoints");
	return true;
}

static bool check(const struct target *target, struct error *error)
{
	const struct settings *settings = target->settings;
	const struct slot *slot = slot_find(setting_text(settings, "certificate"));

	if (setting_words(settings, "api").count == 0)
		return fail(error, ERROR_CONFIG, "api is empty: there is nobody to talk to");
	if (setting_count(settings, "replicas") > 0 && !equal(slot->name, "proxy"))
		return fail(error, ERROR_CONFIG, "replicas hold the certificate proxy, not %s",
				slot->name);
	if (setting_count(settings, "sources") > 0 && !equal(slot->name, "syncer"))
		return fail(error, ERROR_CONFIG, "sources know the certificate syncer, not %s",
				slot->name);
	return check_method(settings, slot, error) &&
			check_lease(setting_group(settings, "lease"), error);
}

/* Do they talk to the same cluster? */
static bool shares_cluster(const struct settings *a, const struct settings *b)
{
	const struct words ours = setting_words(a, "api"), theirs = setting_words(b, "api");

	if (equal(setting_text(a, "fqdn"), setting_text(b, "fqdn")))
		return true;
	for (size_t i = 0; i < ours.count; i++)
		if (words_contain(theirs, ours.items[i]))
			return true;
	return false;
}

/* The others are replaced through the API: its own certificate is the last when several are wanted
 * together, because what it shows then may have to be trusted first. After a change of proxy and of
 * syncer the same Active-Active databases are updated, each by one at a time: syncer waits here, where
 * it is told for what, and not for the leases. */
static bool comes_after(const struct target *target, const struct target *other)
{
	const char *ours = setting_text(target->settings, "certificate");
	const char *theirs = setting_text(other->settings, "certificate");
	const bool later = equal(ours, "api") ? !equal(theirs, "api")
					      : equal(ours, "syncer") && equal(theirs, "proxy");

	return later && shares_cluster(target->settings, other->settings);
}

/* Shared by those that share a cluster. */
static struct words replaces(const struct target *target, struct arena *arena)
{
	const char *certificate = setting_text(target->settings, "certificate");
	const char *fqdn = setting_text(target->settings, "fqdn");
	const struct words api = setting_words(target->settings, "api");
	struct words words = { .items = arena_new_many(arena, const char *, api.count + 1) };

	if (fqdn)
		words.items[words.count++] = arena_printf(
				arena, "the certificate %s of the cluster %s", certificate, fqdn);
	for (size_t i = 0; i < api.count; i++)
		words.items[words.count++] =
				arena_printf(arena, "the certificate %s of the cluster at %s",
						certificate, api.items[i]);
	return words;
}

/* ---- asking ---- */

static struct redis redis_of(const struct target *target, const struct answers *seen,
		struct plan *plan, struct error *error)
{
	return (struct redis){
		.target = target,
		.settings = target->settings,
		.slot = slot_find(setting_text(target->settings, "certificate")),
		.seen = seen,
		.plan = plan,
		.arena = plan->arena,
		.error = error,
	};
}

/* With nothing known yet, to know the cluster is to ask the first question. */
static void ask(const struct target *target, struct plan *plan)
{
	const struct answers nothing = { .arena = plan->arena };
	struct error error;
	struct redis r = redis_of(target, &nothing, plan, &error);
	const enum known known = cluster_know(&r);

	(void)known;
	cluster_ask_served(&r);
}

/* ---- planning ---- */

/* The other clusters are told as soon as the replacement is acknowledged: until then, no link to
 * them that breaks comes back. So what is proven is proven after that. When putting back,
 * which goes from the last to the first, they are told as soon as the old one is back. */
static void add_replacement(struct redis *r)
{
	const enum phase proof = gap_is_there(r) ? PHASE_FINISH : PHASE_PROVE;

	r->plan->forward_only = !cluster_has_way_back(r);
	gap_limit(r);
	sources_add_way_back(r);
	cluster_add_way_back_proof(r);
	crdbs_add_way_back(r);
	replicas_add_way_back(r);
	cluster_add_way_back_upload(r);

	crdbs_add_lease(r);
	crdbs_add_check(r);
	cluster_add_check(r);
	replicas_add_reading(r);
	sources_add_reading(r);

	sources_add_new_one(r);
	cluster_add_upload(r);
	replicas_add_writing(r, PHASE_FINISH);
	crdbs_add_updates(r, PHASE_FINISH);
	cluster_add_proof(r, proof);
	replicas_add_proof(r, proof);
	crdbs_add_proof(r, proof);
}

/* The cluster has it, the others have not all been told: somebody else replaced it, or a change
 * was cut short. */
static void add_second_step(struct redis *r)
{
	r->plan->follow_up = "tell the other clusters of the certificate";
	r->plan->forward_only = true;
	if (!cluster_is_ready(r) || !crdbs_are_ready(r))
		r->plan->held = arena_copy(r->arena, r->error->text);
	crdbs_pass_over_those_that_have_it(r);
	crdbs_add_lease(r);
	crdbs_add_check(r);
	replicas_add_reading(r);

	replicas_add_writing(r, PHASE_CHANGE);
	crdbs_add_updates(r, PHASE_CHANGE);
	replicas_add_proof(r, PHASE_PROVE);
	crdbs_add_proof(r, PHASE_PROVE);
}

/* Everybody has it, and some still know the one of before. */
static void add_tidying(struct redis *r)
{
	if (!sources_know_old_one(r))
		return;
	r->plan->follow_up = "make the sources forget the old certificate";
	r->plan->forward_only = true;
	r->plan->soak_ms = setting_number(r->settings, "soak");
	if (!sources_are_ready(r))
		r->plan->held = arena_copy(r->arena, r->error->text);
	sources_add_tidying(r);
}

static bool plan_redis(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan, struct error *error)
{
	struct redis r = redis_of(target, seen, plan, error);
	enum known known;

	r.wanted = wanted;
	known = both(both(cluster_know(&r), replicas_know(&r)), sources_know(&r));
	if (known == KNOWN)
		known = crdbs_know(&r);
	if (known != KNOWN)
		return known == ASKED;
	if (cluster_know_served(&r) == ASKED)
		return true;
	if (cluster_has_it(&r) && replicas_have_it(&r) && crdbs_have_it(&r)) {
		add_tidying(&r);
		return true;
	}
	if (cluster_is_partly_unreachable(&r) && replicas_have_it(&r) && crdbs_have_it(&r)) {
		plan->forward_only = true;
		cluster_add_proof(&r, PHASE_PROVE);
		return true;
	}
	if (!replicas_are_sound(&r))
		return false;
	if (cluster_has_it(&r)) {
		add_second_step(&r);
		return true;
	}
	if (!version_takes(&r) || !cluster_is_ready(&r) || !sources_are_ready(&r) ||
			!crdbs_are_ready(&r))
		return false;
	if (rights_know(&r) == ASKED)
		return true;
	if (!rights_suffice(&r))
		return false;
	/* What is sent again because some address did not show it is nothing new to the others. */
	if (cluster_has_it_installed(&r))
		crdbs_pass_over_those_that_have_it(&r);
	if (gap_know(&r) == KNOWN)
		add_replacement(&r);
	return true;
}

/* What is asked first tells nothing of it: known is what was seen when the target was last compared. */
static const char *installed(
		const struct target *target, const char *wanted, const struct answers *seen)
{
	const struct record *told = answer(seen, "certificate");
	const char *fingerprint = told ? record_text(told, "installed") : NULL;

	(void)target;
	(void)wanted;
	return fingerprint && *fingerprint ? fingerprint : NULL;
}

const struct reconciler redis_enterprise_reconciler = {
	.product = "redis-enterprise",
	.summary = "The certificates of a Redis Enterprise cluster.",
	.options = options,
	.rules = slot_rules,
	.follows_up = true,
	.check = check,
	.ask = ask,
	.plan = plan_redis,
	.installed = installed,
	.comes_after = comes_after,
	.replaces = replaces,
};
