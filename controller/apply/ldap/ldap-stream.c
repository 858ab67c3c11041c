#include "controller/apply/ldap/ldap-stream.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "controller/apply/tls/certificate.h"
#include "controller/apply/tls/tcp.h"

bool stream_open(struct ldap_stream *stream, const char *host, const char *port, long long deadline,
		struct error *error)
{
	*stream = (struct ldap_stream){ .fd = -1, .deadline = deadline };
	return tcp_connect_to(host, port, deadline, &stream->fd, error);
}

void stream_done(struct ldap_stream *stream)
{
	if (stream->ssl)
		(void)SSL_shutdown(stream->ssl);
	SSL_free(stream->ssl);
	stream->ssl = NULL;
	owned_close(&stream->fd);
	stream->fd = -1;
	ERR_clear_error();
}

/* ---- TLS ---- */

static void ctx_done(SSL_CTX **context)
{
	SSL_CTX_free(*context);
}

static const char *why_not(const char *otherwise)
{
	const unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	return reason ? reason : otherwise;
}

/* After SSL_read() and the like: waits for the socket if that is all that is missing. */
static bool wait_for(struct ldap_stream *stream, int result, struct error *error)
{
	const int state = SSL_get_error(stream->ssl, result);

	if (state == SSL_ERROR_WANT_READ)
		return tcp_wait(stream->fd, POLLIN, stream->deadline, error);
	if (state == SSL_ERROR_WANT_WRITE)
		return tcp_wait(stream->fd, POLLOUT, stream->deadline, error);
	return fail(error, ERROR_RETRY, "%s", why_not("the server closed the connection"));
}

