/*
 * A TLS server that needs no reload: it loads the pair anew whenever the link to it has changed, so
 * that what is measured is certdrop, and not how long a server takes to reload.
 *
 *         bench-server PORT LINK
 *
 * Prints the time (CLOCK_MONOTONIC, in nanoseconds) when it is ready, and whenever a handshake with
 * a new pair has been completed for the first time.
 */

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *load(const char *link)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/fullchain.pem", link);
	assert(SSL_CTX_use_certificate_chain_file(context, path) == 1);
	(void)snprintf(path, sizeof(path), "%s/privkey.pem", link);
	assert(SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1);
	return context;
}

static void print_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
	(void)fflush(stdout);
}

/* The context for what the link leads to now; counts up with each new one. */
static SSL_CTX *current(const char *link, int *number)
{
	static SSL_CTX *context;
	static char loaded[4096];
	char generation[4096] = "";

	assert(readlink(link, generation, sizeof(generation) - 1) > 0);
	if (strcmp(generation, loaded) != 0) {
		SSL_CTX_free(context);
		context = load(link);
		++*number;
		memcpy(loaded, generation, sizeof(loaded));
	}
	return context;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = 1;
	int told = 1, number = 0;

	if (argc != 3)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert(bind(server, (struct sockaddr *)&address, sizeof(address)) == 0);
	assert(listen(server, 64) == 0);
	(void)current(argv[2], &number);
	print_time();
	for (;;) {
		const int client = accept(server, NULL, NULL);
		SSL *ssl = SSL_new(current(argv[2], &number));

		SSL_set_fd(ssl, client);
		if (SSL_accept(ssl) == 1) {
			(void)SSL_shutdown(ssl);
			if (told != number)
				print_time();
			told = number;
		}
		SSL_free(ssl);
		close(client);
	}
}
