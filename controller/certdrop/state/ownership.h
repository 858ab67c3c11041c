#pragma once

/*
 * Whose state it is. What root writes into a state directory of another user, that user cannot read
 * any more, and the service that runs as that user fails, long after: a private key of root's among
 * its own, a database that it may not open.
 *
 * The state is its journal's owner's, and as long as there is no journal the directory's.
 */

#include <sys/types.h>

#include "controller/base/error.h"

/* May this user write there? ERROR_CONFIG: it is another's, and the text says how to become that one. Where
 * there is no journal yet, whoever the directory's rights let in may begin one; but not root, whom they
 * let in everywhere. */
bool ownership_lets_write(const char *state_directory, uid_t user, struct error *error) must_check;

/* May this user look at it without the service? Also where it is another's, if nothing had to be made
 * for that. */
bool ownership_lets_look(const char *state_directory, uid_t user, struct error *error) must_check;
