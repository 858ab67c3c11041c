#pragma once

/*
 * For what reads files by name: a directory of the fuzz target's own, made below TMPDIR when it is
 * first asked for. Whoever starts the target removes TMPDIR (tests/fuzz/run does).
 */

#include <stddef.h>
#include <stdint.h>

/* Its path. */
const char *scratch(void);

/* Puts a file there; its path, good until the next call. */
const char *scratch_write(const char *name, const uint8_t *bytes, size_t length);
