#pragma once

/*
 * What the files of this product share. redis-enterprise.c is where to begin reading.
 */

#include "reconcilers/reconciler.h"

/* ---- versions (https://redis.io/docs/latest/operate/rs/installing-upgrading/product-lifecycle/) ---- */

/* "7.22.2-14": the numbers count from left to right, and a build that is not told is the first. */
bool version_is_before(const char *version, const char *limit);

/* ---- the certificates of a cluster (slots.c) ----
 *
 * Seen in three ways, where the product has them:
 * - Installed is what GET tells at `path`: the first certificate there, or, of a bundle, all of them
 *   together, whatever their order (model/credential.h).
 * - Served is what handshakes show, with `port` at each node and with the addresses in `probe`. Of
 *   ldap_client, sso_service and internode the cluster shows nothing to strangers, and of those without a
 *   key nothing at all: these are in service as soon as they are installed.
 * - Proven is a new one once it is installed and then served. Where nothing is served, it is what
 *   the cluster tells after it has acknowledged the upload, on a connection that was let in: of
 *   mtls_trusted_ca with a login by certificate that is a proof of its use, too. */

struct slot {
	const char *name; /* the value of the option `certificate` */
	const char *names[2]; /* what the product calls it; two for internode encryption */
	const char *since; /* the first version that can replace it; NULL: any */
	const char *port; /* where each node shows it; NULL: nowhere, or at the databases' endpoints */
	const char *path, *pointer; /* where it is read from */
	const char *content; /* what is sent */
	bool always; /* no cluster is without it */
	bool keyless; /* certificates without a key */
	bool bundle; /* several, of which none is the first */
	bool rladmin; /* rladmin can set it, too; both for internode encryption at once */
	bool between_clusters; /* other clusters are told about it: proxy, syncer */
};

extern const char *const slot_names[];
extern const struct rule slot_rules[];
const struct slot *slot_find(const char *name);

/* ---- one call of plan() ---- */

struct redis {
	const struct target *target;
	const struct settings *settings;
	const struct slot *slot;
	const struct credential *wanted;
	const struct answers *seen;
	struct plan *plan;
	struct arena *arena;
	struct error *error;

	const char *api; /* the address of the cluster's leader, or of a node that knows it */
	struct words hosts; /* where requests may be led */
	struct words versions; /* of the nodes */
	const char *oldest; /* of these */
	const struct record *users; /* who there are, or that we may not know it */
	const struct record *state; /* of the cluster: blocked, upgrading, upgrade-mode */
	const char *installed; /* fingerprint; NULL or "": nothing */

	struct words crdbs, crdb_names; /* GUIDs and names of the Active-Active databases */
};

/* Whether what is needed is known by now. ASKED: questions were added; FAILED: `error` tells. */
enum known { KNOWN, ASKED, FAILED };

/* "10.0.0.1" of "https://10.0.0.1:9443" */
const char *host_of(struct arena *arena, const char *address);

bool equal(const char *a, const char *b); /* also false when one is NULL */
bool is_one_of(const char *word, const char *const *words);

/* ---- the REST API (rest.c; https://redis.io/docs/latest/operate/rs/references/rest-api/) ---- */

