#pragma once

/*
 * The controller: decides and remembers. One event loop (libuv) with descriptors, timers and
 * children; nothing in it blocks but the commit.
 *
 *         controller_open(&settings, error)     state, store, journal, directories
 *         controller_start(controller)          begins: what a crash left is taken up first
 *         uv_run(loop)                          until controller_stop()
 *         controller_close(controller)
 *
 * What must only happen once something is on disk waits for the commit: see turn.h.
 */

#include <uv.h>

#include "controller/base/error.h"
#include "controller/certdrop/children/pool.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/subject/subject.h"

struct intake;
struct journal;
struct store;
struct feed;
struct strays;

/* Something to do once what was written so far is on disk. Embedded in
 * whoever waits; queued at most once. */
struct after_commit {
	void (*done)(struct after_commit *waiting, bool committed);
	bool can_wait; /* nobody waits for it: it may come a little later, and last */
	bool queued;
	struct after_commit *next;
};

/* Told of each change of a subject, and (NULL) when something has ended; until removed. */
struct observer {
	void (*changed)(struct observer *observer, struct subject *subject);
	struct observer *next;
};

enum controller_mode {
	MODE_SERVICE, /* watch, until stopped */
	MODE_ONCE, /* what is due now, then stop */
	MODE_DRY, /* find out what would be done: nothing is written, taken away or changed */
};

struct controller {
	uv_loop_t *loop;
	enum controller_mode mode;
	struct config *config;
	struct journal *journal;
	struct store *store;
	struct intake *intake;
	struct pool *inspectors, *workers;

	struct subject **subjects; /* in the order of the configuration */
	size_t subject_count;
	struct feed **feeds;
	size_t feed_count;
	struct strays *strays; /* strays.h; NULL: not looked for yet */

	struct subject *first_due, *last_due;
	int passes; /* under way */
	int blocked; /* subjects for which others come first */

	struct after_commit *waiting, **last_waiting;
	struct observer *observers;
	char *degraded; /* why the state cannot be written; NULL: all is well */
	bool mended; /* it could not, and nobody was told yet that it can */

	long long pruned_ms; /* when the store was last looked through; clock_monotonic_ms() */

	uv_prepare_t turn;
	uv_timer_t commit;
	uv_poll_t *events; /* on the intake's descriptor; NULL: it polls */
	uv_timer_t rescan;
	bool starting, begin_nothing, stopping;
};

struct controller *controller_open(uv_loop_t *loop, struct config *config,
		enum controller_mode mode, struct error *error);
void controller_start(struct controller *controller);

/* No further pass is begun; those under way come to their end. */
void controller_begin_nothing(struct controller *controller);

/* Everything is let go of at once: a change that is under way is left to
 * recovery. The loop then runs dry. */
void controller_stop(struct controller *controller);
void controller_close(struct controller *controller);

struct subject *controller_find(const struct controller *controller, const char *target);

/* The subject is looked at as soon as there is a free place. */
void controller_due(struct controller *controller, struct subject *subject);

/* Something came that may be for the subject: if there is a free place a pass begins ahead (pass.h).
 * controller_due() lets it go on; controller_not_due(): nothing came of it. */
void controller_expect(struct controller *controller, struct subject *subject);
void controller_not_due(struct subject *subject);

/* All of these; first those whose change others have not been told of yet. */
void controller_due_all(
		struct controller *controller, struct subject *const *subjects, size_t count);

/* A pass ended: there is a free place. */
void controller_pass_ended(struct controller *controller);

void controller_after_commit(struct controller *controller, struct after_commit *waiting);
void controller_forget(struct controller *controller, struct after_commit *waiting);

/* A subject has something to tell: its receipt, and whoever observes. */
void controller_tell(struct controller *controller, struct subject *subject);
void controller_observe(struct controller *controller, struct observer *observer);
void controller_unobserve(struct controller *controller, struct observer *observer);

/* A pass or an inspection has ended: the observers are told, with no subject. */
void controller_ended(struct controller *controller);

/* Looks at all directories now. */
void controller_rescan(struct controller *controller);
