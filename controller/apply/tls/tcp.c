#define _GNU_SOURCE
#include "controller/apply/tls/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/base/owned.h"

static void addrinfo_done(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

bool tcp_split(struct arena *arena, const char *address, const char **host, const char **port,
		struct error *error)
{
	const char *colon = address ? strrchr(address, ':') : NULL;
	size_t length;

	if (!colon || colon == address || !colon[1])
		return fail(error, ERROR_CONFIG, "\"%s\" is not host:port", address ? address : "");
	length = (size_t)(colon - address);
	*port = colon + 1;
	if (address[0] == '[' && address[length - 1] == ']')
		*host = arena_copy_bytes(arena, address + 1, length - 2);
	else
		*host = arena_copy_bytes(arena, address, length);
	return true;
}

bool tcp_is_numeric(const char *host)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };
	autodone(addrinfo) struct addrinfo *list = NULL;

	return getaddrinfo(host, NULL, &hints, &list) == 0;
}

bool tcp_wait(int fd, short events, long long deadline, struct error *error)
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

bool tcp_connect(const struct sockaddr *address, socklen_t size, long long deadline, int *fd,
		struct error *error)
{
	autoclose int made =
			socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int at_once = 1;
	int result = 0;
	socklen_t result_size = sizeof(result);

	if (made < 0)
		return fail(error, ERROR_RETRY, "socket: %s", strerror(errno));
	(void)setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
	if (connect(made, address, size) < 0 && errno != EINPROGRESS)
		return fail(error, ERROR_RETRY, "connect: %s", strerror(errno));
	if (!tcp_wait(made, POLLOUT, deadline, error))
		return fail_while(error, "connect");
	if (getsockopt(made, SOL_SOCKET, SO_ERROR, &result, &result_size) < 0 || result != 0)
		return fail(error, ERROR_RETRY, "connect: %s", strerror(result));
	*fd = hand_over_fd(&made);
	return true;
}

bool tcp_connect_to(const char *host, const char *port, long long deadline, int *fd,
		struct error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	autodone(addrinfo) struct addrinfo *list = NULL;
	const int result = getaddrinfo(host, port, &hints, &list);

	if (result != 0)
		return fail(error, ERROR_RETRY, "%s", gai_strerror(result));
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		if (tcp_connect(a->ai_addr, a->ai_addrlen, deadline, fd, error))
			return true;
	return false;
}
