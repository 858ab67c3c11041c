/*
 * A certificate of the cluster itself: what is known about the cluster, and how the certificate
 * is replaced, by REST or by rladmin.
 *
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/cluster/certificates/ and
 * https://redis.io/docs/latest/operate/rs/references/cli-utilities/rladmin/cluster/certificate/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <string.h>

enum {
	CHECK_MS = 5000,
	AGAIN_MS = 1000, /* between uploads while the cluster is busy */
	USUAL_SETTLE_MS = 250,
	OLD_WORKERS_SETTLE_MS = 3000, /* see settle_ms() */
};

/* ---- what must be known ---- */

static const char *const node_picks[][3] = {
	{ "uid", "/*/uid", "number" },
	{ "address", "/*/addr", "text" },
	{ "external", "/*/external_addr/0", "text" },
	{ "version", "/*/software_version", "text" },
};

static const char *const role_picks[][3] = {
	{ "uid", "", "names" },
	{ "role", "/*/role", "text" },
};

static const char *const cluster_picks[][3] = {
	{ "blocked", "/block_cluster_changes", "text" },
	{ "upgrading", "/upgrade_in_progress", "text" },
	{ "upgrade-mode", "/upgrade_mode", "text" },
};

static void read_nodes(struct redis *r, const struct record *nodes)
{
	const struct words addresses = record_words(nodes, "address");
	const struct words externals = record_words(nodes, "external");
	const struct words versions = record_words(nodes, "version");
	struct words hosts = { .items = arena_new_many(r->arena, const char *,
					       addresses.count + externals.count) };

	for (size_t i = 0; i < addresses.count; i++)
		hosts.items[hosts.count++] = addresses.items[i];
	for (size_t i = 0; i < externals.count; i++)
		if (*externals.items[i])
			hosts.items[hosts.count++] = externals.items[i];
	r->hosts = hosts;
	r->versions = versions;
	for (size_t i = 0; i < versions.count; i++)
		if (i == 0 || version_is_before(versions.items[i], r->oldest))
			r->oldest = versions.items[i];
}

static bool is_address_of(
		struct redis *r, const char *api, const struct record *nodes, const char *uid)
{
	const struct words uids = record_words(nodes, "uid");
	const struct words addresses = record_words(nodes, "address");
	const struct words externals = record_words(nodes, "external");
	const char *host = host_of(r->arena, api);

	for (size_t i = 0; i < uids.count; i++)
		if (equal(uids.items[i], uid))
			return (i < addresses.count && equal(addresses.items[i], host)) ||
					(i < externals.count && equal(externals.items[i], host));
	return false;
}

/* Nodes that do not lead answer by a redirect to the leader's internal address, which may not be
 * reachable from here. */
static void find_leader(struct redis *r, const struct record *nodes, const struct record *roles)
{
	const struct words uids = record_words(roles, "uid");
	const struct words what = record_words(roles, "role");
	const struct words apis = setting_words(r->settings, "api");

	for (size_t i = 0; i < uids.count && i < what.count; i++) {
		if (!equal(what.items[i], "master"))
			continue;
		for (size_t k = 0; k < apis.count; k++)
			if (is_address_of(r, apis.items[k], nodes, uids.items[i]))
				r->api = apis.items[k];
	}
}

static struct rows installed_pick(const struct redis *r)
{
	const char *const rows[][3] = {
		{ "installed", r->slot->pointer, r->slot->bundle ? "certificates" : "certificate" },
	};

	return PICKS(r->arena, rows);
}

/* Whatever answers in the cluster's place (a load balancer's page, a node that is just starting) is not to be
 * taken for a cluster without nodes or certificates. */
static enum known is_no_answer(struct redis *r, const char *what)
{
	(void)fail(r->error, ERROR_RETRY, "%s answers, but tells of no %s", r->api, what);
	return FAILED;
}

static bool are_versions(struct words versions)
{
	for (size_t i = 0; i < versions.count; i++)
		if (version_is_before(versions.items[i], "1"))
			return false;
	return versions.count > 0;
}

enum known cluster_know(struct redis *r)
{
	const struct question question = { .access = r->settings,
		.name = "nodes",
		.path = "/v1/nodes",
		.pick = PICKS(r->arena, node_picks) };
	const struct record *nodes, *roles, *settings, *certificate;
	enum known known = rest_first(r, &question, &r->api, &nodes);

