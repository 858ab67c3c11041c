#pragma once

/*
 * What the tests of publishing share: a place to publish at, two credentials, and plans that put
 * them there.
 *
 *         scene_begin(state), scene_end(state)       setup and teardown of each test
 *         replaces = before_ours(scene, "link")
 *         plan = file_plan(scene, &scene->new, "link", "g-new", replaces, "")
 *         expect_end(scene, plan, "applied")
 *         assert_serves(scene, &scene->new)
 *
 * All texts are the scene's.
 */

#include "tests/unit/worker.h"

/* A directory, an old and a new credential, and plans for DIRECTORY/web. */
struct scene {
	struct arena *arena;
	char *directory;
	const char *place;
	struct pair old, new;
};

int scene_begin(void **state);
int scene_end(void **state);

/* ---- plans ---- */

/* One that publishes cert.pem and key.pem; `more`: further fields of the step, and steps. */
const char *file_plan(struct scene *s, const struct pair *pair, const char *method,
		const char *generation, const char *replaces, const char *more);

/* Has it carried out, with both credentials at hand. */
void take(struct scene *s, struct conversation *c, const char *plan, long away_at);

/* The same, and how it has to end. */
void expect_end(struct scene *s, const char *plan, const char *end);

/* `begun`: "begun 0", the steps to be put back. */
void expect_undone(struct scene *s, const char *plan, const char *begun);

/* ---- what is there ---- */

/* The one field of the look's answer; NULL when it is not there. */
const char *looked(struct scene *s, const char *method, const char *field);

void assert_serves(struct scene *s, const struct pair *pair);

/* All there is about what a place holds, links and owners included. */
const char *snapshot(struct scene *s);

/* ---- what was there before; each gives what a step has to replace ---- */

const char *before_nothing(struct scene *s, const char *method);
const char *before_ours(struct scene *s, const char *method);
const char *before_foreign(struct scene *s, const char *method);
const char *before_drifted(struct scene *s, const char *method);
