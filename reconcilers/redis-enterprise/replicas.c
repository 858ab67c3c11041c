/*
 * Replica Of: databases elsewhere that replicate from this cluster.
 *
 * Each entry of a destination's replica_sources holds the source cluster's proxy certificate. Once the
 * source shows a new one, a link that breaks does not come back until the entry has it, too. The list has to
 * be written back as a whole, with the passwords in it: the worker reads it beforehand, so that only
 * the write is left for the moment that counts, and all destinations are written at once.
 *
 * An edit may make the product replicate everything anew: `replicas` is what the operator asks for it
 * with. A replication that has stopped for good is never started again from here, because that
 * flushes the destination.
 *
 * https://redis.io/docs/latest/operate/rs/databases/import-export/replica-of/ and
 * https://redis.io/docs/latest/operate/rs/references/rest-api/objects/bdb/syncer_sources/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <string.h>

enum { POLL_MS = 200, WRITE_MS = 60000 };

const struct option replica_options[] = {
	ACCESS_OPTIONS{ "database", OPTION_NUMBER, .required = true, .min = 1, .max = 1LL << 31,
			.help = "The id (uid) of the destination database." },
	{ "source", OPTION_TEXT,
			.help = "The host:port of the source, as the database has it. Needed when it has "
				"several." },
	{ 0 },
};

/* One destination. */
struct replica {
	const struct settings *access;
	const char *what; /* "database 7" */
	const char *path;
	const char *api;
	const struct record *told;
};

static const char *const replica_picks[][3] = {
	{ "name", "/name", "text" },
	{ "state", "/status", "text" },
	{ "sync", "/replica_sync", "text" },
	{ "uid", "/replica_sources/*/uid", "number" },
	{ "address", "/replica_sources/*/uri", "address" },
	{ "installed", "/replica_sources/*/server_cert", "certificate" },
	{ "why", "/replica_sources/*/last_error", "text" },
};

static struct words replica_list(const struct replica *replica, const char *name)
{
	return record_words(replica->told, name);
}

static size_t count(const struct redis *r)
{
	return setting_count(r->settings, "replicas");
}

static enum known know(struct redis *r, size_t index, struct replica *replica)
{
	const struct settings *access = setting_item(r->settings, "replicas", index);
	const long long database = setting_number(access, "database");
	const struct question question = {
		.access = access,
		.name = arena_printf(r->arena, "database %lld", database),
		.path = arena_printf(r->arena, "/v1/bdbs/%lld", database),
		.pick = PICKS(r->arena, replica_picks),
	};

	*replica = (struct replica){ access, question.name, question.path };
	return rest_first(r, &question, &replica->api, &replica->told);
}

/* What has been asked before: this asks nothing any more. */
static struct replica known_replica(const struct redis *r, size_t index)
{
	struct redis again = *r;
	struct replica replica;
	const enum known known = know(&again, index, &replica);

	(void)known;
	return replica;
}

/* ---- which of its sources ---- */

static bool is_ours(const struct replica *replica, size_t index)
{
	const struct words addresses = replica_list(replica, "address");
	const char *source = setting_text(replica->access, "source");

	if (!source)
		return addresses.count == 1;
	return index < addresses.count && equal(addresses.items[index], source);
}

static bool has_it(const struct redis *r, const struct replica *replica, size_t index)
{
	const struct words installed = replica_list(replica, "installed");

	return index < installed.count && equal(installed.items[index], r->wanted->fingerprint);
}

bool replicas_have_it(const struct redis *r)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct replica replica = known_replica(r, i);
		size_t ours = 0, right = 0;

		for (size_t k = 0; k < replica_list(&replica, "uid").count; k++) {
			ours += is_ours(&replica, k);
			right += is_ours(&replica, k) && has_it(r, &replica, k);
		}
		if (ours == 0 || right < ours)
			return false;
	}
	return true;
}

bool replicas_come_from(const struct redis *r, const char *port)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct replica replica = known_replica(r, i);
		const struct words addresses = replica_list(&replica, "address");

		for (size_t k = 0; k < addresses.count; k++) {
			const char *colon = strrchr(addresses.items[k], ':');

			if (is_ours(&replica, k) && colon && equal(colon + 1, port))
				return true;
		}
	}
	return false;
}

long long replicas_took_ms(const struct redis *r)
{
	long long longest = 0;

	for (size_t i = 0; i < count(r); i++) {
		const struct replica replica = known_replica(r, i);

		if (took_ms(replica.told) > longest)
			longest = took_ms(replica.told);
	}
	return longest;
}

/* ---- is it as it has to be? ---- */

