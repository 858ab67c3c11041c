#pragma once

/*
 * Putting a file into a drop as certdrop itself: mode 0600 from its first moment, its content and
 * owner before its name, durably. Whoever may write to the directory may take the name away again,
 * but never reads what is in the file.
 *
 *         deposit_open(path, state, &deposit, error)
 *         deposit_put(&deposit, "self-signed.pem", bytes, length, error)
 *         deposit_done(&deposit)
 *
 * The file belongs to whom the service runs as: the owner of its state directory. Only root can
 * give it away; anybody else has to be that user.
 */

#include <stddef.h>
#include <sys/types.h>

#include "controller/base/error.h"
#include "controller/base/owned.h"

struct deposit {
	int directory;
	uid_t owner;
	gid_t group;
};

/* ERROR_CONFIG: there is no such directory, or the service is another user's. */
bool deposit_open(const char *path, const char *state, struct deposit *deposit,
		struct error *error) must_check;
void deposit_done(struct deposit *deposit);

/* ERROR_CONFIG: there is a file of that name. ERROR_RETRY: it cannot be written. */
bool deposit_put(const struct deposit *deposit, const char *name, const void *bytes, size_t length,
		struct error *error) must_check;
