/*
 * Active-Active: databases (CRDB) that live on this cluster and on others.
 *
 * After a change of the cluster's proxy or syncer certificate each of them needs one forced update of
 * its configuration, which tells the other clusters; until then a link that breaks does not come
 * back. No other update of it may run in between, wherever it comes from: so whoever uses certdrop
 * on several clusters gives them all the same leases (one for each database) and the same etcd.
 *
 * The task that such an update is gets its id from us, made of the certificate and of what was there
 * before: whether a request whose reply was lost has arrived can be looked up by it.
 *
 * https://redis.io/docs/latest/operate/rs/security/certificates/updating-certificates/ and
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/crdbs/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_MS = 5000, POLL_MS = 200 };

const struct option lease_options[] = {
	{ "store", OPTION_CHOICE, .fallback = "local",
			.choices = (const char *const[]){ "local", "etcd", NULL },
			.help = "local: controllers on this machine exclude each other. etcd: all that use "
				"the same one." },
	{ "directory", OPTION_PATH, .fallback = "/run/lock/certdrop",
			.help = "Where local leases are kept: the same for all of them." },
	{ "endpoints", OPTION_WORDS,
			.help = "etcd's client addresses, \"https://etcd1.example.com:2379\", tried in this order." },
	{ "prefix", OPTION_TEXT, .fallback = "certdrop/leases/",
			.help = "What the keys in etcd begin with." },
	{ "ca-file", OPTION_PATH,
			.help = "The authorities that etcd's certificate is verified with. Without it, the "
				"system's." },
	{ "client-certificate", OPTION_PATH, .help = "A file with a certificate to log in with." },
	{ "client-key", OPTION_PATH, .help = "The file with its key." },
	{ "ttl", OPTION_DURATION, .fallback = "15s", .min = 2000, .max = 3600000,
			.help = "How long a lease in etcd lasts when its holder has vanished." },
	{ 0 },
};

const struct option peer_options[] = {
	ACCESS_OPTIONS{ 0 },
};

static const char *const crdb_picks[][3] = {
	{ "guid", "/*/guid", "text" },
	{ "name", "/*/name", "text" },
};

static const char *const task_picks[][3] = {
	{ "id", "/*/id", "text" },
	{ "guid", "/*/crdb_guid", "text" },
	{ "state", "/*/status", "text" },
};

static const char *const health_picks[][3] = {
	{ "cluster", "/*/cluster_name", "text" },
	{ "version", "/*/active_config_version", "number" },
	{ "error", "/*/connection_error", "text" },
	{ "configuration", "/*/configurations/*/status", "text" },
	{ "link", "/*/connections/*/replication_links/*/status", "text" },
};

/* ---- what must be known ---- */

static bool matters(const struct redis *r)
{
	return r->slot->between_clusters &&
			!equal(setting_text(r->settings, "active-active"), "none");
}

static const char *health_of(const struct redis *r, const char *guid)
{
	return arena_printf(r->arena, "health of %s", guid);
}

static const char *path_of(const struct redis *r, const char *guid, const char *what)
{
	return arena_printf(r->arena, "/v1/crdbs/%s/%s", guid, what);
}

/* A cluster tells only of the tasks that were given to it. */
static enum known know_tasks_of_peer(struct redis *r, size_t index, const struct record **tasks)
{
	const struct question question = { .access = setting_item(r->settings, "peers", index),
		.name = "tasks",
		.path = "/v1/crdb_tasks",
		.pick = PICKS(r->arena, task_picks) };
	const char *api;

	return rest_first(r, &question, &api, tasks);
}

static enum known know_tasks_of_peers(struct redis *r)
{
	const struct record *tasks;
	enum known known = KNOWN;

	for (size_t i = 0; i < setting_count(r->settings, "peers") && r->crdbs.count > 0; i++)
		known = both(known, know_tasks_of_peer(r, i, &tasks));
	return known;
}

enum known crdbs_know(struct redis *r)
{
	const struct record *crdbs, *tasks, *health;
	enum known known;

	if (!matters(r))
		return KNOWN;
	known = rest_also(r, "Active-Active databases", "/v1/crdbs", PICKS(r->arena, crdb_picks),
			&crdbs);
	known = both(known,
			rest_also(r, "their tasks", "/v1/crdb_tasks", PICKS(r->arena, task_picks),
					&tasks));
	if (known != KNOWN)
		return known;
	r->crdbs = record_words(crdbs, "guid");
	r->crdb_names = record_words(crdbs, "name");
	known = know_tasks_of_peers(r);
	for (size_t i = 0; i < r->crdbs.count; i++)
		known = both(known,
				rest_also(r, health_of(r, r->crdbs.items[i]),
						path_of(r, r->crdbs.items[i], "health_report"),
						PICKS(r->arena, health_picks), &health));
	return known;
}

