#pragma once

/*
 * Names of files in watched directories: which are left alone, and how one is shown.
 */

#include <stdbool.h>

#include "controller/base/arena.h"

/* Ours (receipt.json, *.receipt.json, whatever starts with a dot), and those that tools use for
 * what is not finished: endings ~ .tmp .part .filepart .swp .crdownload. */
bool filename_ignored(const char *name);

/* As controller/base/printable.h has it, and never cut. */
const char *filename_shown(struct arena *arena, const char *name);
