/*
 * The second step for Active-Active databases.
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

enum { CHECK_MS = 5000, POLL_MS = 200 };

const struct option lease_options[] = {
	{ "store", OPTION_CHOICE, .fallback = "local",
			.choices = (const char *const[]){ "local", "etcd", NULL },
			.help = "local: controllers on this machine exclude each other. etcd: all that use "
				"the same one." },
	{ "directory", OPTION_PATH, .fallback = "/run/lock/certdrop",
			.help = "Where local leases are kept: the same for all of them." },
	{ "endpoints", OPTION_WORDS, FORM_SERVICE,
			.help = "etcd's client addresses, \"https://etcd1.example.com:2379\", tried in this order." },
	{ "prefix", OPTION_TEXT, .fallback = "certdrop/leases/",
			.help = "What the keys in etcd begin with." },
	{ "ca-file", OPTION_PATH, FORM_FILE,
			.help = "The authorities that etcd's certificate is verified with. Without it, the "
				"system's." },
	{ "client-certificate", OPTION_PATH, FORM_FILE,
			.help = "A file with a certificate to log in with." },
	{ "client-key", OPTION_PATH, FORM_FILE, .help = "The file with its key." },
	{ "ttl", OPTION_DURATION, .fallback = "15s", .min = 2000, .max = 3600000,
			.help = "How long a lease in etcd lasts when its holder has vanished." },
	{ 0 },
};

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
			r, r->settings, r->api, "GET", crdb_path(r, guid, "health_report"));
	struct step *step;

	get.pick = crdb_health_picks(r);
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
				guid, words_of(r->arena, "version", crdb_version(r, guid), NULL),
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

/* With dots, because sixty letters, digits and dashes in a row are taken for a key, and not shown. */
static const char *task_id(const struct redis *r, const char *guid, const char *way)
{
	return arena_printf(r->arena, "certdrop.%s%.16s.%s.%zu.%s", way, r->wanted->fingerprint,
			crdb_version(r, guid), count_tasks(r, guid), guid);
}

static void add_rest_update(struct redis *r, enum phase phase, const char *text, const char *guid,
		const char *task)
{
	struct http_step post =
			rest_request(r, r->settings, r->api, "POST", crdb_path(r, guid, "updates"));
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
	if (!cluster_has_way_back(r))
		return;
	add_tasks(r, PHASE_UNDO, "undo.");
	add_updates(r, PHASE_UNDO, "undo.");
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