	if (known != KNOWN)
		return known;
	if (!are_versions(record_words(nodes, "version")))
		return is_no_answer(r, "node whose version could be read");
	read_nodes(r, nodes);
	known = rest_also(r, "roles", "/v1/nodes/status", PICKS(r->arena, role_picks), &roles);
	known = both(known,
			rest_also(r, "settings", "/v1/cluster", PICKS(r->arena, cluster_picks),
					&settings));
	known = both(known,
			rest_also(r, "certificate", r->slot->path, installed_pick(r),
					&certificate));
	if (known != KNOWN)
		return known;
	find_leader(r, nodes, roles);
	r->state = settings;
	r->installed = record_text(certificate, "installed");
	if (r->slot->always && (!r->installed || !*r->installed))
		return is_no_answer(r,
				arena_printf(r->arena, "certificate %s, which every cluster has",
						r->slot->name));
	return KNOWN;
}

bool cluster_is_ready(const struct redis *r)
{
	const char *const newest = r->versions.count > 0 ? r->versions.items[0] : "";

	if (r->slot->since && version_is_before(r->oldest, r->slot->since))
		return fail(r->error, ERROR_CONFIG,
				"the certificate %s can be replaced from %s on; the oldest node has %s",
				r->slot->name, r->slot->since, r->oldest);
	for (size_t i = 1; i < r->versions.count; i++)
		if (!equal(r->versions.items[i], newest))
			return fail(r->error, ERROR_RETRY,
					"the nodes run different versions (%s, %s): an upgrade would "
					"overwrite the certificate",
					newest, r->versions.items[i]);
	if (equal(record_text(r->state, "upgrading"), "true") ||
			equal(record_text(r->state, "upgrade-mode"), "true"))
		return fail(r->error, ERROR_RETRY, "the cluster is being upgraded");
	if (equal(record_text(r->state, "blocked"), "true"))
		return fail(r->error, ERROR_RETRY, "the cluster takes no changes at present");
	return true;
}

/* ---- what is served ---- */

/* Those that the operator names; else this certificate's port on each node. */
static struct words addresses_of(const struct redis *r)
{
	const struct words apis = setting_words(r->settings, "api");
	struct words addresses = setting_words(r->settings, "probe");

	if (addresses.count > 0 || !r->slot->port)
		return addresses;
	addresses.items = arena_new_many(r->arena, const char *, apis.count);
	for (size_t i = 0; i < apis.count; i++)
		addresses.items[addresses.count++] = arena_printf(
				r->arena, "%s:%s", host_of(r->arena, apis.items[i]), r->slot->port);
	return addresses;
}

static struct probe_step probe_of(const struct redis *r, const char *address)
{
	return (struct probe_step){
		.address = address,
		.protocol = "tls",
		.server_name = setting_text(r->settings, "server-name"),
	};
}

void cluster_ask_served(struct redis *r)
{
	const struct words addresses = addresses_of(r);

	for (size_t i = 0; i < addresses.count; i++) {
		const struct probe_step probe = probe_of(r, addresses.items[i]);

		plan_ask_probe(r->plan, addresses.items[i], "see what is served", &probe)
				->together = 2;
	}
}

enum serving { ALL_SERVE, SOME_UNREACHABLE, SOME_SERVE_ANOTHER };

static enum serving serving_at(const struct redis *r, const char *address)
{
	const struct record *told = answer(r->seen, address);
	const struct rows served = record_rows(r->arena, told, "served");

	for (size_t i = 0; i < served.count; i++)
		if (!equal(served.items[i].items[1], r->wanted->fingerprint))
			return SOME_SERVE_ANOTHER;
	return served.count == 0 || record_text(told, "failed") ? SOME_UNREACHABLE : ALL_SERVE;
}

static enum serving serving(const struct redis *r)
{
	const struct words addresses = addresses_of(r);
	enum serving worst = ALL_SERVE;

	for (size_t i = 0; i < addresses.count; i++) {
		const enum serving here = serving_at(r, addresses.items[i]);

		if (here > worst)
			worst = here;
	}
	return worst;
}

/* What the cluster has and does not show everywhere is sent again, and never taken away. */
bool cluster_has_it_installed(const struct redis *r)
{
	return equal(r->installed, r->wanted->fingerprint);
}

