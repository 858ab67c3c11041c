#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/base/message.h"

static int pair[2];
static size_t open_before;

/* Descriptors of this process. */
static size_t open_now(void)
{
	DIR *list = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(list);
	while (readdir(list))
		count++;
	(void)closedir(list);
	return count;
}

static int begin(void **state)
{
	struct error error;

	(void)state;
	open_before = open_now();
	return message_pair(pair, &error) ? 0 : -1;
}

/* Whatever was tried, nothing may stay open. */
static int end(void **state)
{
	(void)state;
	owned_close(&pair[0]);
	owned_close(&pair[1]);
	return open_now() == open_before ? 0 : -1;
}

static void send_text(const char *text, const int *fds, size_t count)
{
	struct error error;

	if (!message_send(pair[0], text, fds, count, &error))
		fail_msg("%s", error.text);
}

static void receive(struct message *message)
{
	struct error error = { 0 };

	if (message_receive(pair[1], message, &error) != MESSAGE_GOT)
		fail_msg("no message: %s", error.text);
}

static int file_of(const char *content)
{
	struct error error;
	int fd = -1;

	assert_true(memfd_of("test", content, strlen(content), &fd, &error));
	return fd;
}

static void assert_file(int fd, const char *content)
{
	char bytes[100] = { 0 };

	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), (ssize_t)strlen(content));
	assert_string_equal(bytes, content);
}

static void messages_arrive_whole_and_in_order(void **state)
{
	autodone(message) struct message first = { 0 }, second = { 0 };

	(void)state;
	send_text("go 1\n", NULL, 0);
	send_text("", NULL, 0);
	receive(&first);
	receive(&second);
	assert_string_equal(first.text, "go 1\n");
	assert_int_equal(first.length, 5);
	assert_int_equal(first.fd_count, 0);
	assert_string_equal(second.text, "");
}

static void assert_length_travels(size_t length)
{
	autodone(message) struct message message = { 0 };
	autofree char *text = malloc(length + 1);
	autoclose int fd = file_of("along");

	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + i % 23);
	text[length] = '\0';
	send_text(text, &fd, 1);
	receive(&message);
	assert_int_equal(message.length, length);
	assert_memory_equal(message.text, text, length + 1);
	assert_int_equal(message.fd_count, 1);
	assert_file(message.fds[0], "along");
	assert_true(fcntl(message.fds[0], F_GETFD) & FD_CLOEXEC);
}

static void large_texts_travel_unseen(void **state)
{
	(void)state;
	assert_length_travels(65535);
	assert_length_travels(65536);
	assert_length_travels(65537);
	assert_length_travels(MESSAGE_TEXT_MAX);
}

static void send_many(size_t count, const char *text)
{
	autoclose int fd = file_of("one of many");
	int fds[MESSAGE_FDS_MAX];

	for (size_t i = 0; i < count; i++)
		fds[i] = fd;
	send_text(text, fds, count);
}

static void as_many_descriptors_as_may_travel_with_a_large_text(void **state)
{
	autodone(message) struct message message = { 0 };
	static char text[100001];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	send_many(MESSAGE_FDS_MAX, text);
	receive(&message);
	assert_int_equal(message.length, 100000);
	assert_int_equal(message.fd_count, MESSAGE_FDS_MAX);
	assert_file(message.fds[0], "one of many");
	assert_file(message.fds[MESSAGE_FDS_MAX - 1], "one of many");
}

static void a_descriptor_taken_over_outlives_the_message(void **state)
{
	struct message message = { 0 };
	autoclose int kept = -1;

	(void)state;
	send_many(3, "x");
	receive(&message);
	kept = hand_over_fd(&message.fds[1]);
	message_done(&message);
	assert_file(kept, "one of many");
	assert_null(message.text);
}