static bool has_source(const struct redis *r, const struct replica *replica)
{
	for (size_t i = 0; i < replica_list(replica, "uid").count; i++)
		if (is_ours(replica, i))
			return true;
	return fail(r->error, ERROR_CONFIG, "%s at %s has %zu sources; say which in `source`",
			replica->what, replica->api, replica_list(replica, "uid").count);
}

static bool is_sound(const struct redis *r, const struct replica *replica)
{
	const struct words reasons = replica_list(replica, "why");

	if (!has_source(r, replica))
		return false;
	if (!equal(record_text(replica->told, "state"), "active"))
		return fail(r->error, ERROR_RETRY, "%s at %s is %s", replica->what, replica->api,
				record_text(replica->told, "state"));
	if (equal(record_text(replica->told, "sync"), "stopped"))
		return fail(r->error, ERROR_CONFIG,
				"the replication of %s at %s has stopped (%s); to start it again would "
				"flush it, so that is for somebody to decide",
				replica->what, replica->api,
				reasons.count > 0 ? reasons.items[0] : "no reason is told");
	return true;
}

enum known replicas_know(struct redis *r)
{
	enum known known = KNOWN;

	for (size_t i = 0; i < count(r); i++) {
		struct replica replica;

		known = both(known, know(r, i, &replica));
	}
	return known;
}

bool replicas_are_sound(const struct redis *r)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct replica replica = known_replica(r, i);

		if (!is_sound(r, &replica))
			return false;
	}
	return true;
}

/* ---- the steps ---- */

static void add_amend(struct redis *r, const struct replica *replica, size_t index,
		enum phase phase, const char *text, const char *content)
{
	const char *uid = replica_list(replica, "uid").items[index];
	struct amend_step amend = {
		.http = rest_request(r, replica->access, replica->api, "PUT", replica->path),
		.array = "/replica_sources",
		.action = "set",
		.where = one_row(r->arena, words_of(r->arena, "/uid", "number", uid, NULL)),
		.set = one_row(r->arena, words_of(r->arena, "server_cert", content, NULL)),
		.send = words_of(r->arena, "replica_sources", NULL),
		.members = words_of(r->arena, "uid", "uri", "encryption", "server_cert",
				"client_cert", "client_key", "compression", "replication_tls_sni",
				NULL),
		.rehearsal = "dry_run=true",
	};
	struct step *step;

	amend.http.poll_ms = POLL_MS;
	step = plan_amend(r->plan, phase,
			arena_printf(r->arena, "%s %s at %s", text, replica->what,
					host_of(r->arena, replica->api)),
			&amend);
	step->deadline_ms = WRITE_MS;
	step->together = 4;
	if (phase != PHASE_PREPARE)
		step->disruption = DISRUPTION_REMOTE;
}

static void add_amends(struct redis *r, enum phase phase, const char *text, const char *content)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct replica replica = known_replica(r, i);

		for (size_t k = 0; k < replica_list(&replica, "uid").count; k++)
			if (is_ours(&replica, k) && !has_it(r, &replica, k))
				add_amend(r, &replica, k, phase, text, content);
	}
}

void replicas_add_reading(struct redis *r)
{
	add_amends(r, PHASE_PREPARE, "read the sources of", "{content:fullchain}");
}

void replicas_add_writing(struct redis *r, enum phase phase)
{
	add_amends(r, phase, "give the new certificate to", "{content:fullchain}");
}

void replicas_add_way_back(struct redis *r)
{
	if (cluster_has_way_back(r))
		add_amends(r, PHASE_UNDO, "give the old certificate to",
				"{content:predecessor:fullchain}");
}

static void add_proof(
		struct redis *r, const struct replica *replica, size_t index, enum phase phase)
{
	const char *const rows[][3] = {
		{ "state", arena_printf(r->arena, "/replica_sources/%zu/status", index), "text" },
		{ "sync", "/replica_sync", "text" },
	};
	struct http_step get = rest_request(r, replica->access, replica->api, "GET", replica->path);
	struct step *step;

	get.pick = PICKS(r->arena, rows);
	get.until = words_of(r->arena, "state", "in-sync", NULL);
	get.stop = words_of(r->arena, "sync", "stopped", NULL);
	get.poll_ms = POLL_MS;
	step = plan_http(r->plan, phase,
			arena_printf(r->arena, "see %s at %s in sync", replica->what,
					host_of(r->arena, replica->api)),
			&get);
	step->deadline_ms = (long)setting_number(r->settings, "sync-deadline");
	step->together = 5;
}

/* What is paused or switched off does not come into sync, and did not before. */
void replicas_add_proof(struct redis *r, enum phase phase)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct replica replica = known_replica(r, i);

		if (!equal(record_text(replica.told, "sync"), "enabled"))
			continue;
		for (size_t k = 0; k < replica_list(&replica, "uid").count; k++)
			if (is_ours(&replica, k))
				add_proof(r, &replica, k, phase);
	}
}
