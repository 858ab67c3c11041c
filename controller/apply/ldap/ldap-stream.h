#pragma once

/*
 * What LDAP is spoken over: a TCP connection that can be brought under TLS once, by OpenSSL like
 * all other TLS here (Debian's libldap brings GnuTLS, which knows neither our pins nor a name to
 * verify that differs from the address).
 *
 *         stream_open(&stream, host, port, error)
 *         ber_sockbuf_add_io(sb, stream_io(), LBER_SBIOD_LEVEL_PROVIDER, &stream)
 *         stream_secure(&stream, &trust, error)      at once, or after StartTLS
 *         stream_done(&stream)                       after libldap has let go of it
 *
 * Reading and writing block until `deadline`. Whatever libldap makes of an error, `failure`
 * says what really happened.
 */

#include <lber.h>
#include <openssl/types.h>

#include "controller/base/arena.h"
#include "controller/base/owned.h"

struct ldap_stream {
	int fd;
	SSL *ssl; /* NULL: not under TLS yet */
	long long deadline;
	struct error failure; /* of the last read or write; an empty text: there was none */
};

/* Who is believed to be the server: the one whose certificate has the fingerprint `pin`; else
 * one that an authority in `ca_file`, or, with NULL, of the system vouches for, under `name`. */
struct ldap_trust {
	const char *pin, *ca_file, *name;
};

bool stream_open(struct ldap_stream *stream, const char *host, const char *port, long long deadline,
		struct error *error) must_check;

/* TLS with a server that was verified, or an error and nothing sent but the handshake.
 * ERROR_RETRY: the handshake or the verification failed. ERROR_CONFIG: the file of authorities
 * cannot be used. */
bool stream_secure(struct ldap_stream *stream, const struct ldap_trust *trust,
		struct error *error) must_check;

void stream_done(struct ldap_stream *stream);

/* For ber_sockbuf_add_io(), whose argument is the stream. */
Sockbuf_IO *stream_io(void);