bool cluster_has_it(const struct redis *r)
{
	return cluster_has_it_installed(r) && serving(r) == ALL_SERVE;
}

bool cluster_is_partly_unreachable(const struct redis *r)
{
	return cluster_has_it_installed(r) && serving(r) == SOME_UNREACHABLE;
}

bool cluster_has_way_back(const struct redis *r)
{
	return r->plan->predecessor && !cluster_has_it_installed(r) &&
			words_contain(plan_in_service(r->plan, r->target->name), r->installed);
}

/* What was shown before the cluster told of its certificate is what it had then: whoever has replaced it in
 * between is not to be followed by a second replacement. */
enum known cluster_know_served(struct redis *r)
{
	const struct words addresses = addresses_of(r);

	if (!cluster_has_it_installed(r) || serving(r) == ALL_SERVE ||
			answer_is_later(r->seen, addresses.items[0], "certificate"))
		return KNOWN;
	cluster_ask_served(r);
	return ASKED;
}

/* ---- the upload ---- */

/* New connections meet the new certificate; those that are open stay, with two exceptions. */
static enum disruption disruption_of(const struct redis *r)
{
	const char *oldest = r->oldest;

	if (equal(r->slot->name, "syncer") && version_is_before(oldest, "6.0.20-81"))
		return DISRUPTION_RESTART;
	if (equal(r->slot->name, "internode") && version_is_before(oldest, "8.0.20-96"))
		return DISRUPTION_RESTART;
	return DISRUPTION_NONE;
}

/* One element: {"name": ..., "certificate": ..., "key": ...} */
static const char *element(const struct redis *r, const char *name, const char *whose)
{
	const char *key = r->slot->keyless
			? ""
			: arena_printf(r->arena, ",\"key\":\"{content:%skey}\"", whose);

	return arena_printf(r->arena, "{\"name\":\"%s\",\"certificate\":\"{content:%s%s}\"%s}",
			name, whose, r->slot->content, key);
}

static void add_request(struct redis *r, enum phase phase, const char *text, const char *path,
		const char *body)
{
	struct http_step put = rest_request(r, r->settings, r->api, "PUT", path);
	struct step *step;

	put.body = body;
	put.poll_ms = AGAIN_MS;
	step = plan_http(r->plan, phase, text, &put);
	step->deadline_ms = (long)setting_number(r->settings, "upload-deadline");
	step->disruption = disruption_of(r);
}

/* The older of the two ways is deprecated from 7.22.2 on. Both internode certificates belong
 * together, but before 8.0.20-68 one request with the two of them could mix them up. */
static void add_rest_upload(struct redis *r, enum phase phase, const char *text, const char *whose)
{
	const char *oldest = r->oldest;
	const char *first = r->slot->names[0], *second = r->slot->names[1];

	if (version_is_before(oldest, "7.22.2")) {
		add_request(r, phase, text, "/v1/cluster/update_cert", element(r, first, whose));
	} else if (second && !version_is_before(oldest, "8.0.20-68")) {
		add_request(r, phase, text, "/v1/cluster/certificates",
				arena_printf(r->arena, "{\"certificates\":[%s,%s]}",
						element(r, first, whose),
						element(r, second, whose)));
	} else {
		add_request(r, phase, text, "/v1/cluster/certificates",
				arena_printf(r->arena, "{\"certificates\":[%s]}",
						element(r, first, whose)));
		if (second)
			add_request(r, phase, arena_printf(r->arena, "%s (control plane)", text),
					"/v1/cluster/certificates",
					arena_printf(r->arena, "{\"certificates\":[%s]}",
							element(r, second, whose)));
	}
}

/* "internal": the data plane's and the control plane's (from 7.22.2 on), each with a key. */
static struct words rladmin_words(const struct redis *r, const char *whose)
{
	const char *tool = setting_text(r->settings, "rladmin");
	const char *file = arena_printf(r->arena, "{fd:%s%s}", whose, r->slot->content);
	const char *key = arena_printf(r->arena, "{fd:%skey}", whose);

