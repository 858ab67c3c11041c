#pragma once

/*
 * The beginnings of passes: their numbers, and their rows in the database. They are kept until it is
 * known that they are on disk. A commit that fails undoes them, and what is then done in such a pass
 * must not go unrecorded, nor be recorded as another one's.
 *
 *         beginnings_write(&beginnings, database, &entry)          its number
 *         beginnings_restore(&beginnings, database)                before anything else is written of one
 *         beginnings_end(&beginnings, pass)                        when it is over
 *         beginnings_committed(&beginnings, good)                  after each commit
 *
 * `{ 0 }` is an empty one, but for `last`.
 */

#include "controller/certdrop/state/database.h"
#include "controller/certdrop/state/journal.h"

struct beginning;

struct beginnings {
	int64_t last; /* the latest number in the database, and then of all */
	struct beginning *first;
	bool undone; /* a commit has failed since they were written */
};

void beginnings_done(struct beginnings *beginnings);

int64_t beginnings_write(struct beginnings *beginnings, struct database *database,
		const struct pass_entry *entry);
void beginnings_restore(struct beginnings *beginnings, struct database *database);
void beginnings_end(struct beginnings *beginnings, int64_t pass);
void beginnings_committed(struct beginnings *beginnings, bool good);
