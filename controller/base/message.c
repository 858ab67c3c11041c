#define _GNU_SOURCE
#include "controller/base/message.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "controller/base/file.h"

/* The first byte of a packet says where the text is. */
enum { TEXT_INLINE = 'i', TEXT_IN_MEMFD = 'm', INLINE_MAX = 64 * 1024 };

void message_done(struct message *message)
{
	free(message->text);
	for (size_t i = 0; i < message->fd_count; i++)
		owned_close(&message->fds[i]);
	*message = (struct message){ 0 };
}

bool message_pair(int fds[2], struct error *error)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return fail(error, ERROR_RETRY, "socket pair: %s", strerror(errno));
	return true;
}

bool message_connect(const char *path, int *fd, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int made = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(error, ERROR_CONFIG, "connect to %s: the path is too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0 || connect(made, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail(error, ERROR_RETRY, "connect to %s: %s", path, strerror(errno));
	*fd = hand_over_fd(&made);
	return true;
}

bool memfd_seal(int fd, struct error *error)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return fail(error, ERROR_RETRY, "seal a memory file: %s", strerror(errno));
	return true;
}

bool memfd_of(const char *name, const void *bytes, size_t length, int *fd, struct error *error)
{
	autoclose int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (made < 0)
		return fail(error, ERROR_RETRY, "memory file: %s", strerror(errno));
	if (!file_write(made, bytes, length, error) || !memfd_seal(made, error))
		return false;
	if (lseek(made, 0, SEEK_SET) < 0)
		return fail(error, ERROR_RETRY, "memory file: %s", strerror(errno));
	*fd = hand_over_fd(&made);
	return true;
}

static bool send_packet(int fd, char where, struct iovec text, const int *fds, size_t fd_count,
		struct error *error)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (MESSAGE_FDS_MAX + 1))] = {
		0
	};
	struct iovec parts[2] = {
		{ .iov_base = &where, .iov_len = 1 },
		text,
	};
	struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	if (fd_count > 0) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		packet.msg_control = control;
		packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
	}
	do
		sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return fail(error, ERROR_RETRY, "send: %s", strerror(errno));
	return true;
}

bool message_send(int fd, const char *text, const int *fds, size_t fd_count, struct error *error)
{
	const size_t length = strlen(text);
	int all[MESSAGE_FDS_MAX + 1];
	const struct iovec inside = { .iov_base = (void *)(size_t)text, .iov_len = length };
	const struct iovec nothing = { .iov_base = NULL };
	autoclose int body = -1;

	assert(length <= MESSAGE_TEXT_MAX && fd_count <= MESSAGE_FDS_MAX);
	if (length <= INLINE_MAX)
		return send_packet(fd, TEXT_INLINE, inside, fds, fd_count, error);

	if (!memfd_of("message", text, length, &body, error))
		return false;
	if (fd_count > 0)
		memcpy(all, fds, sizeof(int) * fd_count);
	all[fd_count] = body;
	return send_packet(fd, TEXT_IN_MEMFD, nothing, all, fd_count + 1, error);
}

static void take_descriptor(int fd, struct message *message, int *body)
{
	if (message->fd_count < MESSAGE_FDS_MAX) {
		message->fds[message->fd_count++] = fd;
		return;
	}
	/* Padding leaves room for one more than was meant. */
	owned_close(body);
	*body = fd;
}

/* All descriptors that came along; whatever does not fit into the message is closed. */
static void take_descriptors(struct msghdr *packet, struct message *message, int *body)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(packet); h; h = CMSG_NXTHDR(packet, h)) {
		const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			take_descriptor(fd, message, body);
		}
	}
}

static bool read_body(int fd, struct message *message, struct error *error)
{
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) < 0 || facts.st_size > MESSAGE_TEXT_MAX)
		return fail(error, ERROR_RETRY, "a message without a usable text");
	message->length = (size_t)facts.st_size;
	message->text = calloc(1, message->length + 1);
	assert(message->text);
	if (pread(fd, message->text, message->length, 0) != (ssize_t)message->length)
		return fail(error, ERROR_RETRY, "a message whose text cannot be read");
	return true;
}

static enum message_outcome unpack(struct msghdr *packet, const char *bytes, size_t length,
		struct message *message, struct error *error)
{
	autoclose int body = -1;
	bool whole = !(packet->msg_flags & (MSG_TRUNC | MSG_CTRUNC));

	take_descriptors(packet, message, &body);
	if (bytes[0] == TEXT_IN_MEMFD && whole) {
		if (body < 0 && message->fd_count > 0)
			body = message->fds[--message->fd_count];
		whole = read_body(body, message, error);
	} else {
		message->length = length - 1;
		message->text = calloc(1, length);
		assert(message->text);
		memcpy(message->text, bytes + 1, length - 1);
	}
	if (whole && !memchr(message->text, '\0', message->length))
		return MESSAGE_GOT;

	message_done(message);
	(void)fail(error, ERROR_RETRY, "a message arrived cut short or damaged");
	return MESSAGE_FAILED;
}

enum message_outcome message_receive(int fd, struct message *message, struct error *error)
{
	static _Thread_local char bytes[INLINE_MAX + 1];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (MESSAGE_FDS_MAX + 1))];
	struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t length;

	*message = (struct message){ 0 };
	do
		length = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);

	if (length < 0 && errno == EAGAIN)
		return MESSAGE_NONE_YET;
	if (length == 0 || (length < 0 && (errno == ECONNRESET || errno == EPIPE)))
		return MESSAGE_PEER_GONE;
	if (length < 0) {
		(void)fail(error, ERROR_RETRY, "receive: %s", strerror(errno));
		return MESSAGE_FAILED;
	}
	return unpack(&packet, bytes, (size_t)length, message, error);
}
