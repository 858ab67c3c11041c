#pragma once

/*
 * Leases in etcd, kept by a thread that renews them every third of their time, and by a fuse
 * (fuse.h) that ends the worker before they end.
 */

#include "controller/apply/http/web.h"
#include "controller/model/step.h"

struct lease_etcd;

/* All or none; `holder` is what others are told. Errors as of leases_take(). */
bool lease_etcd_take(const struct lease_step *step, struct web *web, const char *holder,
		long long deadline, struct lease_etcd **lease, struct error *error) must_check;

/* Asks etcd. ERROR_RETRY: not ours any more, or it cannot be told. */
bool lease_etcd_verify(struct lease_etcd *lease, struct error *error) must_check;

/* Gives them back; if etcd cannot be reached, they end by themselves. NULL is allowed. */
void lease_etcd_free(struct lease_etcd *lease);
