#pragma once

/*
 * Messages between the programs: a text and some descriptors, over a SOCK_SEQPACKET pair,
 * so that a message arrives whole or not at all.
 *
 *         message_pair(fds)                         once, by the parent; or
 *         message_connect(path, &fd)                to somebody who listens
 *         message_send(fd, text, fds, n)            either side
 *         message_receive(fd, &message)             either side; then message_done()
 *
 * The text is made of records (controller/model/record.h), at most MESSAGE_TEXT_MAX
 * bytes; a text over 64 KiB travels in a memfd, unseen by the caller. At most
 * MESSAGE_FDS_MAX descriptors. They are sealed memfds or files that the receiver may only
 * read.
 */

#include <stddef.h>

#include "controller/base/error.h"
#include "controller/base/owned.h"

enum { MESSAGE_TEXT_MAX = 4 << 20, MESSAGE_FDS_MAX = 200 };

struct message {
	char *text; /* NUL-terminated; never NULL after a successful receive */
	size_t length;
	int fds[MESSAGE_FDS_MAX]; /* take one with hand_over_fd(), or it is closed with the message */
	size_t fd_count;
};

void message_done(struct message *message);

bool message_pair(int fds[2], struct error *error) must_check;

/* A non-blocking socket, connected to the one at `path`. ERROR_RETRY: nobody listens there, or
 * too many wait to be heard. ERROR_CONFIG: the path is too long. */
bool message_connect(const char *path, int *fd, struct error *error) must_check;

/* Sends; the descriptors stay the caller's. Blocks on a blocking socket; on a
 * non-blocking one a full socket is an error too (the peer does not read). ERROR_RETRY:
 * the peer is gone or full. */
bool message_send(int fd, const char *text, const int *fds, size_t fd_count,
		struct error *error) must_check;

enum message_outcome { MESSAGE_GOT, MESSAGE_NONE_YET, MESSAGE_PEER_GONE, MESSAGE_FAILED };

/* Receives one message into a zeroed or done struct. MESSAGE_NONE_YET only on a
 * non-blocking socket; `error` is filled in for MESSAGE_FAILED. */
enum message_outcome message_receive(
		int fd, struct message *message, struct error *error) must_check;

/* A sealed memfd with these bytes, offset 0. `name` is for /proc only. */
bool memfd_of(const char *name, const void *bytes, size_t length, int *fd,
		struct error *error) must_check;

/* No more writing, growing or shrinking. */
bool memfd_seal(int fd, struct error *error) must_check;
