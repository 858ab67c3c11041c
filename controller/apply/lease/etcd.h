#pragma once

/*
 * What a lease needs of etcd, by the JSON gateway of its v3 interface (etcd 3.4 and later;
 * https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/): 64-bit numbers travel as strings, keys
 * and values as base64. Each call goes to the endpoint that answered last, and on to
 * the others when it does not.
 *
 * Errors are ERROR_RETRY unless said otherwise: no endpoint has answered with a success; the text
 * is about the last one.
 */

#include "controller/apply/http/web.h"
#include "controller/base/arena.h"
#include "controller/model/step.h"

struct etcd {
	const struct lease_step *step; /* endpoints, and whom to trust as whom */
	struct web *web;
	struct words keys;
	long long deadline; /* of the next call, as in deadline.h */

	char id[24]; /* of the lease */
	long ttl_ms; /* what etcd made of the time that was asked for */
	char revision[24]; /* at which the keys came into being */
	size_t endpoint; /* the one that answered last */
};

/* A new lease, with no keys yet. */
bool etcd_grant(struct etcd *etcd, struct error *error) must_check;

/* Creates all of the keys, bound to the lease, if none of them exists. `holder` is the value of
 * one that does, in the arena; NULL: they are ours now. */
bool etcd_create(struct etcd *etcd, struct arena *arena, const char *value, const char **holder,
		struct error *error) must_check;

/* Are all of the keys still those that were created? */
bool etcd_check(struct etcd *etcd, bool *same, struct error *error) must_check;

/* `gone`: the lease has ended. */
bool etcd_keep_alive(struct etcd *etcd, bool *gone, struct error *error) must_check;

/* Ends the lease, and its keys with it. If etcd does not answer, it ends by itself. */
void etcd_revoke(struct etcd *etcd);
