#pragma once

/*
 * One request answered, as protocol.h describes both: the files are read, certificates
 * and keys paired and proven, chains put in order, the rules applied, and what is good
 * written down as credential files.
 *
 *         crypto_init(&error)
 *         inspect_request(&request, &reply, &error)       any number of times
 *         inspect_reply_done(&reply)
 *
 * Works without the sandbox too (tests, fuzzing). Nothing is kept from one request to the
 * next. ERROR_INTERNAL: the request itself is not of its form. ERROR_CONFIG: the
 * authorities file or the passphrases are no such thing. ERROR_RETRY: a descriptor cannot
 * be read, or there is no memory for a reply.
 */

#include "controller/base/buffer.h"
#include "controller/base/error.h"
#include "controller/base/message.h"
#include "controller/inspect/protocol.h"

struct inspect_reply {
	struct buffer text;
	int fds[INSPECT_CREDENTIALS_MAX];
	size_t fd_count;
};

void inspect_reply_done(struct inspect_reply *reply);

bool inspect_request(const struct message *request, struct inspect_reply *reply,
		struct error *error) must_check;
