#pragma once

/*
 * What a sound configuration names and this machine lacks: programs, users, groups, files and
 * directories that have to be there already; and places to publish at where that cannot be done, or
 * that are one and the same by the links above them; and what its product advises against
 * (reconciler.h). It is no mistake in the configuration, which may be
 * checked on another machine, or before the product is installed; but who learns it from a failing
 * reload learns it late. What this process may not look at counts as being there.
 */

#include "controller/certdrop/config/config.h"

/* Appends one line for each, such as
 *
 *         /etc/certdrop/certdrop.conf:12: reload: there is no program "ngnix" here
 *
 * and returns how many. Only what was written counts, and certdrop's own programs. */
size_t surroundings_lack(const struct config *config, struct buffer *lines);
