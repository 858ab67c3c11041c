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

/* ---- the servers of a topology ---- */

struct server {
	const char *url, *ca_file, *pin, *server_name;
};

/* The target's own is the first; the others are its peers. */
size_t server_count(const struct settings *settings);
struct server server_at(const struct settings *settings, size_t index);

/* To the first, as whom the settings say; what to ask is to be filled in. */
struct ldap_step request_to_own(const struct settings *settings);

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
	const char *offline; /* the peers that do not answer, "" when all do */
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

/* What the servers say of the target's instance, and of who else has the certificate. False:
 * `error` tells why it must not, or cannot, be replaced. */
bool registry_read(struct ping *p);

/* Has each server that answers the wanted certificate? */
bool registry_has_it(const struct ping *p);

/* Until it has, with each server that answered; and, with `gone`, nothing that is retired. */
void registry_prove(const struct ping *p, bool gone);

/* ---- what is in use (use.c) ---- */

void use_ask(const struct target *target, struct plan *plan);

/* Is the wanted one shown everywhere? False in `error`: nobody can see that now, so there would
 * be no proof either. */
bool use_read(struct ping *p, bool *in_use);

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
