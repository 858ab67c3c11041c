#define _GNU_SOURCE
#include "controller/apply/tls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/base/owned.h"

/* How long a server that asked for a client certificate is given to refuse ours. */
enum { REFUSAL_MS = 250 };

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

/* ---- the connection ---- */

static bool wait_for(int fd, short events, long long deadline, struct error *error)
{
	struct pollfd waiting = { .fd = fd, .events = events };
	int ready;

	do
		ready = poll(&waiting, 1, deadline_left(deadline));
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return fail(error, ERROR_RETRY, "poll: %s", strerror(errno));
	return ready > 0 || fail(error, ERROR_RETRY, "no answer in time");
}

static bool connect_to(
		const struct tls_peer *peer, long long deadline, int *fd, struct error *error)
{
	autoclose int made = socket(
			peer->address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int at_once = 1;
	int result = 0;
	socklen_t size = sizeof(result);

	if (made < 0)
		return fail(error, ERROR_RETRY, "socket: %s", strerror(errno));
	(void)setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	if (connect(made, peer->address, peer->address_size) < 0 && errno != EINPROGRESS)
		return fail(error, ERROR_RETRY, "connect: %s", strerror(errno));
	if (!wait_for(made, POLLOUT, deadline, error))
		return fail_while(error, "connect");
	if (getsockopt(made, SOL_SOCKET, SO_ERROR, &result, &size) < 0 || result != 0)
		return fail(error, ERROR_RETRY, "connect: %s", strerror(result));
	*fd = hand_over_fd(&made);
	return true;
}

/* PostgreSQL's protocol, message SSLRequest: length 8 and the code 80877103; the answer is
 * one byte, 'S' or 'N', or the start of an error message. */
static bool request_tls(int fd, long long deadline, struct error *error)
{
	static const unsigned char request[8] = { 0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F };
	char reply;

	if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request))
		return fail(error, ERROR_RETRY, "SSLRequest: %s", strerror(errno));
	if (!wait_for(fd, POLLIN, deadline, error))
		return fail_while(error, "SSLRequest");
	if (recv(fd, &reply, 1, 0) != 1)
		return fail(error, ERROR_RETRY, "SSLRequest: the server closed the connection");
	if (reply == 'N')
		return fail(error, ERROR_RETRY, "the server does not speak TLS (SSLRequest: N)");
	if (reply == 'E')
		return fail(error, ERROR_RETRY, "the server answers SSLRequest with an error");
	return reply == 'S' || fail(error, ERROR_RETRY, "the server does not speak PostgreSQL");
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

		return wait_for(SSL_get_fd(ssl), events, deadline, error);
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

/* In TLS 1.3 our part ends before the server has judged our certificate: an alert, if any,
 * comes after. A server that is content sends session tickets. */
static void hear_refusal(SSL *ssl, long long deadline, struct tls_result *result)
{
	const long long soon = deadline_now() + REFUSAL_MS;
	struct error error;
	char byte;
	int got;

	if (!wait_for(SSL_get_fd(ssl), POLLIN, soon < deadline ? soon : deadline, &error))
		return;
	ERR_clear_error();
	got = SSL_read(ssl, &byte, 1);
	if (got > 0 || SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ)
		return;
	(void)snprintf(result->refused, sizeof(result->refused), "%s", why_not());
}

static bool shake_hands(SSL *ssl, long long deadline, struct error *error)
{
	int result;

	ERR_clear_error();
	while ((result = SSL_connect(ssl)) != 1)
		if (!wait_for_ssl(ssl, result, deadline, error))
			return fail_while(error, "TLS handshake");
	return true;
}

static bool read_served(SSL *ssl, struct tls_result *result, struct error *error)
{
	X509 *leaf = SSL_get1_peer_certificate(ssl);
	const bool good = leaf && certificate_of(leaf, &result->served);

	X509_free(leaf);
	return good || fail(error, ERROR_RETRY, "the server shows no usable certificate");
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
	if (!connect_to(peer, deadline, &fd, error))
		return false;
	if (peer->postgresql && !request_tls(fd, deadline, error))
		return false;
	ssl = SSL_new(context);
	assert(ssl);
	if (SSL_set_fd(ssl, fd) != 1 || !set_client(ssl, peer, error))
		return false;
	if (peer->server_name)
		(void)SSL_set_tlsext_host_name(ssl, peer->server_name);
	SSL_set_cert_cb(ssl, note_request, &asked);
	if (!shake_hands(ssl, deadline, error) || !read_served(ssl, &found, error))
		return false;
	if (asked && SSL_version(ssl) >= TLS1_3_VERSION)
		hear_refusal(ssl, deadline, &found);
	(void)SSL_shutdown(ssl);
	*result = found;
	return true;
}
