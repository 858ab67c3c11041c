#pragma once

/*
 * A TLS handshake with one address, with a deadline: which certificate is served there?
 * The chain is not verified, because the question is which one it is; the handshake has to
 * complete, because servers exist that show a new certificate and then fail (a mismatched
 * pair).
 */

#include <sys/socket.h>

#include "controller/apply/tls/certificate.h"
#include "controller/apply/tls/preamble.h"
#include "controller/base/arena.h"

struct tls_peer {
	const struct sockaddr *address;
	socklen_t address_size;
	char *server_name; /* SNI; NULL: none */
	enum preamble preamble;
	const char *client_certificate, *client_key; /* PEM files, or NULL */
};

struct tls_result {
	struct certificate served;
	/* Empty; or why the server ended the conversation after it had shown its certificate, and
	 * proven that it has the key. */
	char refused[128];
	bool for_certificate; /* for want of a client certificate, by the alert that it sent */
};

/* ERROR_RETRY: no connection, no TLS, no completed handshake, or too late. ERROR_CONFIG:
 * the client certificate cannot be used. */
bool tls_handshake(const struct tls_peer *peer, long long deadline, struct tls_result *result,
		struct error *error) must_check;
