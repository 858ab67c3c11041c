/*
 * certdrop-inspect: turns hostile bytes into facts. Started by the controller ahead of
 * need, with a socket as its standard input (protocol.h); not for people.
 */

#include <stdlib.h>
#include <unistd.h>

#include "controller/base/arena.h"
#include "controller/base/log.h"
#include "controller/base/message.h"
#include "controller/base/wiping.h"
#include "controller/inspect/crypto.h"
#include "controller/inspect/inspect.h"
#include "controller/inspect/sandbox.h"
#include "controller/model/record.h"

static void write_failure(const struct error *error, struct buffer *text)
{
	autoarena struct arena *arena = arena_new();

	record_print(record_new(arena, "failed", error_kind_name(error->kind), error->text, NULL),
			text);
}

static bool answer(const struct message *request, struct error *error)
{
	autodone(inspect_reply) struct inspect_reply reply = { 0 };
	struct error cause;

	sandbox_renew();
	if (!inspect_request(request, &reply, &cause))
		write_failure(&cause, &reply.text);
	return message_send(
			STDIN_FILENO, buffer_text(&reply.text), reply.fds, reply.fd_count, error);
}

/* Until the controller closes the socket. */
static bool serve(struct error *error)
{
	for (;;) {
		autodone(message) struct message request = { 0 };

		switch (message_receive(STDIN_FILENO, &request, error)) {
		case MESSAGE_GOT:
			if (!answer(&request, error))
				return false;
			break;
		case MESSAGE_PEER_GONE:
			return true;
		case MESSAGE_NONE_YET:
			return fail(error, ERROR_INTERNAL,
					"standard input must be a blocking socket");
		case MESSAGE_FAILED:
			return false;
		}
	}
}

int main(void)
{
	struct error error;

	wiping_for_openssl();
	if (crypto_init(&error) && sandbox_enter(&error) && serve(&error))
		return EXIT_SUCCESS;
	log_error("certdrop-inspect: %s", error.text);
	return EXIT_FAILURE;
}
