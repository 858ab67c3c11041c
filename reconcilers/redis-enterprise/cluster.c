/*
 * What is known about the cluster, and which certificate it has. What it shows is in served.c, how the
 * certificate is replaced in upload.c.
 *
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/cluster/certificates/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <string.h>

enum { CHECK_MS = 5000 };

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
	const char *const first = r->versions.count > 0 ? r->versions.items[0] : "";

	if (r->slot->since && version_is_before(r->oldest, r->slot->since))
		return fail(r->error, ERROR_CONFIG,
				"the certificate %s can be replaced from %s on; the oldest node has %s",
				r->slot->name, r->slot->since, r->oldest);
	for (size_t i = 1; i < r->versions.count; i++)
		if (!equal(r->versions.items[i], first))
			return fail(r->error, ERROR_RETRY,
					"the nodes run different versions (%s, %s): an upgrade would "
					"overwrite the certificate",
					first, r->versions.items[i]);
	if (equal(record_text(r->state, "upgrading"), "true") ||
			equal(record_text(r->state, "upgrade-mode"), "true"))
		return fail(r->error, ERROR_RETRY, "the cluster is being upgraded");
	if (equal(record_text(r->state, "blocked"), "true"))
		return fail(r->error, ERROR_RETRY, "the cluster takes no changes at present");
	return true;
}

/* ---- what is installed ---- */

/* What the cluster has and does not show everywhere is sent again, and never taken away. */
bool cluster_has_it_installed(const struct redis *r)
{
	return equal(r->installed, r->wanted->fingerprint);
}

bool cluster_has_way_back(const struct redis *r)
{
	return r->plan->predecessor && r->installed && !cluster_has_it_installed(r) &&
			words_contain(plan_in_service(r->plan, r->target->name), r->installed);
}

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

/* Internode certificates may silence the API for minutes (until 8.0.20-96). */
static long proof_deadline_ms(const struct redis *r)
{
	return (long)setting_number(
			r->settings, r->slot->names[1] ? "upload-deadline" : "probe-deadline");
}

void cluster_add_installed_proof(struct redis *r, enum phase phase)
{
	add_read_back(r, phase, "see that the cluster has it", r->wanted->fingerprint,
			proof_deadline_ms(r));
}

void cluster_add_way_back_check(struct redis *r)
{
	add_read_back(r, PHASE_UNDO, "see that the cluster has the old one", r->installed,
			proof_deadline_ms(r));
}