/* ---- is it time? ---- */

static bool tells_of_task(const struct record *tasks, const char *guid)
{
	static const char *const running[] = { "queued", "started", NULL };
	const struct words guids = record_words(tasks, "guid");
	const struct words states = record_words(tasks, "state");

	for (size_t i = 0; i < guids.count && i < states.count; i++)
		if (equal(guids.items[i], guid) && is_one_of(states.items[i], running))
			return true;
	return false;
}

static bool has_task(const struct redis *r, const char *guid)
{
	struct redis again = *r;
	const struct record *tasks = answer(r->seen, "their tasks");

	if (tells_of_task(tasks, guid))
		return true;
	for (size_t i = 0; i < setting_count(r->settings, "peers"); i++)
		if (know_tasks_of_peer(&again, i, &tasks) == KNOWN && tells_of_task(tasks, guid))
			return true;
	return false;
}

static bool all_are(struct words words, const char *word)
{
	for (size_t i = 0; i < words.count; i++)
		if (strcmp(words.items[i], word) != 0)
			return false;
	return true;
}

static bool is_reachable(const struct redis *r, const char *name, const struct record *health)
{
	const struct words errors = record_words(health, "error");
	const struct words clusters = record_words(health, "cluster");

	for (size_t i = 0; i < errors.count && i < clusters.count; i++)
		if (*errors.items[i])
			return fail(r->error, ERROR_RETRY,
					"the Active-Active database %s: %s cannot be reached: %s",
					name, clusters.items[i], errors.items[i]);
	return true;
}

static bool is_ready(const struct redis *r, size_t index)
{
	const char *guid = r->crdbs.items[index];
	const char *name = r->crdb_names.items[index];
	const struct record *health = answer(r->seen, health_of(r, guid));
	const struct words versions = record_words(health, "version");

	if (has_task(r, guid))
		return fail(r->error, ERROR_RETRY,
				"the Active-Active database %s is being updated by somebody else",
				name);
	if (!is_reachable(r, name, health))
		return false;
	if (!all_are(record_words(health, "configuration"), "commit-completed") ||
			versions.count == 0 || !all_are(versions, versions.items[0]))
		return fail(r->error, ERROR_RETRY,
				"the Active-Active database %s: its clusters do not have the same "
				"configuration yet",
				name);
	return true;
}

bool crdbs_are_ready(const struct redis *r)
{
	for (size_t i = 0; i < r->crdbs.count; i++)
		if (!is_ready(r, i))
			return false;
	return true;
}

/* A cluster has no link to itself, and before 7.4 none was told. */
static bool is_any_down(const struct record *health)
{
	const struct words links = record_words(health, "link");

	for (size_t i = 0; i < links.count; i++)
		if (*links.items[i] && !equal(links.items[i], "up"))
			return true;
	return false;
}

/* Of its configuration, as the first cluster tells it; "" when it does not. */
static const char *version_of(const struct redis *r, const char *guid)
{
	const char *version = record_text(answer(r->seen, health_of(r, guid)), "version");

	return version ? version : "";
}

/* Somebody like us has updated it to what it is now, with this certificate: its links need a moment.
 * The task's id tells; see task_id(). */
static bool was_updated(const struct redis *r, const char *guid)
{
	const struct record *tasks = answer(r->seen, "their tasks");
	const struct words ids = record_words(tasks, "id");
	const struct words states = record_words(tasks, "state");
	const char *start = arena_printf(r->arena, "certdrop-%.16s-%ld-", r->wanted->fingerprint,
			strtol(version_of(r, guid), NULL, 10) - 1);

	for (size_t i = 0; i < ids.count && i < states.count; i++)
		if (strncmp(ids.items[i], start, strlen(start)) == 0 &&
				strstr(ids.items[i], guid) && equal(states.items[i], "finished"))
			return true;
	return false;
}

/* A link that is down while the clusters reach each other wants exactly this update. */
static bool has_it(const struct redis *r, const char *guid)
{
	const struct record *health = answer(r->seen, health_of(r, guid));

	return !all_are(record_words(health, "error"), "") || !is_any_down(health) ||
			was_updated(r, guid);
}

