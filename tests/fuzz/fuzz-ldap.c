/* What a server says before TLS, and the value of an extended operation's response. */
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/apply/deadline.h"
#include "controller/apply/ldap/ldap-value.h"
#include "controller/apply/tls/preamble.h"
#include "tests/fuzz/fuzzing.h"

static void speak(enum preamble preamble, const uint8_t *bytes, size_t length)
{
	struct error error;
	int fds[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	assert(send(fds[1], bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
	/* Whoever asks for more than there is finds the end. */
	assert(shutdown(fds[1], SHUT_WR) == 0);
	if (!preamble_speak(preamble, fds[0], deadline_now() + 10000, &error))
		assert(error.kind == ERROR_RETRY && *error.text);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void read_value(const uint8_t *bytes, size_t length)
{
	autoarena struct arena *arena = arena_new();
	const char *tags[] = { "80", "81", "a2", "04" };
	const struct words wanted = { .items = tags, .count = 4 };
	struct berval value = { .bv_val = arena_copy_bytes(arena, bytes, length),
		.bv_len = length };

	(void)value_texts(arena, &value, wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	read_value(bytes, length);
	if (length == 0)
		return 0;
	speak(PREAMBLE_LDAP, bytes, length);
	speak(PREAMBLE_POSTGRESQL, bytes, length);
	return 0;
}
