#pragma once

/*
 * An LDAP server of few words, in a thread: it accepts every bind, answers StartTLS and then
 * speaks TLS, and answers every other request with what the test gave it. What it heard is kept,
 * byte for byte, in hexadecimal.
 */

#include <pthread.h>

#include "tests/unit/pair.h"

enum { HEARD_MAX = 16 };

struct responder {
	/* ---- set before responder_start() ---- */
	const struct pair *pair;
	bool start_tls; /* plain at first */
	int start_tls_code; /* its answer to StartTLS */
	const char *reply; /* protocolOp in hexadecimal, as "78070a010004000400" */
	bool hangs_up; /* instead of replying */

	/* ---- read by the test ---- */
	char url[64]; /* "ldaps://127.0.0.1:PORT"; "ldap://..." with start_tls */
	char *heard[HEARD_MAX]; /* whole messages, in hexadecimal */
	size_t count;

	int listening;
	pthread_t thread;
};

void responder_start(struct responder *responder);

/* After this `heard` may be read, until responder_done(). */
void responder_stop(struct responder *responder);
void responder_done(struct responder *responder);
