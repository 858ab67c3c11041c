#pragma once

/*
 * Bytes that nobody may see: a private key, a passphrase. `{ 0 }` is an empty one.
 *
 *         autodone(secret) struct secret key = { 0 };
 *
 *         if (!secret_read(&key, fd, limit, error)) ...
 *
 * The memory is outside of core dumps (MADV_DONTDUMP), locked where the limits allow it,
 * and cleansed before it goes back, also when it has to grow. There is no printer, on
 * purpose.
 */

#include <stddef.h>

#include "controller/base/error.h"
#include "controller/base/owned.h"

struct secret {
	unsigned char *bytes; /* NUL-terminated beyond `length` */
	size_t length, size;
};

void secret_done(struct secret *secret);

void secret_append(struct secret *secret, const void *bytes, size_t length);

/* Everything from the start of `fd` to its end (pread: the offset stays).
 * ERROR_INPUT: more than `limit` bytes. ERROR_RETRY: the read failed. */
bool secret_read(struct secret *secret, int fd, size_t limit, struct error *error) must_check;

/* The first line of the file at `path`, without its line end: a passphrase file.
 * ERROR_CONFIG: it cannot be opened or read, is empty, or has more than 1024 bytes. */
bool secret_read_line(struct secret *secret, const char *path, struct error *error) must_check;
