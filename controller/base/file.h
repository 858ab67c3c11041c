#pragma once

/*
 * Files, whole: reading one with a limit, writing one so that after a power cut there is
 * the old one or the new one (write beside, fsync, rename, fsync of the directory). After
 * a failed write or fsync the new file is discarded: its pages may be marked clean
 * without being on disk, so trying again on the same descriptor would lie.
 */

#include <stddef.h>
#include <sys/types.h>

#include "controller/base/buffer.h"
#include "controller/base/error.h"

/* All of it, or an error: short writes are continued, EINTR is not one. */
bool file_write(int fd, const void *bytes, size_t length, struct error *error) must_check;

/* Appends the file at `path` (below `directory`, or AT_FDCWD) to `text`. ERROR_CONFIG: it
 * cannot be opened or read, or has more than `limit` bytes. */
bool file_read(int directory, const char *path, size_t limit, struct buffer *text,
		struct error *error) must_check;

/* Replaces `name` in the open `directory`, durably. `mode` is set before the name
 * appears. */
bool file_replace(int directory, const char *name, const void *bytes, size_t length, mode_t mode,
		struct error *error) must_check;

/* The same for what is true for a moment only: readers see the old or the new file, but a
 * power cut may leave neither. */
bool file_replace_briefly(int directory, const char *name, const void *bytes, size_t length,
		mode_t mode, struct error *error) must_check;

/* Has anybody the file behind `fd`, a descriptor for reading only, open for writing? false, too, where
 * that cannot be told: it is another user's, or its file system knows no leases (fcntl(2)). */
bool file_has_writer(int fd);

/* Creates a directory and those above it that are missing, with `mode`; or only those above.
 * ERROR_CONFIG: one of them cannot be created. */
bool directory_make(const char *path, mode_t mode, struct error *error) must_check;
bool directory_make_above(const char *path, mode_t mode, struct error *error) must_check;
