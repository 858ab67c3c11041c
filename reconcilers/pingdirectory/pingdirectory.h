#pragma once

/*
 * What the files of this product share. pingdirectory.c is where to begin reading.
 */

#include <string.h>

#include "reconcilers/reconciler.h"

/* ---- which of a server's certificates (slots.c) ---- */

struct slot {
	const char *name; /* the value of the option `certificate` */
	const char *called; /* in sentences */
	const char *branch; /* of the registry's entry, below that of the server instance; "" for itself */
	const char *attribute; /* with the certificates that the others trust, in PEM */
	const char *replace, *purge; /* the tool's sub-commands */
	const char *replace_operation, *purge_operation; /* OIDs of the extended operations */
	const char *monitored; /* a filter for it among the certificates of the monitor */
	bool own; /* the server's alone: no other one may have it, or its key */
};

extern const char *const ping_slot_names[];
extern const struct rule ping_rules[];
extern const struct profile ping_profiles[];
const struct slot *ping_slot(const char *name);

/* ---- the servers of a topology (servers.c) ---- */

struct server {
	const char *url, *ca_file, *pin, *server_name;
	struct words replaced_by; /* the targets that replace the certificate that is pinned */
};

/* The target's own is the first; the others are its peers. */
size_t server_count(const struct settings *settings);
struct server server_at(const struct settings *settings, size_t index);

/* As whom the settings say; what to ask is to be filled in. */
struct ldap_step request_to(const struct plan *plan, const struct settings *settings,
		const struct server *server);
struct ldap_step request_to_own(const struct plan *plan, const struct settings *settings);

/* The port as it is written in a server's address; NULL: none is, and that of the protocol counts. */
const char *server_port(const char *url);

/* Was the question not asked, or could it not be? */
bool is_silent(const struct record *told);

/* False: ERROR_CONFIG tells what is wrong with them, or with the name of the instance. */
bool servers_check(const struct settings *settings, struct error *error);

/* ---- are the settings sound together? (sound.c) ---- */

/* ERROR_CONFIG: the port of an address that begins with its protocol is none. */
bool sound_port(const char *url, struct error *error);

/* ERROR_CONFIG: a peer is the server itself, or there twice. */
bool sound_peers(const struct settings *settings, struct error *error);

/* ERROR_CONFIG: one is given that would mean nothing beside the others. */
bool sound_purpose(const struct settings *settings, struct error *error);

struct words ping_replaces(const struct target *target, struct arena *arena);

/* ---- one call of plan() ---- */

struct ping {
	const struct target *target;
	const struct settings *settings;
	const struct slot *slot;
	const struct credential *wanted;
	const struct answers *seen;
	struct plan *plan;
	struct arena *arena;
	struct error *error;

	struct words registered; /* fingerprints on the target's own server */
	struct words retired; /* those of them that the wanted credential does not have */
	bool same_key; /* the wanted one is on a key pair that is registered already */
	const char *offline; /* says which peers could not be asked, and why; "" when all could */
	const char *forgotten; /* says who is in the topology and no peer; "" when nobody is */
};

/* Also false when one is NULL. */
static inline bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* ---- the registry (registry.c) ---- */

/* The target's own server first, alone: a password that is wrong is not tried on all of them, which
 * might lock the user. */
void registry_ask(const struct target *target, struct plan *plan);

/* False: the others are being asked. */
bool registry_known(struct ping *p);

/* What the servers say of the target's instance. False in `error`: it cannot be known, or the
 * registry has no such instance. */
bool registry_read(struct ping *p);

/* What is asked of an instance's certificates: in the same order, which they are and on which keys. */
enum { REGISTRY_PICKS = 2 };
struct rows registry_picks(struct arena *arena, const struct slot *slot);

/* False, as the error that the answer tells: a wrong password is not waited for. */
bool pass_on(struct ping *p, const struct record *told);

/* Which certificate the registry has for the server, at the server itself: `wanted`, if that is among
 * several. NULL: it does not tell. */
const char *registry_shows(
		const struct target *target, const char *wanted, const struct answers *seen);

/* Has each server that answers the wanted certificate? */
bool registry_has_it(const struct ping *p);

/* Until it has, with each server that answered; and, with `gone`, nothing that is retired. */
void registry_prove(const struct ping *p, bool gone);

/* ---- who the servers are (topology.c) ---- */

/* Together with what registry_known() asks of the others. */
void topology_ask(struct ping *p);

/* False: `error` tells that the server is not the instance, or who else has the certificate. */
bool topology_read(struct ping *p);

/* ---- what is in use (use.c) ---- */

void use_ask(const struct target *target, struct plan *plan);

/* Is the wanted one shown everywhere? False in `error`: nobody can see that now, so there would
 * be no proof either. */
bool use_read(struct ping *p, bool *in_use);

/* Is all that is shown what certdrop has put there? Nothing else can be put back. */
bool use_is_ours(const struct ping *p);

/* Which certificate the ads-truststore holds. NULL: it was not asked, or does not tell. */
const char *use_shows(const struct answers *seen);

/* In prove, of the wanted one; in undo, of what was shown before. */
void use_prove(const struct ping *p, enum phase phase);

/* ---- what the server says that it uses (monitor.c) ---- */

/* False: it is being asked. */
bool monitor_known(struct ping *p);

/* Does it tell of other certificates, and not of the wanted one? False also when it says nothing. */
bool monitor_objects(const struct ping *p);

/* ---- the two ways of replacing and purging (route.c) ---- */

/* False: it is being asked. */
bool route_known(struct ping *p);

/* False: the server has no such operation, or does not let us. */
bool route_is_open(struct ping *p);

void route_replace(const struct ping *p, enum phase phase);
void route_purge(const struct ping *p);
