#pragma once

/* A small HTTP/1.1 server on a loopback port, with or without TLS, for tests of http
 * steps. Connections stay open as long as the client likes. */

#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/pair.h"

enum { CONNECTIONS_MAX = 32 };

/* The answer to a request. Of several with the same request line the first that was not
 * given yet is taken; the last one stays. */
struct page {
	const char *request; /* "GET /v1/cluster" */
	int status;
	const char *header; /* a line with its end, or NULL */
	const char *body;
};

struct site {
	const struct pair *pair; /* NULL: plain http */
	const struct page *pages; /* up to one without a request */

	char url[64]; /* "https://127.0.0.1:PORT" */
	atomic_int connections;
	struct buffer heard; /* all requests; read it after site_stop() */

	pthread_mutex_t lock;
	int given[64];
	int listening, fds[CONNECTIONS_MAX];
	pthread_t thread, threads[CONNECTIONS_MAX];
};

void site_start(struct site *site);
void site_stop(struct site *site);
void site_done(struct site *site);