/* How a cluster is reached, and as whom: the same settings for each cluster. */
#define ACCESS_OPTIONS                                                                                                \
	{ "api", OPTION_WORDS, FORM_SERVICE, .required = true,                                                        \
		.help = "The REST API's address at each node, https://host:9443, or that of one load "                \
			"balancer. The first that answers is asked, and the leader is talked to "                     \
			"directly where it is among them." },                                                         \
			{ "hosts", OPTION_WORDS,                                                                      \
				.help = "Further hosts that a redirect may lead to with the password: the nodes' "    \
					"internal addresses." },                                                      \
			{ "fqdn", OPTION_TEXT,                                                                        \
				.help = "The cluster's name. The API's certificate must be for it; without it, for "  \
					"the host in the address." },                                                 \
			{ "ca-file", OPTION_PATH, FORM_FILE,                                                          \
				.help = "The authorities that the API's certificate is verified with. Without it, "   \
					"the system's." },                                                            \
			{ "pin", OPTION_TEXT, FORM_FINGERPRINTS,                                                      \
				.help = "The SHA-256 fingerprint of the API's certificate, where nobody vouches for " \
					"it, in lower-case hexadecimal digits, or several with blanks "               \
					"between them. After a change of that certificate it has to be "              \
					"changed here, unless `replaced-by` tells." },                                \
			{ "replaced-by", OPTION_WORDS, FORM_TARGET,                                                   \
				.help = "The targets of certdrop that replace the API's certificate (api, and cm "    \
					"where the API is reached through its port): what they have put into "        \
					"service is trusted, too. A target knows that of its own." },                 \
			{ "user", OPTION_TEXT,                                                                        \
				.help = "The user's e-mail address; certificates need the role Admin." },             \
			{ "password-file", OPTION_PATH, FORM_FILE,                                                    \
				.help = "The file whose first line is the user's password." },                        \
			{ "bearer-file", OPTION_PATH, FORM_FILE,                                                      \
				.help = "The file whose first line is a token, instead." },                           \
			{ "client-certificate", OPTION_PATH, FORM_FILE,                                               \
				.help = "A file with a certificate to log in with, instead (from 7.8.4 on)." },       \
			{ "client-key", OPTION_PATH, FORM_FILE,                                                       \
				.help = "The file with its key." },

/* A request to a cluster. `access`: settings with the access options. */
struct http_step rest_request(const struct redis *r, const struct settings *access, const char *api,
		const char *method, const char *path);

struct question {
	const struct settings *access;
	const char *name, *path;
	struct rows pick;
};

/* GET, through the first address in `api` that answers; the answer is known as "NAME at ADDRESS".
 * One at a time, so that a wrong password is not tried more often than it must be: a few wrong
 * ones lock the user. */
enum known rest_first(struct redis *r, const struct question *question, const char **api,
		const struct record **told);

/* GET from the target's own cluster, beside others. */
enum known rest_also(struct redis *r, const char *name, const char *path, struct rows pick,
		const struct record **told);

long long took_ms(const struct record *told); /* from the question to the answer */

struct rows one_row(struct arena *arena, struct words words);
struct rows picks(struct arena *arena, const char *const (*rows)[3], size_t count);

#define PICKS(arena, rows) picks((arena), (rows), sizeof(rows) / sizeof(*(rows)))

/* The worse of two. */
enum known both(enum known one, enum known other);

/* A list of words, ended by NULL. */
struct words words_of(struct arena *arena, const char *word, ...) __attribute__((sentinel));

/* ---- the cluster's own certificate (cluster.c) ---- */

/* The first question, for ask(), and what else the plan depends on. */
enum known cluster_know(struct redis *r);

/* Is it time for a change? ERROR_RETRY: the cluster is being upgraded, or takes no changes.
 * ERROR_CONFIG: the cluster is too old for this certificate. */
bool cluster_is_ready(const struct redis *r);

/* ERROR_INPUT: the cluster's version refuses such a credential, though newer ones take it. */
bool version_takes(const struct redis *r);

bool cluster_has_it_installed(const struct redis *r);

/* Only what is there can be put back: not the predecessor of something that somebody has replaced since. */
bool cluster_has_way_back(const struct redis *r);

void cluster_add_check(struct redis *r); /* in prepare: as it was seen, on a warm connection */
void cluster_add_installed_proof(struct redis *r, enum phase phase);
void cluster_add_way_back_check(struct redis *r); /* where there is one: the old one is installed */

/* ---- what the cluster shows (served.c) ---- */

/* What each address is asked. */
void cluster_ask_served(struct redis *r);

/* Once more, where the answers are too old. Never FAILED. */
enum known cluster_know_served(struct redis *r);

