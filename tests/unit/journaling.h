#pragma once

/*
 * What the tests of the journal share: one that is open, in a directory of its own.
 *
 *         journaling_begin(), journaling_end()       setup and teardown of each test
 *         journal_remember(journal, "web", &sample)
 *         commit()
 *         open_again()                               as after a restart
 */

#include "controller/certdrop/state/journal.h"

extern char directory[64];
extern struct journal *journal; /* whoever closes it sets it to NULL, or opens another one */
extern struct arena *arena; /* lives as long as the test */

/* All that can be remembered of a target. */
extern const struct remembered sample;

/* What is left in the directory is removed; it must be the journal's, and what is moved aside. */
int journaling_begin(void **state);
int journaling_end(void **state);

/* A path in the directory; it lives as long as the test. */
const char *path_of(const char *name);

/* Closes it, if it is open, without a commit, and opens it; nothing may be wrong with it. */
void open_again(void);

/* It must succeed. */
void commit(void);
