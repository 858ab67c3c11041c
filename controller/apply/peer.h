#pragma once

/*
 * Who is at the other end of the controller's socket. A worker may have more rights than its
 * controller (packaging/systemd/certdrop-apply@.service), and does what it is told: so it looks
 * who tells it, before it listens.
 */

#include "controller/base/error.h"

/* Root, the worker's own user, and the user called `controller` (NULL: nobody else), as of when
 * the connection was made (SO_PEERCRED, unix(7)). ERROR_CONFIG: somebody else, or there is no
 * such user. ERROR_INTERNAL: not a local socket. */
bool peer_check(int fd, const char *controller, struct error *error) must_check;
