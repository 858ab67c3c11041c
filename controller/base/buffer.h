#pragma once

/*
 * A text or byte string that grows. `{ 0 }` is an empty one; buffer_done() releases it.
 *
 *         autodone(buffer) struct buffer text = { 0 };
 *
 *         buffer_printf(&text, "target %s\n", name);
 *         write(fd, text.bytes, text.length);
 *
 * `bytes` is NUL-terminated as soon as anything was appended, and NULL before. Appending
 * never fails: out of memory ends the process. Not for secrets: see secret.h.
 */

#include <stddef.h>

#include "controller/base/error.h"
#include "controller/base/owned.h"

struct buffer {
	char *bytes;
	size_t length, size;
};

void buffer_done(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* empty again, memory kept */
void buffer_cut(struct buffer *buffer, size_t length); /* back to its first `length` bytes */

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_add(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...) printf_like(2, 3);

/* The text so far, "" when there is none. */
const char *buffer_text(const struct buffer *buffer);
