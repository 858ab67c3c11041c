#pragma once

/*
 * Leases on this machine: a lock (flock(2)) on a file for each. The kernel gives it back
 * when the process ends, however it ends, and a process that is stopped keeps it. The
 * files stay; what is in them is for whoever is refused.
 */

#include "controller/base/arena.h"
#include "controller/model/step.h"

struct lease_local;

/* All or none; `holder` is written into the files. Errors as of leases_take(). */
bool lease_local_take(const struct lease_step *step, const char *holder, struct lease_local **lease,
		struct error *error) must_check;

/* Are the files still those that are locked? ERROR_RETRY: not. */
bool lease_local_verify(const struct lease_local *lease, struct error *error) must_check;

void lease_local_free(struct lease_local *lease); /* NULL is allowed */
