#pragma once

/*
 * Contents: the byte strings that steps put somewhere, by the names that model/step.h
 * lists. They come out of the credential files that the controller handed over, and out of
 * the plan's make steps, which are carried out when the first step asks for what they make.
 *
 *         contents_new(plan)                       once for each job
 *         contents_add(contents, fd, error)        once for each credential file
 *         contents_get(contents, name, &content, error)
 *         contents_free(contents)
 *
 * A name stands for the plan's credential; "predecessor:" in front of it, for the plan's
 * predecessor. What contents_get() gives stays where it is until contents_free(). It can
 * be called from several threads.
 */

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/secret.h"
#include "controller/model/plan.h"

struct contents;

struct content {
	const char *bytes;
	size_t length;
};

struct contents *contents_new(const struct plan *plan);
void contents_free(struct contents *contents); /* NULL is allowed */

/* Adds the credential file behind `fd` (the descriptor stays the caller's).
 * ERROR_INTERNAL: it is not one, or it is damaged. */
bool contents_add(struct contents *contents, int fd, struct error *error) must_check;

/* ERROR_INPUT: the credential has no such part. ERROR_INTERNAL: there is no content of
 * that name, or its credential was not handed over. Or what making it fails with. */
bool contents_get(struct contents *contents, const char *name, struct content *content,
		struct error *error) must_check;

/* The first line of a password file. Like the keys it is hidden from all output.
 * ERROR_CONFIG: the file cannot be used. */
bool contents_password(struct contents *contents, const char *path, struct content *password,
		struct error *error) must_check;

/* Makes foreign output fit to be shown: private key blocks, long base64, everything that
 * is part of a key or password known here, and control characters are replaced. */
void contents_hide(struct contents *contents, struct buffer *text);