static void nothing_there_and_nobody_there_are_told_apart(void **state)
{
	struct message message = { 0 };
	struct error error;

	(void)state;
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(message_receive(pair[1], &message, &error), MESSAGE_NONE_YET);
	send_text("last words", NULL, 0);
	owned_close(&pair[0]);
	pair[0] = -1;
	receive(&message);
	message_done(&message);
	assert_int_equal(message_receive(pair[1], &message, &error), MESSAGE_PEER_GONE);
	assert_false(message_send(pair[1], "anybody?", NULL, 0, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
}

static void a_peer_that_does_not_read_is_an_error_not_a_wait(void **state)
{
	char text[60001] = { 0 };
	struct error error;
	int sent = 0;

	(void)state;
	memset(text, 'x', 60000);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	while (sent < 10000 && message_send(pair[0], text, NULL, 0, &error))
		sent++;
	assert_in_range(sent, 1, 9999);
	assert_int_equal(error.kind, ERROR_RETRY);
}

/* ---- what a peer may send that message_send() does not ---- */

static void send_raw(const void *bytes, size_t length, const int *fds, size_t count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 253)] = { 0 };
	struct iovec part = { .iov_base = (void *)(size_t)bytes, .iov_len = length };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		packet.msg_control = control;
		packet.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
	}
	assert_int_equal(sendmsg(pair[0], &packet, 0), (ssize_t)length);
}

static void assert_refused(void)
{
	struct message message = { 0 };
	struct error error;

	assert_int_equal(message_receive(pair[1], &message, &error), MESSAGE_FAILED);
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_null(message.text);
	assert_int_equal(message.fd_count, 0);
	assert_int_equal(open_now(), open_before + 2);
}

static void a_message_that_was_cut_is_refused(void **state)
{
	autofree char *large = malloc(70000);
	autodone(message) struct message next = { 0 };

	(void)state;
	memset(large, 'i', 70000);
	send_raw(large, 70000, NULL, 0);
	assert_refused();
	send_text("the next one is whole", NULL, 0);
	receive(&next);
	assert_string_equal(next.text, "the next one is whole");
}

static void descriptors_beyond_the_limit_are_refused_and_closed(void **state)
{
	int fds[253];
	int fd;

	(void)state;
	fd = file_of("x");
	for (size_t i = 0; i < 253; i++)
		fds[i] = fd;
	send_raw("itext", 5, fds, 253);
	owned_close(&fd);
	assert_refused();
}

static void a_text_with_a_nul_is_refused(void **state)
{
	(void)state;
	send_raw("igo\0 1", 6, NULL, 0);
	assert_refused();
}

static void a_large_text_that_is_not_there_is_refused(void **state)
{
	int pipes[2];
	int fd;

	(void)state;
	send_raw("m", 1, NULL, 0);
	assert_refused();

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	send_raw("m", 1, pipes, 1);
	owned_close(&pipes[0]);
	owned_close(&pipes[1]);
	assert_refused();

	fd = memfd_create("large", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, MESSAGE_TEXT_MAX + 1), 0);
	send_raw("m", 1, &fd, 1);
	owned_close(&fd);
	assert_refused();
}

static void a_sealed_file_cannot_be_changed(void **state)
{
	autoclose int fd = file_of("as it is");

	(void)state;
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 100), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_file(fd, "as it is");
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(messages_arrive_whole_and_in_order),
		claim(large_texts_travel_unseen),
		claim(as_many_descriptors_as_may_travel_with_a_large_text),
		claim(a_descriptor_taken_over_outlives_the_message),
		claim(nothing_there_and_nobody_there_are_told_apart),
		claim(a_peer_that_does_not_read_is_an_error_not_a_wait),
		claim(a_message_that_was_cut_is_refused),
		claim(descriptors_beyond_the_limit_are_refused_and_closed),
		claim(a_text_with_a_nul_is_refused),
		claim(a_large_text_that_is_not_there_is_refused),
		claim(a_sealed_file_cannot_be_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
