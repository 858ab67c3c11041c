#pragma once

/* A TLS server on a loopback port, in a thread, for tests of probes. */

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/pair.h"

struct server {
	/* ---- set before server_start() ---- */
	const struct pair *first, *then; /* `then` after `changes_after` handshakes; NULL: never */
	long changes_after;
	char postgresql; /* 'S', 'N', 'E': the answer to SSLRequest, which must come; or 0 */
	bool start_tls; /* LDAP's StartTLS, which must come */
	unsigned char start_tls_code; /* the answer to it */
	bool wants_client; /* refuses who has no certificate */
	bool asks_client; /* for a certificate, and is content without; gives no tickets */
	int thinks_ms; /* so long before it reads the client's last part of the handshake */
	int version; /* the only one it speaks, TLS1_2_VERSION; 0: any */
	bool hangs_up; /* closes instead of its part of the handshake */
	bool is_silent; /* accepts, and says nothing */

	/* ---- read by the test ---- */
	char address[32]; /* "127.0.0.1:PORT" */
	atomic_long handshakes;

	int listening;
	pthread_t thread;
};

void server_start(struct server *server);
void server_stop(struct server *server);
