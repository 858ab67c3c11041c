/*
 * The other side of Replica Of: databases elsewhere that this cluster replicates from, and that know
 * its syncer certificate, because they ask their clients for one.
 *
 * Their list takes several: so the new certificate is added before the cluster uses it, and the
 * old one is removed long after it was used last (`soak`): connections that are open, and the way
 * back, still need it. Nothing has to break in between.
 *
 * https://redis.io/docs/latest/operate/rs/security/encryption/tls/enable-tls/ and
 * https://redis.io/docs/latest/operate/rs/references/rest-api/objects/bdb/
 */

#include "reconcilers/redis-enterprise/redis-enterprise.h"

enum { POLL_MS = 200, WRITE_MS = 60000 };

const struct option source_options[] = {
	ACCESS_OPTIONS{ "database", OPTION_NUMBER, .required = true, .min = 1, .max = 1LL << 31,
			.help = "The id (uid) of the source database." },
	{ 0 },
};

struct source {
	const struct settings *access;
	const char *what; /* "database 7" */
	const char *path;
	const char *api;
	const struct record *told;
};

static const char *const source_picks[][3] = {
	{ "state", "/status", "text" },
	{ "known", "/authentication_ssl_client_certs/*/client_cert", "certificate" },
};

static size_t count(const struct redis *r)
{
	return setting_count(r->settings, "sources");
}

static enum known know(struct redis *r, size_t index, struct source *source)
{
	const struct settings *access = setting_item(r->settings, "sources", index);
	const long long database = setting_number(access, "database");
	const struct question question = {
		.access = access,
		.name = arena_printf(r->arena, "database %lld", database),
		.path = arena_printf(r->arena, "/v1/bdbs/%lld", database),
		.pick = PICKS(r->arena, source_picks),
	};

	*source = (struct source){ access, question.name, question.path };
	return rest_first(r, &question, &source->api, &source->told);
}

/* What has been asked before: this asks nothing any more. */
static struct source known_source(const struct redis *r, size_t index)
{
	struct redis again = *r;
	struct source source;
	const enum known known = know(&again, index, &source);

	(void)known;
	return source;
}

enum known sources_know(struct redis *r)
{
	enum known known = KNOWN;

	for (size_t i = 0; i < count(r); i++) {
		struct source source;

		known = both(known, know(r, i, &source));
	}
	return known;
}

bool sources_are_ready(const struct redis *r)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct source source = known_source(r, i);
		const char *state = record_text(source.told, "state");

		if (!equal(state, "active"))
			return fail(r->error, ERROR_RETRY, "%s at %s is %s", source.what,
					source.api, state ? state : "in no state");
	}
	return true;
}

/* It, or somebody who has issued it. */
static bool knows_it(const struct redis *r, const struct source *source)
{
	const struct words known = record_words(source->told, "known");

	for (size_t i = 0; i < known.count; i++)
		if (equal(known.items[i], r->wanted->fingerprint) ||
				words_contain(r->wanted->chain, known.items[i]))
			return true;
	return false;
}

/* What certdrop has put there before, and the source still knows; NULL: nothing. Where the old one was
 * not put there by certdrop nobody can say what it is by now, and it stays. */
static const char *old_one(const struct redis *r, const struct source *source)
{
	const struct words ours = plan_in_service(r->plan, r->target->name);
	const struct words known = record_words(source->told, "known");

	for (size_t i = 0; i < ours.count; i++)
		if (!equal(ours.items[i], r->wanted->fingerprint) &&
				words_contain(known, ours.items[i]))
			return ours.items[i];
	return NULL;
}

bool sources_know_old_one(const struct redis *r)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct source source = known_source(r, i);

		if (old_one(r, &source))
			return true;
	}
	return false;
}

/* ---- the steps ---- */

static struct amend_step amend_of(struct redis *r, const struct source *source, const char *action,
		const char *fingerprint)
{
	struct amend_step amend = {
		.http = rest_request(r, source->access, source->api, "PUT", source->path),
		.array = "/authentication_ssl_client_certs",
		.action = action,
		.where = one_row(r->arena,
				words_of(r->arena, "/client_cert", "certificate", fingerprint,
						NULL)),
		.send = words_of(r->arena, "authentication_ssl_client_certs", NULL),
		.members = words_of(r->arena, "client_cert", NULL),
		.rehearsal = "dry_run=true",
	};

	if (equal(action, "add"))
		amend.set = one_row(r->arena,
				words_of(r->arena, "client_cert", "{content:leaf}", NULL));
	amend.http.poll_ms = POLL_MS;
	return amend;
}

static void add_amend(struct redis *r, enum phase phase, const char *text,
		const struct source *source, const struct amend_step *amend)
{
	struct step *step = plan_amend(r->plan, phase,
			arena_printf(r->arena, "%s %s at %s", text, source->what,
					host_of(r->arena, source->api)),
			amend);

	step->deadline_ms = WRITE_MS;
	step->together = 9;
}

static void add_additions(struct redis *r, enum phase phase, const char *text)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct source source = known_source(r, i);
		const struct amend_step amend = amend_of(r, &source, "add", r->wanted->fingerprint);

		if (!knows_it(r, &source))
			add_amend(r, phase, text, &source, &amend);
	}
}

void sources_add_reading(struct redis *r)
{
	add_additions(r, PHASE_PREPARE, "read whom to believe from");
}

/* What is accepted is in force only when the database is active again. */
void sources_add_new_one(struct redis *r)
{
	static const char *const rows[][3] = {
		{ "state", "/status", "text" },
	};

	add_additions(r, PHASE_CHANGE, "make known the new certificate to");
	for (size_t i = 0; i < count(r); i++) {
		const struct source source = known_source(r, i);
		struct http_step get =
				rest_request(r, source.access, source.api, "GET", source.path);
		struct step *step;

		if (knows_it(r, &source))
			continue;
		get.pick = PICKS(r->arena, rows);
		get.until = words_of(r->arena, "state", "active", NULL);
		get.poll_ms = POLL_MS;
		step = plan_http(r->plan, PHASE_CHANGE,
				arena_printf(r->arena, "see %s at %s active", source.what,
						host_of(r->arena, source.api)),
				&get);
		step->deadline_ms = WRITE_MS;
		step->together = 10;
	}
}

/* Never while the cluster may have the new one: it comes after the proof that the old one is back. */
void sources_add_way_back(struct redis *r)
{
	for (size_t i = 0; cluster_has_way_back(r) && i < count(r); i++) {
		const struct source source = known_source(r, i);
		const struct amend_step amend =
				amend_of(r, &source, "remove", r->wanted->fingerprint);

		if (!knows_it(r, &source))
			add_amend(r, PHASE_UNDO, "take the new certificate from", &source, &amend);
	}
}

/* Read and written at once: nobody waits for it. */
void sources_add_tidying(struct redis *r)
{
	for (size_t i = 0; i < count(r); i++) {
		const struct source source = known_source(r, i);
		const char *old = old_one(r, &source);
		const struct amend_step amend = amend_of(r, &source, "remove", old ? old : "");

		if (old)
			add_amend(r, PHASE_CHANGE, "take the old certificate from", &source,
					&amend);
	}
}