bool crdbs_have_it(const struct redis *r)
{
	for (size_t i = 0; i < r->crdbs.count; i++)
		if (!has_it(r, r->crdbs.items[i]))
			return false;
	return true;
}

void crdbs_pass_over_those_that_have_it(struct redis *r)
{
	struct words guids = { .items = arena_new_many(r->arena, const char *, r->crdbs.count) };
	struct words names = { .items = arena_new_many(r->arena, const char *, r->crdbs.count) };

	for (size_t i = 0; i < r->crdbs.count; i++) {
		if (has_it(r, r->crdbs.items[i]))
			continue;
		guids.items[guids.count++] = r->crdbs.items[i];
		names.items[names.count++] = r->crdb_names.items[i];
	}
	r->crdbs = guids;
	r->crdb_names = names;
}

/* ---- before step 1 ---- */

static const char *lease_name(const struct redis *r, const char *guid)
{
	return arena_printf(r->arena, "crdb-%s", guid);
}

void crdbs_add_lease(struct redis *r)
{
	const struct settings *settings = setting_group(r->settings, "lease");
	struct lease_step lease = { .store = "local", .directory = "/run/lock/certdrop" };

	if (r->crdbs.count == 0)
		return;
	lease.leases.items = arena_new_many(r->arena, const char *, r->crdbs.count);
	for (size_t i = 0; i < r->crdbs.count; i++)
		lease.leases.items[lease.leases.count++] = lease_name(r, r->crdbs.items[i]);
	if (settings)
		lease.store = setting_text(settings, "store");
	if (settings && equal(lease.store, "local"))
		lease.directory = setting_text(settings, "directory");
	if (settings && equal(lease.store, "etcd")) {
		lease.directory = NULL;
		lease.endpoints = setting_words(settings, "endpoints");
		lease.prefix = setting_text(settings, "prefix");
		lease.ca_file = setting_text(settings, "ca-file");
		lease.client_certificate = setting_text(settings, "client-certificate");
		lease.client_key = setting_text(settings, "client-key");
		lease.ttl_ms = (long)setting_number(settings, "ttl");
	}
	plan_lease(r->plan, "take the leases of the Active-Active databases", &lease);
}

static void add_health_step(struct redis *r, enum phase phase, const char *text, const char *guid,
		struct words until, long deadline_ms)
{
	struct http_step get = rest_request(
			r, r->settings, r->api, "GET", path_of(r, guid, "health_report"));
	struct step *step;

	get.pick = PICKS(r->arena, health_picks);
	get.until = until;
	get.poll_ms = POLL_MS;
	step = plan_http(r->plan, phase, text, &get);
	step->deadline_ms = deadline_ms;
	step->together = 6;
}

/* Since it was asked, and before the leases were ours, somebody may have updated it. */
void crdbs_add_check(struct redis *r)
{
	for (size_t i = 0; i < r->crdbs.count; i++) {
		const char *guid = r->crdbs.items[i];

		add_health_step(r, PHASE_PREPARE,
				arena_printf(r->arena, "see that nobody else has updated %s",
						r->crdb_names.items[i]),
				guid, words_of(r->arena, "version", version_of(r, guid), NULL),
				CHECK_MS);
	}
}

/* ---- step 2 ---- */

/* How many of its tasks are remembered: one that has failed leaves the configuration as it was. */
static size_t count_tasks(const struct redis *r, const char *guid)
{
	const struct words guids = record_words(answer(r->seen, "their tasks"), "guid");
	size_t count = 0;

	for (size_t i = 0; i < guids.count; i++)
		count += equal(guids.items[i], guid);
	return count;
}

static const char *task_id(const struct redis *r, const char *guid, const char *way)
{
	return arena_printf(r->arena, "certdrop-%s%.16s-%s-%zu-%s", way, r->wanted->fingerprint,
			version_of(r, guid), count_tasks(r, guid), guid);
}

static void add_rest_update(struct redis *r, enum phase phase, const char *text, const char *guid,
		const char *task)
{
	struct http_step post =
			rest_request(r, r->settings, r->api, "POST", path_of(r, guid, "updates"));
	struct words *headers = arena_new_many(r->arena, struct words, 3);
	struct step *step;

	headers[0] = post.headers.items[0];
	headers[1] = words_of(r->arena, "X-Task-ID", task, NULL);
	headers[2] = words_of(r->arena, "X-Result-TTL", "3600", NULL);
	post.headers = (struct rows){ .items = headers, .count = 3 };
	post.body = "{\"force_update\":true}";
	post.poll_ms = POLL_MS;
	post.done_url = arena_printf(r->arena, "%s/v1/crdb_tasks/%s", r->api, task);
	step = plan_http(r->plan, phase, text, &post);
	step->deadline_ms = (long)setting_number(r->settings, "sync-deadline");
	step->disruption = DISRUPTION_REMOTE;
	step->together = 7;
}