static bool set_trust(SSL_CTX *context, const struct ldap_trust *trust, struct error *error)
{
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	/* Messages tell how long they are: what is cut off shows without TLS saying so. */
	(void)SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	if (trust->pin) {
		SSL_CTX_set_cert_verify_callback(
				context, certificate_check_pin, (void *)(uintptr_t)trust->pin);
		return true;
	}
	/* A file that names a server's own certificate means that server, whoever signed it. */
	(void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
	if (!trust->ca_file)
		return SSL_CTX_set_default_verify_paths(context) == 1 ||
				fail(error, ERROR_CONFIG, "the system's authorities: %s",
						why_not("cannot be used"));
	return SSL_CTX_load_verify_file(context, trust->ca_file) == 1 ||
			fail(error, ERROR_CONFIG, "authorities %s: %s", trust->ca_file,
					why_not("cannot be used"));
}

static bool set_name(SSL *ssl, const char *name)
{
	if (tcp_is_numeric(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	return SSL_set1_host(ssl, name) == 1 &&
			SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
					(void *)(uintptr_t)name) == 1;
}

static bool explain(const struct ldap_stream *stream, const struct ldap_trust *trust,
		struct error *error)
{
	const long verified = SSL_get_verify_result(stream->ssl);

	if (verified == X509_V_OK)
		return fail_while(error, "TLS handshake");
	if (trust->pin)
		return fail(error, ERROR_RETRY,
				"its certificate is not the one with the fingerprint %.16s%s; if it was "
				"replaced, so must be the pin",
				trust->pin,
				strchr(trust->pin, ' ') ? ", nor one that replaced it" : "");
	return fail(error, ERROR_RETRY, "its certificate is not trusted: %s",
			X509_verify_cert_error_string(verified));
}

bool stream_secure(struct ldap_stream *stream, const struct ldap_trust *trust, struct error *error)
{
	autodone(ctx) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int result;

	ERR_clear_error();
	if (!context || !set_trust(context, trust, error))
		return false;
	stream->ssl = SSL_new(context);
	if (!stream->ssl || SSL_set_fd(stream->ssl, stream->fd) != 1 ||
			!set_name(stream->ssl, trust->name))
		return fail(error, ERROR_CONFIG, "TLS: %s", why_not("cannot be prepared"));
	while ((result = SSL_connect(stream->ssl)) != 1)
		if (!wait_for(stream, result, error)) {
			(void)explain(stream, trust, error);
			stream->failure = *error;
			return false;
		}
	return true;
}

/* ---- as libldap sees it ---- */

static int setup(Sockbuf_IO_Desc *io, void *stream)
{
	io->sbiod_pvt = stream;
	return 0;
}

static int let_go(Sockbuf_IO_Desc *io)
{
	io->sbiod_pvt = NULL;
	return 0;
}

static int control(Sockbuf_IO_Desc *io, int option, void *argument)
{
	const struct ldap_stream *stream = io->sbiod_pvt;

	(void)argument;
	return option == LBER_SB_OPT_DATA_READY && stream->ssl && SSL_pending(stream->ssl) > 0;
}

static ssize_t read_plain(struct ldap_stream *stream, void *bytes, size_t length)
{
	if (!tcp_wait(stream->fd, POLLIN, stream->deadline, &stream->failure))
		return -1;
	return recv(stream->fd, bytes, length, 0);
}

static ssize_t write_plain(struct ldap_stream *stream, const void *bytes, size_t length)
{
	if (!tcp_wait(stream->fd, POLLOUT, stream->deadline, &stream->failure))
		return -1;
	return send(stream->fd, bytes, length, MSG_NOSIGNAL);
}

static ssize_t read_tls(struct ldap_stream *stream, void *bytes, size_t length)
{
	int got;

	ERR_clear_error();
	while ((got = SSL_read(stream->ssl, bytes, (int)length)) <= 0) {
		if (SSL_get_error(stream->ssl, got) == SSL_ERROR_ZERO_RETURN)
			return 0;
		if (!wait_for(stream, got, &stream->failure))
			return -1;
	}
	return got;
}

static ssize_t write_tls(struct ldap_stream *stream, const void *bytes, size_t length)
{
	int sent;

	ERR_clear_error();
	while ((sent = SSL_write(stream->ssl, bytes, (int)length)) <= 0)
		if (!wait_for(stream, sent, &stream->failure))
			return -1;
	return sent;
}

/* Without EIO libldap would try again. */
static ber_slen_t told(struct ldap_stream *stream, ssize_t result)
{
	if (result == 0)
		(void)fail(&stream->failure, ERROR_RETRY, "the server closed the connection");
	else if (result < 0 && !*stream->failure.text)
		(void)fail(&stream->failure, ERROR_RETRY, "%s", strerror(errno));
	if (result < 0)
		errno = EIO;
	return result;
}

static ber_slen_t read_some(Sockbuf_IO_Desc *io, void *bytes, ber_len_t length)
{
	struct ldap_stream *stream = io->sbiod_pvt;
	const size_t most = length < INT_MAX ? length : INT_MAX;

	return told(stream,
			stream->ssl ? read_tls(stream, bytes, most)
				    : read_plain(stream, bytes, most));
}

static ber_slen_t write_some(Sockbuf_IO_Desc *io, void *bytes, ber_len_t length)
{
	struct ldap_stream *stream = io->sbiod_pvt;
	const size_t most = length < INT_MAX ? length : INT_MAX;
	ssize_t sent = -1;

	/* Libldap says goodbye even to a server that could not be verified. */
	if (!*stream->failure.text)
		sent = stream->ssl ? write_tls(stream, bytes, most)
				   : write_plain(stream, bytes, most);
	/* It also keeps what it has sent, passwords and all, in memory that it does not cleanse.
	 * Nothing is ever sent twice. */
	if (sent > 0)
		OPENSSL_cleanse(bytes, (size_t)sent);
	return told(stream, sent);
}

static int close_nothing(Sockbuf_IO_Desc *io)
{
	(void)io;
	return 0;
}

Sockbuf_IO *stream_io(void)
{
	static Sockbuf_IO io = {
		.sbi_setup = setup,
		.sbi_remove = let_go,
		.sbi_ctrl = control,
		.sbi_read = read_some,
		.sbi_write = write_some,
		.sbi_close = close_nothing,
	};

	return &io;
}