	if (r->slot->names[1])
		return words_of(r->arena, tool, "cluster", "certificate", "set", "internal",
				"dpine_certificate_file", file, "dpine_key_file", key,
				"cpine_certificate_file", file, "cpine_key_file", key, NULL);
	return words_of(r->arena, tool, "cluster", "certificate", "set", r->slot->name,
			"certificate_file", file, "key_file", key, NULL);
}

/* Its exit codes are not documented, so what it says counts, too; of "internal" just that it says
 * that something was set. */
static void add_rladmin_upload(
		struct redis *r, enum phase phase, const char *text, const char *whose)
{
	const char *said = r->slot->names[1]
			? "Set "
			: arena_printf(r->arena, "Set %s certificate", r->slot->name);
	const struct command_step command = {
		.argv = rladmin_words(r, whose),
		.user = setting_text(r->settings, "rladmin-user"),
		.expect = words_of(r->arena, said, NULL),
	};
	struct step *step = plan_command(r->plan, phase, text, &command);

	step->deadline_ms = (long)setting_number(r->settings, "upload-deadline");
	step->disruption = disruption_of(r);
}

static void add_upload(struct redis *r, enum phase phase, const char *text, const char *whose)
{
	if (equal(setting_text(r->settings, "method"), "rladmin"))
		add_rladmin_upload(r, phase, text, whose);
	else
		add_rest_upload(r, phase, text, whose);
}

void cluster_add_upload(struct redis *r)
{
	add_upload(r, PHASE_CHANGE,
			arena_printf(r->arena, "replace the certificate %s", r->slot->name), "");
}

void cluster_add_way_back_upload(struct redis *r)
{
	if (cluster_has_way_back(r))
		add_upload(r, PHASE_UNDO,
				arena_printf(r->arena, "put the old certificate %s back",
						r->slot->name),
				"predecessor:");
}

/* ---- before and after ---- */

static void add_read_back(struct redis *r, enum phase phase, const char *text,
		const char *fingerprint, long deadline_ms)
{
	struct http_step get = rest_request(r, r->settings, r->api, "GET", r->slot->path);

	get.pick = installed_pick(r);
	get.until = words_of(r->arena, "installed", fingerprint, NULL);
	plan_http(r->plan, phase, text, &get)->deadline_ms = deadline_ms;
}

void cluster_add_check(struct redis *r)
{
	if (r->installed && *r->installed)
		add_read_back(r, PHASE_PREPARE, "see that nobody else has replaced it",
				r->installed, CHECK_MS);
}

/* New workers of the proxy could still show the certificate of before: fixed in 7.8.6-36. */
static long settle_ms(const struct redis *r)
{
	if (setting_given(r->settings, "settle"))
		return (long)setting_number(r->settings, "settle");
	return version_is_before(r->oldest, "7.8.6-36") ? OLD_WORKERS_SETTLE_MS : USUAL_SETTLE_MS;
}

static void add_probe(struct redis *r, enum phase phase, const char *text, const char *address,
		const char *expect)
{
	struct probe_step probe = probe_of(r, address);
	struct step *step;

	probe.expect = expect;
	probe.times = (long)setting_number(r->settings, "times");
	probe.settle_ms = settle_ms(r);
	step = plan_probe(
			r->plan, phase, arena_printf(r->arena, "%s at %s", text, address), &probe);
	step->deadline_ms = (long)setting_number(r->settings, "probe-deadline");
	step->together = 3;
}

void cluster_add_proof(struct redis *r, enum phase phase)
{
	const struct words addresses = addresses_of(r);

	/* Internode certificates may silence the API for minutes (until 8.0.20-96). */
	add_read_back(r, phase, "see that the cluster has it", r->wanted->fingerprint,
			(long)setting_number(r->settings,
					r->slot->names[1] ? "upload-deadline" : "probe-deadline"));
	for (size_t i = 0; i < addresses.count; i++)
		add_probe(r, phase, "see it served", addresses.items[i], r->wanted->fingerprint);
}

void cluster_add_way_back_proof(struct redis *r)
{
	const struct words addresses = addresses_of(r);

	for (size_t i = 0; i < addresses.count; i++) {
		const struct words served =
				record_words(answer(r->seen, addresses.items[i]), "served");

		if (cluster_has_way_back(r) && served.count > 1)
			add_probe(r, PHASE_UNDO, "see the old certificate", addresses.items[i],
					served.items[1]);
	}
}
