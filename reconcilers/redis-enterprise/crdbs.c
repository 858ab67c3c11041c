/*
 * Active-Active: databases (CRDB) that live on this cluster and on others. Which there are, what is done
 * to them at present, and whether their links say that they have the certificate; what follows a
 * change is in crdb-updates.c.
 *
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/crdbs/ and, below it,
 * health_report/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <stdlib.h>
#include <string.h>

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

const char *crdb_path(const struct redis *r, const char *guid, const char *what)
{
	return arena_printf(r->arena, "/v1/crdbs/%s/%s", guid, what);
}

struct rows crdb_health_picks(const struct redis *r)
{
	return PICKS(r->arena, health_picks);
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
						crdb_path(r, r->crdbs.items[i], "health_report"),
						crdb_health_picks(r), &health));
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

const char *crdb_version(const struct redis *r, const char *guid)
{
	const char *version = record_text(answer(r->seen, health_of(r, guid)), "version");

	return version ? version : "";
}

/* Somebody like us has updated it to what it is now, with this certificate: its links need a moment.
 * The task's id tells; see task_id() in crdb-updates.c. */
static bool was_updated(const struct redis *r, const char *guid)
{
	const struct record *tasks = answer(r->seen, "their tasks");
	const struct words ids = record_words(tasks, "id");
	const struct words states = record_words(tasks, "state");
	const char *start = arena_printf(r->arena, "certdrop.%.16s.%ld.", r->wanted->fingerprint,
			strtol(crdb_version(r, guid), NULL, 10) - 1);

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
