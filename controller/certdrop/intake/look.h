#pragma once

/*
 * Looking at a directory: one pass over its entries with one stat each, no file opened and
 * nothing allocated. The outcome is a mark: two directories with equal marks hold the
 * same names, and the same versions behind them.
 *
 * The mark is a sum of keyed hashes, so that the order of entries does not matter and
 * nobody can prepare two sets of files that look alike.
 */

#include <stdint.h>
#include <sys/stat.h>

#include "controller/base/error.h"
#include "controller/certdrop/intake/intake.h"

struct mark {
	uint64_t names; /* names, what kind they are of, their own inodes */
	uint64_t all; /* and owner, mode, links, size, times, of what a link leads to as well */
};

struct sighting {
	const char *name; /* valid during the call */
	bool link; /* the entry itself is a symbolic link... */
	bool dangling; /* ...that leads nowhere */
	struct stat status; /* of the file, of what a link leads to, or of the link; zeroed when it
			     * may not be looked at: who opens it learns why */
};

struct look {
	int directory; /* open for reading: its offset is moved */
	bool links; /* look behind symbolic links too */
	size_t limit; /* entries */
	void (*see)(void *context, const struct sighting *sighting); /* NULL: just the mark */
	void *context;

	/* filled in */
	struct mark mark;
	bool cut_short; /* there were more entries than the limit */
	bool unsettled; /* something changed so recently that another change might bear the same
			 * time: this mark proves nothing later */
};

/* ERROR_RETRY: the directory cannot be read. */
bool look(struct look *look, struct error *error) must_check;

struct identity identity_of(const struct stat *status);
bool identity_equal(const struct identity *one, const struct identity *other);

/* The later of mtime and ctime. */
long long arrival_of(const struct stat *status);

/* Adds a text to a mark. */
void mark_add_text(struct mark *mark, const char *text);
