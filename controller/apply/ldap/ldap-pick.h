#pragma once

/*
 * Picking values out of the entries that a search found: what struct ldap_step calls picks. All
 * but the facts asked for stays in the worker.
 */

#include "controller/apply/ldap/ldap-session.h"

enum { VALUES_MAX = 1000 };

/* What a search found, to pick from. */
struct ldap_found {
	struct ldap_session *session;
	struct contents *contents; /* knows what is secret */
	const struct ldap_step *step;
	const struct ldap_reply *reply;
};

/* One entry's values for one pick. */
struct picked {
	const char *label;
	struct words values;
};

struct picked_list {
	struct picked *items;
	size_t count;
};

/* The attributes that the step's picks and label need, NULL at the end. ERROR_INTERNAL: a pick
 * that is not of its form. */
bool ldap_pick_attributes(struct arena *arena, const struct ldap_step *step, char ***attributes,
		struct error *error) must_check;

/* The values of one pick, entry by entry; entries without any are left out. Texts are scrubbed.
 * ERROR_RETRY: more than VALUES_MAX values in one entry. */
bool ldap_pick(const struct ldap_found *found, struct words row, struct picked_list *list,
		struct error *error) must_check;
