#pragma once

/*
 * What the tests of http steps share, on top of worker.h and site.h: a question that a worker asks a
 * site, and its answer.
 *
 *         requesting_begin(), requesting_end()       setup and teardown of all tests of a program
 *         site_start(&site)
 *         seen = ask(&c, arena_printf(arena, "\turl %s/x\n\tpick name /name text\n", site.url))
 *         record_text(seen, "name")
 *         site_stop(&site)
 */

#include "tests/unit/site.h"
#include "tests/unit/worker.h"

/* "web.example", whose credential the worker has, and "other.example". */
extern struct pair pair, other;

/* With the files `password`, "s3cret-pass", `token`, "s3cret-token", and `ca.pem`, the certificate of
 * `pair`. */
extern char *directory;

/* Lives as long as all the tests. */
extern struct arena *arena;

int requesting_begin(void **state);
int requesting_end(void **state);

/* A question with these fields, a line each; its answer, which lives as long as the conversation. The
 * pair is handed over with it. */
const struct record *ask(struct conversation *c, const char *fields);

/* "retry", "configuration", ...; the text is somewhere in why it failed. */
void assert_failed(const struct record *answer, const char *kind, const char *says);

/* With commas between them. */
const char *joined(struct words words);
