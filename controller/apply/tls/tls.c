#define _GNU_SOURCE
#include "controller/apply/tls/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/tls/tcp.h"
#include "controller/base/owned.h"

/* How long a server that asked for a client certificate is given to refuse ours, and then to
 * answer our goodbye. */
enum { REFUSAL_MS = 1000, GOODBYE_MS = 4000 };

static SSL_CTX *context;

/* It only measures, so it talks to everybody: what is weak about a server is for others to
 * say, and must not look like an outage. */
static void make_context(void)
{
	context = SSL_CTX_new(TLS_client_method());
	assert(context);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
}

static void ssl_done(SSL **ssl)
{
	SSL_free(*ssl);
	ERR_clear_error();
}

/* ---- the handshake ---- */

static const char *why_not(void)
{
	const unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	return reason ? reason : "the server closed the connection";
}

/* NULL result of SSL_get_error()s that only mean "wait": then polls. */
static bool wait_for_ssl(SSL *ssl, int result, long long deadline, struct error *error)
{
	const int state = SSL_get_error(ssl, result);

	if (state == SSL_ERROR_WANT_READ || state == SSL_ERROR_WANT_WRITE) {
		const short events = state == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;

		return tcp_wait(SSL_get_fd(ssl), events, deadline, error);
	}
	return fail(error, ERROR_RETRY, "%s", why_not());
}

/* Called when the server wants a client certificate: notes it, and goes on with what was
 * set. */
static int note_request(SSL *ssl, void *asked)
{
	(void)ssl;
	*(bool *)asked = true;
	return 1;
}

static bool set_client(SSL *ssl, const struct tls_peer *peer, struct error *error)
{
	if (!peer->client_certificate)
		return true;
	if (SSL_use_certificate_chain_file(ssl, peer->client_certificate) != 1 ||
			SSL_use_PrivateKey_file(ssl,
					peer->client_key ? peer->client_key
							 : peer->client_certificate,
					SSL_FILETYPE_PEM) != 1)
		return fail(error, ERROR_CONFIG, "client certificate %s: %s",
				peer->client_certificate, why_not());
	return true;
}

static bool read_served(SSL *ssl, struct tls_result *result, struct error *error)
{
	X509 *leaf = SSL_get1_peer_certificate(ssl);
	const bool good = leaf && certificate_of(leaf, &result->served);

	X509_free(leaf);
	return good || fail(error, ERROR_RETRY, "the server shows no usable certificate");
}

/* ---- refusals ---- */

/* How servers say that they want a certificate: as RFC 8446 (6.2) has it, or as they did before
 * (RFC 5246, 7.4.6), in Java with bad_certificate. */
static bool is_for_certificate(void)
{
	switch (ERR_GET_REASON(ERR_peek_last_error())) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
		return true;
	default:
		return false;
	}
}

static void note_refusal(struct tls_result *result)
{
	(void)snprintf(result->refused, sizeof(result->refused), "%s", why_not());
	result->for_certificate = is_for_certificate();
}

/* Did the server say anything for so long? Not knowing because the deadline came is a failure. */
static bool wait_for_word(
		SSL *ssl, long long ms, long long deadline, bool *said, struct error *error)
{
	const long long soon = deadline_now() + ms;

	*said = tcp_wait(SSL_get_fd(ssl), POLLIN, soon < deadline ? soon : deadline, error);
	return *said || soon < deadline;
}

/* In TLS 1.3 our part ends before the server has judged our certificate: an alert, if any,
 * comes after. A server that is content sends session tickets, or nothing if it has none; then
 * it is told goodbye, because whatever it thinks of us it says before it answers that. */
static bool hear_refusal(
		SSL *ssl, long long deadline, struct tls_result *result, struct error *error)
{
	bool said = false, is_leaving = false;
	char byte;
	int got;

	if (!wait_for_word(ssl, REFUSAL_MS, deadline, &said, error))
		return false;
	if (!said) {
		is_leaving = true;
		(void)SSL_shutdown(ssl);
		if (!wait_for_word(ssl, GOODBYE_MS, deadline, &said, error))
			return false;
	}
	if (!said)
		return true;
	ERR_clear_error();
	got = SSL_read(ssl, &byte, 1);
	if (got <= 0 && SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ &&
			!(is_leaving && !is_for_certificate()))
		note_refusal(result);
	return true;
}

/* Before TLS 1.3 the server judges our certificate before its own part ends. If it has signed
 * the key exchange by then it has proven to have the key, and the certificate counts. */
static bool is_refusal(SSL *ssl, bool asked, struct tls_result *result)
{
	struct error error;
	int signature;

	if (!asked || SSL_get_peer_signature_nid(ssl, &signature) != 1)
		return false;
	note_refusal(result);
	return result->for_certificate && read_served(ssl, result, &error);
}

/* ---- the whole of it ---- */

static bool shake_hands(SSL *ssl, long long deadline, struct error *error)
{
	int result;

	ERR_clear_error();
	while ((result = SSL_connect(ssl)) != 1)
		if (!wait_for_ssl(ssl, result, deadline, error))
			return fail_while(error, "TLS handshake");
	return true;
}

bool tls_handshake(const struct tls_peer *peer, long long deadline, struct tls_result *result,
		struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls_result found = { .refused = "" };
	autoclose int fd = -1;
	autodone(ssl) SSL *ssl = NULL;
	bool asked = false;

	(void)pthread_once(&once, make_context);
	if (!tcp_connect(peer->address, peer->address_size, deadline, &fd, error))
		return false;
	if (!preamble_speak(peer->preamble, fd, deadline, error))
		return false;
	ssl = SSL_new(context);
	assert(ssl);
	if (SSL_set_fd(ssl, fd) != 1 || !set_client(ssl, peer, error))
		return false;
	if (peer->server_name)
		(void)SSL_set_tlsext_host_name(ssl, peer->server_name);
	SSL_set_cert_cb(ssl, note_request, &asked);
	if (shake_hands(ssl, deadline, error)) {
		if (!read_served(ssl, &found, error))
			return false;
		if (asked && SSL_version(ssl) >= TLS1_3_VERSION &&
				!hear_refusal(ssl, deadline, &found, error))
			return false;
	} else if (!is_refusal(ssl, asked, &found)) {
		return false;
	}
	(void)SSL_shutdown(ssl);
	*result = found;
	return true;
}
