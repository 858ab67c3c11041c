#pragma once

/*
 * What the tests of certdrop-inspect share: a request put together file by file, and the
 * reply, read.
 *
 *         autodone(asking) struct asking asking = { 0 };
 *
 *         ask_file(&asking, "a.pem", &text);
 *         ask(&asking);
 *         assert_string_equal(state_of(&asking, "a.pem"), "sound");
 */

#include "controller/base/arena.h"
#include "controller/inspect/inspect.h"
#include "controller/model/credential.h"
#include "controller/model/record.h"
#include "tests/unit/material.h"

struct asking {
	struct arena *arena;
	struct buffer text; /* of the request */
	int fds[INSPECT_FILES_MAX + 8];
	size_t fd_count;
	long long arrived; /* counted up with each file */
	struct inspect_reply reply;
	struct records records; /* of the reply */
};

void asking_done(struct asking *asking);

void ask_rule(struct asking *asking, const char *rule); /* one line */
void ask_bytes(struct asking *asking, const char *name, const void *bytes, size_t length);
void ask_file(struct asking *asking, const char *name, const struct buffer *content);
void ask_certificate(struct asking *asking, const char *name, const struct identity *who);
void ask_key(struct asking *asking, const char *name,
		const struct identity *who); /* in PEM, plain */
void ask_passphrases(struct asking *asking, const char *lines);
void ask_authorities(struct asking *asking, const struct buffer *pem);

/* Sends the request to inspect_request(); the test fails if that fails. */
void ask(struct asking *asking);
bool ask_badly(struct asking *asking, struct error *error); /* what it returns */

/* "" where there is none. */
const char *state_of(const struct asking *asking, const char *file);
const char *sentence_of(const struct asking *asking, const char *file);
const char *first_missing(const struct asking *asking);
const char *first_refused(const struct asking *asking);

size_t credentials_in(const struct asking *asking);

/* The first credential, from its file. */
void read_credential(struct asking *asking, struct credential *credential, const char **parts);
