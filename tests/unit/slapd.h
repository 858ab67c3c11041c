#pragma once

/*
 * OpenLDAP's slapd on loopback ports, with a topology below "cn=topology" as a search finds it:
 * entries of servers that hold PEM certificates in a text attribute.
 *
 *         cn=ds1,cn=topology      certificates of the pairs given, one after the other
 *         cn=ds2,cn=topology      the second pair's, behind a text that does not belong there
 *         cn=ds3,cn=topology      none
 *
 * Only the manager, cn=manager,cn=topology, may read.
 */

#include <sys/types.h>

#include "tests/unit/pair.h"

struct slapd {
	char *directory; /* with manager.password and wrong.password in it */
	char ldap[64], ldaps[64]; /* "ldaps://127.0.0.1:PORT" */
	int port; /* of ldap */
	pid_t process;
};

/* `served` is its own pair; `first` and `second` are in the entries. */
void slapd_start(struct slapd *slapd, const struct pair *served, const struct pair *first,
		const struct pair *second);
void slapd_stop(struct slapd *slapd);

/* Replaces cn=ds3's certificate, with OpenLDAP's own tool. */
void slapd_set_third(const struct slapd *slapd, const struct pair *pair);