bool cluster_has_it(const struct redis *r); /* it is installed, and every address shows it */

/* It has it, none shows another one, and some cannot be reached: to send it once more would help nobody. */
bool cluster_is_partly_unreachable(const struct redis *r);

void cluster_add_proof(struct redis *r, enum phase phase);
void cluster_add_way_back_proof(struct redis *r);

/* ---- how it is replaced (upload.c) ---- */

void cluster_add_upload(struct redis *r);
void cluster_add_way_back_upload(struct redis *r);

/* ---- the user's rights (rights.c) ---- */

/* Whether the user may replace certificates is asked before anything is changed, and only then. The API has
 * no "who am I": but all may see the users who may do this, and nobody else sees them but
 * user managers. */
enum known rights_know(struct redis *r);

/* ERROR_CONFIG: the user's role lacks update_cluster. */
bool rights_suffice(const struct redis *r);

/* ---- Replica Of (replicas.c) ---- */

extern const struct option replica_options[];

/* Each destination that `replicas` names is asked. */
enum known replicas_know(struct redis *r);

/* ERROR_CONFIG: one has no such source, or has stopped for good. ERROR_RETRY: busy. */
bool replicas_are_sound(const struct redis *r);

bool replicas_have_it(const struct redis *r); /* also when there are none */

/* Is one of them a replica of the database at this port? */
bool replicas_come_from(const struct redis *r, const char *port);

/* How long the slowest took to answer; 0: there are none. */
long long replicas_took_ms(const struct redis *r);

void replicas_add_reading(struct redis *r); /* in prepare: with only the write left */
void replicas_add_writing(struct redis *r, enum phase phase);
void replicas_add_proof(struct redis *r, enum phase phase);
void replicas_add_way_back(struct redis *r);

/* ---- Replica Of, the other side (sources.c) ---- */

extern const struct option source_options[];

enum known sources_know(struct redis *r);
bool sources_are_ready(const struct redis *r); /* ERROR_RETRY: one is busy */
bool sources_know_old_one(const struct redis *r);

void sources_add_reading(struct redis *r); /* in prepare */
void sources_add_new_one(struct redis *r); /* before it is used */
void sources_add_tidying(struct redis *r); /* the old one, after a soak */
void sources_add_way_back(struct redis *r);

/* ---- Active-Active (crdbs.c) ---- */

extern const struct option peer_options[];

/* The databases, what is done to them at present, and their health. */
enum known crdbs_know(struct redis *r);

/* ERROR_RETRY: one is being updated, or a cluster cannot be reached or lags behind. */
bool crdbs_are_ready(const struct redis *r);

bool crdbs_have_it(const struct redis *r); /* as far as their links tell */
void crdbs_pass_over_those_that_have_it(struct redis *r);

/* How long this cluster took to tell of their health; 0: there are none. */
long long crdbs_took_ms(const struct redis *r);

/* Of one database: a path of the REST API, what is picked from its health report, and the version of its
 * configuration as the first cluster tells it; "" when it does not. */
const char *crdb_path(const struct redis *r, const char *guid, const char *what);
struct rows crdb_health_picks(const struct redis *r);
const char *crdb_version(const struct redis *r, const char *guid);

/* ---- Active-Active, the second step (crdb-updates.c) ---- */

extern const struct option lease_options[];

void crdbs_add_lease(struct redis *r); /* before anything is looked at again */
void crdbs_add_check(struct redis *r); /* in prepare: as it was seen */
void crdbs_add_updates(struct redis *r, enum phase phase);
void crdbs_add_proof(struct redis *r, enum phase phase);
void crdbs_add_way_back(struct redis *r);

/* ---- the gap (gap.c) ---- */

bool gap_is_there(const struct redis *r); /* others have to be told of a change */

/* What its budget depends on, if the operator has not set it. Never FAILED. */
enum known gap_know(struct redis *r);

/* Sets the plan's budget, and holds the plan when that would not suffice. */
void gap_limit(struct redis *r);
