#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "controller/apply/deadline.h"
#include "tests/unit/server.h"

static int accept_any(int ok, X509_STORE_CTX *context)
{
	(void)ok;
	(void)context;
	return 1;
}

/* A busy machine, played: the server has said its part and takes its time to hear the client's. */
static void think(const SSL *ssl, int where, int result)
{
	const struct server *server = SSL_get_app_data(ssl);

	(void)result;
	if (where == SSL_CB_ACCEPT_LOOP && SSL_get_state(ssl) == TLS_ST_SW_FINISHED)
		deadline_pause(server->thinks_ms, deadline_now() + server->thinks_ms);
}

static SSL_CTX *context_of(const struct server *server, const struct pair *pair)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	(void)SSL_CTX_use_certificate(context, pair->x509);
	(void)SSL_CTX_use_PrivateKey(context, pair->pkey);
	if (server->version)
		(void)SSL_CTX_set_max_proto_version(context, server->version);
	if (server->wants_client)
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				accept_any);
	if (server->asks_client) {
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
		(void)SSL_CTX_set_num_tickets(context, 0);
	}
	return context;
}

static void shake_hands(struct server *server, int fd)
{
	const bool later =
			server->then && atomic_load(&server->handshakes) >= server->changes_after;
	SSL_CTX *context = context_of(server, later ? server->then : server->first);
	SSL *ssl = SSL_new(context);
	char byte;

	(void)SSL_set_fd(ssl, fd);
	(void)SSL_set_app_data(ssl, server);
	if (server->thinks_ms > 0)
		SSL_set_info_callback(ssl, think);
	if (SSL_accept(ssl) == 1)
		atomic_fetch_add(&server->handshakes, 1);
	/* Until the client hangs up: closing first could take its last words away. */
	(void)SSL_read(ssl, &byte, 1);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

/* RFC 4511: StartTLS as message 1, and the consent to it. */
static bool start_tls(const struct server *server, int fd)
{
	static const char expected[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
				       "1.3.6.1.4.1.1466.20037";
	unsigned char reply[] = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04";
	char request[sizeof(expected) - 1];

	if (recv(fd, request, sizeof(request), MSG_WAITALL) != sizeof(request) ||
			memcmp(request, expected, sizeof(request)) != 0)
		return false;
	reply[9] = server->start_tls_code;
	return send(fd, reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply) &&
			server->start_tls_code == 0;
}

static void attend(struct server *server, int fd)
{
	const struct timeval patience = { .tv_sec = 5 };
	char request[8];

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (server->is_silent) {
		while (recv(fd, request, sizeof(request), 0) > 0)
			;
		return;
	}
	if (server->postgresql) {
		if (recv(fd, request, sizeof(request), MSG_WAITALL) != sizeof(request) ||
				request[4] != 0x04)
			return;
		if (send(fd, &server->postgresql, 1, MSG_NOSIGNAL) != 1 ||
				server->postgresql != 'S')
			return;
	}
	if (server->start_tls && !start_tls(server, fd))
		return;
	if (!server->hangs_up)
		shake_hands(server, fd);
}

static void *serve(void *argument)
{
	struct server *server = argument;
	int fd;

	while ((fd = accept4(server->listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		attend(server, fd);
		(void)close(fd);
	}
	return NULL;
}

void server_start(struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listening, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listening, 16), 0);
	assert_int_equal(getsockname(server->listening, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(server->address, sizeof(server->address), "127.0.0.1:%d",
			ntohs(address.sin_port));
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void server_stop(struct server *server)
{
	(void)shutdown(server->listening, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->listening);
}
