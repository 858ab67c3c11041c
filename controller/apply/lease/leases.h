#pragma once

/*
 * The leases that a job holds (lease_step in model/step.h).
 *
 *         leases_new(web)                          once for each job
 *         leases_take(leases, step, deadline, error)
 *         leases_verify(leases, error)             right before whatever cannot be taken back
 *         leases_free(leases)                      gives them back
 *
 * leases_verify() is true when there are none. Once it was false it stays so: a lease that
 * was lost, even for a moment, may have been somebody else's in between. They can be called from
 * several threads.
 */

#include "controller/apply/http/web.h"
#include "controller/model/step.h"

struct leases;

struct leases *leases_new(struct web *web);
void leases_free(struct leases *leases); /* NULL is allowed */

/* ERROR_RETRY: somebody else has one of them, or etcd cannot be reached. ERROR_CONFIG: the
 * directory cannot be used. ERROR_INTERNAL: a name or a store that there is not. */
bool leases_take(struct leases *leases, const struct lease_step *step, long long deadline,
		struct error *error) must_check;

/* ERROR_RETRY: lost, or it cannot be told. */
bool leases_verify(struct leases *leases, struct error *error) must_check;
bool leases_lost(struct leases *leases);
