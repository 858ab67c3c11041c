#pragma once

/*
 * What is said before TLS by protocols that begin in the clear: a request for it and the
 * server's consent, after which the handshake starts on the same connection. No byte more than
 * the consent is read.
 */

#include "controller/base/error.h"

enum preamble {
	PREAMBLE_TLS, /* nothing: TLS from the first byte */
	PREAMBLE_POSTGRESQL, /* SSLRequest (PostgreSQL's protocol, "SSL Session Encryption") */
	PREAMBLE_LDAP, /* StartTLS (RFC 4511, section 4.14) */
};

/* "tls", "postgresql", "ldap"; false: another word. */
bool preamble_read(const char *name, enum preamble *preamble);

/* ERROR_RETRY: the server does not consent, does not speak the protocol, or says nothing in
 * time. */
bool preamble_speak(
		enum preamble preamble, int fd, long long deadline, struct error *error) must_check;
