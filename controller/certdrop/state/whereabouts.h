#pragma once

/*
 * Is a file that is held open still where it was opened? Who removes or replaces it takes nothing away
 * from whoever has it open; but nobody else will find again what is written to it from then on. As
 * long as it is held its inode's number is given to no other file.
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "controller/base/error.h"

struct whereabouts {
	char *path;
	const char *called; /* "it", in the sentence that tells of it */
	struct stat facts;
	bool known; /* it was there */
};

/* Of what was opened just now; whereabouts_done() frees the copy of the path. */
struct whereabouts whereabouts_of(const char *path, const char *called);
void whereabouts_done(struct whereabouts *file);

/* ERROR_CONFIG: it was removed, or replaced; the text says what to do. */
bool whereabouts_hold(const struct whereabouts *file, struct error *error) must_check;
