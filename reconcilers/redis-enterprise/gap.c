/*
 * The gap: how long the other clusters may be without the new certificate.
 *
 * What a link that is broken misses waits in the replication backlog of each shard; once that is
 * full, the other side replicates everything anew. So, unless the operator says how long, the gap
 * may last as long as the backlogs do at the databases' present traffic. What they take in is more
 * than what they pass on: this errs on the careful side. When the other clusters were so slow to
 * answer just now that to tell them takes longer than that, the change is held.
 *
 * https://redis.io/docs/latest/operate/rs/databases/durability-ha/replication/ and
 * https://redis.io/docs/latest/operate/rs/references/rest-api/requests/bdbs/stats/last/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <stdlib.h>

/* Of a budget that is not the operator's: time for a second and a third try, and no more than
 * others should ever be kept waiting. */
enum { LEAST_MS = 5000, MOST_MS = 60000 };

/* "auto": a hundredth of the memory, within limits for each shard. */
static const double auto_least = 1e6, auto_most = 250e6;

static const char databases_path[] =
		"/v1/bdbs?fields=uid,name,port,crdt_guid,memory_size,shards_count,repl_backlog_size,"
		"crdt_repl_backlog_size";

static const char *const database_picks[][3] = {
	{ "uid", "/*/uid", "number" },
	{ "name", "/*/name", "text" },
	{ "port", "/*/port", "number" },
	{ "crdb", "/*/crdt_guid", "text" },
	{ "memory", "/*/memory_size", "number" },
	{ "shards", "/*/shards_count", "number" },
	{ "backlog", "/*/repl_backlog_size", "text" },
	{ "crdb-backlog", "/*/crdt_repl_backlog_size", "text" },
};

/* The database whose backlog is full first. */
struct brim {
	const char *name; /* NULL: none is full before MOST_MS */
	double bytes, rate; /* of all its shards together; a second */
	long long lasts_ms;
};

bool gap_is_there(const struct redis *r)
{
	return setting_count(r->settings, "replicas") > 0 || r->crdbs.count > 0;
}

/* ---- what must be known ---- */

static const char *text_at(const struct record *databases, const char *name, size_t index)
{
	const struct words words = record_words(databases, name);

	return index < words.count ? words.items[index] : "";
}

static double number_at(const struct record *databases, const char *name, size_t index)
{
	return strtod(text_at(databases, name, index), NULL);
}

static bool is_shared(const struct redis *r, const struct record *databases, size_t index)
{
	return words_contain(r->crdbs, text_at(databases, "crdb", index));
}

static bool matters(const struct redis *r, const struct record *databases, size_t index)
{
	return is_shared(r, databases, index) ||
			replicas_come_from(r, text_at(databases, "port", index));
}

static enum known know_rate(
		struct redis *r, const struct record *databases, size_t index, double *rate)
{
	static const char *const rows[][3] = {
		{ "uid", "", "names" },
		{ "rate", "/*/ingress_bytes", "number" },
	};
	const char *uid = text_at(databases, "uid", index);
	const struct record *stats;
	const enum known known = rest_also(r, arena_printf(r->arena, "traffic of database %s", uid),
			arena_printf(r->arena, "/v1/bdbs/stats/last/%s", uid),
			PICKS(r->arena, rows), &stats);

	*rate = known == KNOWN ? number_at(stats, "rate", 0) : 0;
	return known;
}

/* What the cluster does not tell is nothing to wait for. */
enum known gap_know(struct redis *r)
{
	const struct record *databases;
	enum known known;
	double rate;

	if (!gap_is_there(r) || setting_number(r->settings, "gap-budget") > 0)
		return KNOWN;
	known = rest_also(r, "databases", databases_path, PICKS(r->arena, database_picks),
			&databases);
	if (known != KNOWN)
		return known == ASKED ? ASKED : KNOWN;
	for (size_t i = 0; i < record_words(databases, "uid").count; i++)
		if (matters(r, databases, i) && know_rate(r, databases, i, &rate) == ASKED)
			known = ASKED;
	return known;
}

/* ---- how long it may be ---- */

static double within(double least, double value, double most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

static double backlog_of(const struct redis *r, const struct record *databases, size_t index)
{
	const char *size = text_at(databases,
			is_shared(r, databases, index) ? "crdb-backlog" : "backlog", index);
	const double shards = within(1, number_at(databases, "shards", index), 1e6);
	const double memory = number_at(databases, "memory", index);
	char *end;
	const double told = strtod(size, &end);

	if (end > size && !*end)
		return told * shards;
	return within(auto_least, memory / 100 / shards, auto_most) * shards;
}

static struct brim first_full(struct redis *r)
{
	const struct record *databases = answer(r->seen, "databases");
	struct brim first = { .lasts_ms = MOST_MS };

	for (size_t i = 0; databases && i < record_words(databases, "uid").count; i++) {
		const double bytes = backlog_of(r, databases, i);
		double rate;

		if (!matters(r, databases, i) || know_rate(r, databases, i, &rate) != KNOWN ||
				bytes * 1000 >= rate * (double)first.lasts_ms)
			continue;
		first = (struct brim){ .name = text_at(databases, "name", i),
			.bytes = bytes,
			.rate = rate,
			.lasts_ms = (long long)(bytes * 1000 / rate) };
	}
	return first;
}

/* The clusters of the replicas are told at the same time, and then this one, which tells those that
 * share databases with it. Each was asked something of the kind just now. */
static long long predicted_ms(const struct redis *r)
{
	return replicas_took_ms(r) + crdbs_took_ms(r);
}

static const char *why_held(const struct redis *r, long long needed_ms, const struct brim *first)
{
	if (!first->name)
		return arena_printf(r->arena,
				"to tell the other clusters would take about %lld ms, and gap-budget "
				"is %lld ms",
				needed_ms, r->plan->gap_budget_ms);
	return arena_printf(r->arena,
			"to tell the other clusters would take about %lld ms, and the replication "
			"backlog of the database %s (%.1f MB, at %.1f MB/s) is full after %lld ms: "
			"make it larger, wait for fewer writes, or set gap-budget",
			needed_ms, first->name, first->bytes / 1e6, first->rate / 1e6,
			first->lasts_ms);
}

void gap_limit(struct redis *r)
{
	const long long asked = setting_number(r->settings, "gap-budget");
	const long long needed_ms = predicted_ms(r);
	struct brim first = { .lasts_ms = asked };

	if (!gap_is_there(r))
		return;
	if (asked == 0)
		first = first_full(r);
	r->plan->gap_budget_ms = asked > 0 || first.lasts_ms > LEAST_MS ? first.lasts_ms : LEAST_MS;
	if (needed_ms > first.lasts_ms)
		r->plan->held = why_held(r, needed_ms, &first);
}
