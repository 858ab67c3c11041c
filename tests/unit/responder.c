#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/unit/responder.h"

enum { MESSAGE_MAX = 1 << 16, BIND = 0x60, UNBIND = 0x42, EXTENDED = 0x77 };

struct talk {
	struct responder *responder;
	int fd;
	SSL *ssl; /* NULL: plain */
	unsigned char message[MESSAGE_MAX];
	size_t length, header; /* of the message; of tag and length */
};

static bool take(struct talk *t, size_t count)
{
	for (size_t end = t->length + count; t->length < end;) {
		unsigned char *at = t->message + t->length;
		const int most = (int)(end - t->length);
		const long got = t->ssl ? SSL_read(t->ssl, at, most)
					: recv(t->fd, at, (size_t)most, 0);

		if (got <= 0)
			return false;
		t->length += (size_t)got;
	}
	return true;
}

static bool take_message(struct talk *t)
{
	size_t length, octets;

	t->length = 0;
	if (!take(t, 2))
		return false;
	length = t->message[1];
	if (length > 127) {
		octets = length - 128;
		if (octets > 3 || !take(t, octets))
			return false;
		length = 0;
		for (size_t i = 0; i < octets; i++)
			length = length << 8 | t->message[2 + i];
	}
	t->header = t->length;
	return length < MESSAGE_MAX - 8 && take(t, length);
}

static void note(struct talk *t)
{
	struct responder *r = t->responder;
	char *text = calloc(1, t->length * 2 + 1);

	for (size_t i = 0; i < t->length; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", t->message[i]);
	assert_true(r->count < HEARD_MAX);
	r->heard[r->count++] = text;
}

static void say(struct talk *t, const char *operation)
{
	const unsigned char id = t->message[t->header + 2];
	unsigned char reply[256] = { 0x30, 0, 0x02, 0x01, id };
	size_t length = 5;

	for (const char *at = operation; *at; at += 2) {
		const char digits[] = { at[0], at[1], '\0' };

		reply[length++] = (unsigned char)strtoul(digits, NULL, 16);
	}
	assert_true(length < 128 + 2);
	reply[1] = (unsigned char)(length - 2);
	if (t->ssl)
		(void)SSL_write(t->ssl, reply, (int)length);
	else
		(void)send(t->fd, reply, length, MSG_NOSIGNAL);
}

static bool start_tls(struct talk *t)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	(void)SSL_CTX_use_certificate(context, t->responder->pair->x509);
	(void)SSL_CTX_use_PrivateKey(context, t->responder->pair->pkey);
	t->ssl = SSL_new(context);
	SSL_CTX_free(context);
	(void)SSL_set_fd(t->ssl, t->fd);
	return SSL_accept(t->ssl) == 1;
}

/* False: the conversation is over. */
static bool answer(struct talk *t)
{
	const struct responder *r = t->responder;
	const unsigned char operation = t->message[t->header + 3];
	char accepted[32];

	if (operation == UNBIND)
		return false;
	if (operation == BIND) {
		say(t, "61070a010004000400");
		return true;
	}
	if (operation == EXTENDED && !t->ssl) {
		(void)snprintf(accepted, sizeof(accepted), "78070a01%02x04000400",
				(unsigned)r->start_tls_code);
		say(t, accepted);
		return r->start_tls_code == 0 && start_tls(t);
	}
	if (r->hangs_up)
		return false;
	say(t, r->reply);
	return true;
}

static void attend(struct responder *responder, int fd)
{
	const struct timeval patience = { .tv_sec = 5 };
	struct talk *t = calloc(1, sizeof(*t));

	t->responder = responder;
	t->fd = fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (responder->start_tls || start_tls(t)) {
		while (take_message(t)) {
			note(t);
			if (!answer(t))
				break;
		}
	}
	SSL_free(t->ssl);
	free(t);
}

static void *serve(void *argument)
{
	struct responder *responder = argument;
	int fd;

	while ((fd = accept4(responder->listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		attend(responder, fd);
		(void)close(fd);
	}
	return NULL;
}

void responder_start(struct responder *responder)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	responder->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(responder->listening, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(responder->listening, 16), 0);
	assert_int_equal(getsockname(responder->listening, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(responder->url, sizeof(responder->url), "%s://127.0.0.1:%d",
			responder->start_tls ? "ldap" : "ldaps", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&responder->thread, NULL, serve, responder), 0);
}

void responder_stop(struct responder *responder)
{
	(void)shutdown(responder->listening, SHUT_RDWR);
	(void)pthread_join(responder->thread, NULL);
	(void)close(responder->listening);
}

void responder_done(struct responder *responder)
{
	for (size_t i = 0; i < responder->count; i++)
		free(responder->heard[i]);
	responder->count = 0;
}
