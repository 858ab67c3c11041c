#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "tests/unit/site.h"

struct visitor {
	struct site *site;
	int fd;
	SSL *ssl;
};

static long visitor_read(struct visitor *v, char *bytes, size_t size)
{
	return v->ssl ? SSL_read(v->ssl, bytes, (int)size) : recv(v->fd, bytes, size, 0);
}

static void visitor_write(struct visitor *v, const struct buffer *text)
{
	const long written = v->ssl ? SSL_write(v->ssl, text->bytes, (int)text->length)
				    : send(v->fd, text->bytes, text->length, MSG_NOSIGNAL);

	(void)written;
}

/* One request with its body; false at the end of the connection. */
static bool hear(struct visitor *v, struct buffer *request)
{
	size_t expected = 0;
	const char *end = NULL;

	while (!end || request->length < (size_t)(end - request->bytes) + 4 + expected) {
		char chunk[4096];
		const long length = visitor_read(v, chunk, sizeof(chunk));
		const char *size;

		if (length <= 0)
			return false;
		buffer_append(request, chunk, (size_t)length);
		end = strstr(request->bytes, "\r\n\r\n");
		size = strcasestr(request->bytes, "\r\nContent-Length: ");
		if (size)
			expected = strtoul(size + 18, NULL, 10);
	}
	return true;
}

static const struct page *find_page(struct site *site, const char *request)
{
	const struct page *found = NULL;

	for (size_t i = 0; site->pages[i].request; i++) {
		const char *wanted = site->pages[i].request;

		if (strncmp(request, wanted, strlen(wanted)) != 0 || request[strlen(wanted)] != ' ')
			continue;
		found = &site->pages[i];
		if (!site->given[i]++)
			break;
	}
	return found;
}

static void answer(struct visitor *v, const struct buffer *request)
{
	autodone(buffer) struct buffer text = { 0 };
	const struct page *page;

	(void)pthread_mutex_lock(&v->site->lock);
	page = find_page(v->site, request->bytes);
	buffer_append(&v->site->heard, request->bytes, request->length);
	buffer_add(&v->site->heard, "\n");
	(void)pthread_mutex_unlock(&v->site->lock);
	buffer_printf(&text, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n%s",
			page ? page->status : 404, page ? strlen(page->body) : 0,
			page && page->header ? page->header : "", page ? page->body : "");
	visitor_write(v, &text);
}

static bool shake_hands(struct visitor *v, SSL_CTX *context)
{
	if (!v->site->pair)
		return true;
	v->ssl = SSL_new(context);
	(void)SSL_set_fd(v->ssl, v->fd);
	return SSL_accept(v->ssl) == 1;
}

static void *attend(void *argument)
{
	struct visitor *v = argument;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	bool open = true;

	if (v->site->pair) {
		(void)SSL_CTX_use_certificate(context, v->site->pair->x509);
		(void)SSL_CTX_use_PrivateKey(context, v->site->pair->pkey);
	}
	open = shake_hands(v, context);
	while (open) {
		autodone(buffer) struct buffer request = { 0 };

		open = hear(v, &request);
		if (open)
			answer(v, &request);
	}
	SSL_free(v->ssl);
	SSL_CTX_free(context);
	(void)shutdown(v->fd, SHUT_RDWR);
	free(v);
	return NULL;
}

static void *serve(void *argument)
{
	struct site *site = argument;
	int fd;

	while ((fd = accept4(site->listening, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		const int index = atomic_load(&site->connections);
		struct visitor *v = calloc(1, sizeof(*v));

		if (!v || index == CONNECTIONS_MAX)
			abort();
		*v = (struct visitor){ .site = site, .fd = fd };
		site->fds[index] = fd;
		if (pthread_create(&site->threads[index], NULL, attend, v) != 0)
			abort();
		atomic_fetch_add(&site->connections, 1);
	}
	return NULL;
}

void site_start(struct site *site)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)pthread_mutex_init(&site->lock, NULL);
	site->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(site->listening, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(site->listening, 16), 0);
	assert_int_equal(getsockname(site->listening, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(site->url, sizeof(site->url), "%s://127.0.0.1:%d",
			site->pair ? "https" : "http", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&site->thread, NULL, serve, site), 0);
}

void site_stop(struct site *site)
{
	(void)shutdown(site->listening, SHUT_RDWR);
	(void)pthread_join(site->thread, NULL);
	(void)close(site->listening);
	for (int i = 0; i < atomic_load(&site->connections); i++) {
		(void)shutdown(site->fds[i], SHUT_RDWR);
		(void)pthread_join(site->threads[i], NULL);
		(void)close(site->fds[i]);
	}
	(void)pthread_mutex_destroy(&site->lock);
}

void site_done(struct site *site)
{
	buffer_done(&site->heard);
}
