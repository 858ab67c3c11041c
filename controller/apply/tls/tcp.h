#pragma once

/*
 * TCP connections with a deadline: plain sockets that do not block, and waiting for them. What
 * is spoken over them is for others (tls.h, ldap-stream.h).
 */

#include <sys/socket.h>

#include "controller/base/arena.h"
#include "controller/base/error.h"

/* "host:port" or "[address]:port" in two. ERROR_CONFIG: it is neither. */
bool tcp_split(struct arena *arena, const char *address, const char **host, const char **port,
		struct error *error) must_check;

/* An IP address, in contrast to a name? */
bool tcp_is_numeric(const char *host);

/* A connected socket, of the caller's. ERROR_RETRY: nobody there, or too late. */
bool tcp_connect(const struct sockaddr *address, socklen_t size, long long deadline, int *fd,
		struct error *error) must_check;

/* The same with the first address behind a name that takes it. */
bool tcp_connect_to(const char *host, const char *port, long long deadline, int *fd,
		struct error *error) must_check;

/* Until the socket can be read (POLLIN) or written (POLLOUT). ERROR_RETRY: not in time. */
bool tcp_wait(int fd, short events, long long deadline, struct error *error) must_check;