/* Waits for the task's end by itself; its exit codes are not documented. */
static void add_tool_update(struct redis *r, enum phase phase, const char *text, const char *guid)
{
	const struct command_step command = {
		.argv = words_of(r->arena, setting_text(r->settings, "crdb-cli"), "crdb", "update",
				"--crdb-guid", guid, "--force", NULL),
		.user = setting_text(r->settings, "rladmin-user"),
		.expect = words_of(r->arena, "-> finished", NULL),
		.refuse = words_of(r->arena, "-> failed", NULL),
	};
	struct step *step = plan_command(r->plan, phase, text, &command);

	step->deadline_ms = (long)setting_number(r->settings, "sync-deadline");
	step->disruption = DISRUPTION_REMOTE;
	step->together = 7;
}

static bool by_tool(const struct redis *r)
{
	return equal(setting_text(r->settings, "active-active"), "crdb-cli");
}

static void add_task_step(struct redis *r, enum phase phase, const char *text, const char *task)
{
	static const char *const rows[][3] = {
		{ "state", "/status", "text" },
	};
	struct http_step get = rest_request(r, r->settings, r->api, "GET",
			arena_printf(r->arena, "/v1/crdb_tasks/%s", task));
	struct step *step;

	get.pick = PICKS(r->arena, rows);
	get.until = words_of(r->arena, "state", "finished", NULL);
	get.stop = words_of(r->arena, "state", "failed", NULL);
	get.poll_ms = POLL_MS;
	step = plan_http(r->plan, phase, text, &get);
	step->deadline_ms = (long)setting_number(r->settings, "sync-deadline");
	step->together = 8;
}

/* When putting back, which goes from the last to the first, the tasks are followed
 * after they were started: so they stand in front there. */
static void add_updates(struct redis *r, enum phase phase, const char *way)
{
	for (size_t i = 0; i < r->crdbs.count; i++) {
		const char *guid = r->crdbs.items[i];
		const char *text = arena_printf(
				r->arena, "update %s everywhere", r->crdb_names.items[i]);

		if (by_tool(r))
			add_tool_update(r, phase, text, guid);
		else
			add_rest_update(r, phase, text, guid, task_id(r, guid, way));
	}
}

static void add_tasks(struct redis *r, enum phase phase, const char *way)
{
	for (size_t i = 0; i < r->crdbs.count && !by_tool(r); i++)
		add_task_step(r, phase,
				arena_printf(r->arena, "see the update of %s finished",
						r->crdb_names.items[i]),
				task_id(r, r->crdbs.items[i], way));
}

void crdbs_add_updates(struct redis *r, enum phase phase)
{
	add_updates(r, phase, "");
	add_tasks(r, phase, "");
}

void crdbs_add_way_back(struct redis *r)
{
	if (!r->plan->predecessor)
		return;
	add_tasks(r, PHASE_UNDO, "undo-");
	add_updates(r, PHASE_UNDO, "undo-");
}

void crdbs_add_proof(struct redis *r, enum phase phase)
{
	const long deadline_ms = (long)setting_number(r->settings, "sync-deadline");

	for (size_t i = 0; i < r->crdbs.count; i++) {
		const char *name = r->crdb_names.items[i];

		add_health_step(r, phase,
				arena_printf(r->arena, "see the configuration of %s everywhere",
						name),
				r->crdbs.items[i],
				words_of(r->arena, "configuration", "commit-completed", NULL),
				deadline_ms);
		add_health_step(r, phase, arena_printf(r->arena, "see all links of %s up", name),
				r->crdbs.items[i], words_of(r->arena, "link", "up", "", NULL),
				deadline_ms);
	}
}

long long crdbs_took_ms(const struct redis *r)
{
	long long longest = 0;

	for (size_t i = 0; i < r->crdbs.count; i++) {
		const struct record *health = answer(r->seen, health_of(r, r->crdbs.items[i]));

		if (took_ms(health) > longest)
			longest = took_ms(health);
	}
	return longest;
}
