#pragma once

/*
 * Profiles: what `certdrop generate` can make for a product, as data. A profile says what is usual;
 * the target's settings and rules (rule.h) say the rest, so that what is made is accepted:
 *
 *         key        the first of `keys` that the rules allow
 *         names      the setting `name_option`, and the names that the rules ask for
 *         usages     `usages`, and those that the rules ask for
 *
 *         profile = profile_find(target->reconciler->profiles, "inter-server")
 *         profile_order(arena, profile, target, &order, error)
 */

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/record.h"

struct target;

struct profile {
	const char *name; /* "inter-server" */
	const char *const *keys; /* "RSA 3072", "EC P-256", "Ed25519", the best first; NULL ends */
	const char *usages; /* extended key usages, separated by blanks: "serverAuth" */
	long days; /* of a self-signed certificate's life */
	const char *name_option; /* a setting, TEXT or WORDS, of names for it; NULL: none */
	const char *when_option,
			*when; /* only for targets in which this setting is this word; NULL:
					 * for all */
	const char *help; /* full sentences, for the manual */
};

/* What is to be made. It lives in the arena. */
struct order {
	const char *key;
	const char *common_name; /* the first of `names` */
	struct words names; /* each once; DNS names and addresses */
	struct words usages; /* each once */
	long days;
};

/* NULL: the table, which ends with an entry without a name and may be NULL, has no such profile. */
const struct profile *profile_find(const struct profile *profiles, const char *name);

/* ERROR_CONFIG: it is not for such targets, the rules allow none of the keys, or no setting tells
 * a name. */
bool profile_order(struct arena *arena, const struct profile *profile, const struct target *target,
		struct order *order, struct error *error) must_check;

/* Does a rule of the target refuse self-signed certificates? */
bool profile_needs_issuer(struct arena *arena, const struct target *target);
