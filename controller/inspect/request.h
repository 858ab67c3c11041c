#pragma once

/*
 * A request (protocol.h) read: its files looked into, its passphrases and authorities at
 * hand. Errors as in inspect.h.
 */

#include "controller/base/message.h"
#include "controller/inspect/findings.h"
#include "controller/inspect/protocol.h"
#include "controller/model/record.h"

struct request {
	struct records records; /* in the findings' arena */
	struct findings findings; /* of the files */
	struct input inputs[INSPECT_FILES_MAX];
	int fds[INSPECT_FILES_MAX]; /* of the inputs; they are the message's */
	size_t input_count;
	struct passphrases passphrases, key_passphrases;
	struct findings authorities;
	bool has_authorities;
};

void request_done(struct request *request); /* a zeroed one, too */

bool request_read(const struct message *message, struct request *request,
		struct error *error) must_check;
