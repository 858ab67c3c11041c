#pragma once

/*
 * A worker for tests: the job loop of certdrop-apply in a thread, and a controller that
 * gives every go-ahead, or goes away at a message of its choice.
 */

#include "controller/base/buffer.h"
#include "controller/model/record.h"
#include "tests/unit/pair.h"

enum { NEVER = -1 };

struct conversation {
	struct arena *arena;
	struct records said; /* all that the worker said */
	const char *end; /* "applied", ...; NULL when the controller went away */
};

void conversation_done(struct conversation *conversation);

/* "work apply", "work undo\n\tbegun 0 1"; the plan; `pairs` whose credentials are handed
 * over, NULL at the end; the number of the message at which the controller goes away
 * instead of answering it. */
void converse(struct conversation *conversation, const char *work, const char *plan,
		struct pair *const *pairs, long away_at);

/* The steps said to be begun, as "begun 0 2", for an undo. */
const char *begun_in(const struct conversation *conversation);

/* The text of the first "failed" message, "" when there is none. */
const char *failure_in(const struct conversation *conversation);

/* A new directory below /tmp, and its end. */
char *directory_new(void);
void directory_gone(char *path);

/* printf into a path below the directory's arena-less life: freed by the caller. */
void write_text(const char *path, const char *text);
char *read_text(const char *path); /* NULL: cannot be read */
