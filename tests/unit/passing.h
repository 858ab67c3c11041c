#pragma once

/*
 * What the tests of passes share, on top of controlling.h: what the worker says and finds, passes
 * that are run to their end, and what is claimed of them afterwards.
 *
 *         passing_begin(), controlling_end()         setup and teardown of each test; the worker
 *                                                    finds "old" installed
 *         start_controller(MODE_ONCE)
 *         wanted = want(here.subject, "wanted")
 *         part("worker.apply", works)
 *         watch(wanted->fingerprint)                 once it is carried out, this is installed
 *         run_pass()
 *         controller_unobserve(here.controller, &watcher.observer)
 *         assert_state(here.subject, STATE_IN_SERVICE)
 */

#include "tests/unit/controlling.h"

/* ---- what the worker says, as parts for part() ---- */

/* For "worker.apply": the change step and the finish step succeed; so does a follow-up, which marks
 * "restarted"; the change succeeds, but the finish step fails. */
extern const char works[], restarts[], told_nobody[];

/* For "worker.undo": all is put back, and "put-back" marked. */
extern const char put_it_back[];

/* ---- what the worker finds, and what is wanted ---- */

int passing_begin(void **state);

/* The worker finds this installed from now on, until so many seconds since 1970; `more` is put below
 * its answer, each line as "\\tremains restart\\n". */
void install(const char *fingerprint, long long not_after, const char *more);

/* It finds this, and that a follow-up is left to be done. */
void remains(const struct credential *installed);

/* Puts a credential into the store and wants it for the subject; another call with the same name
 * wants the same one. The facts live as long as the test. */
const struct credential *want(struct subject *subject, const char *name);

/* ---- passes ---- */

/* A pass is going on, for run_while(). */
bool is_busy(void);

/* In MODE_SERVICE, until the passes with which it begins are over. */
void start_service(void);

/* A pass over here.subject, and those that follow from it. */
void run_pass(void);

/* The change is made, others cannot be told; what was there before is in the store. Gives what is
 * wanted: "wanted", after "before". */
const struct credential *leave_unfinished(void);

/* ---- what is seen of them ---- */

/* Counts how often something is carried out for any subject, and keeps why it last was; NULL: for no
 * reason of its own. At each time the worker finds `finds` installed from then on (NULL: what it
 * found before), and `also` is called. */
struct watcher {
	struct observer observer;
	const char *finds;
	int applied;
	const char *why;
	void (*also)(void);
};

extern struct watcher watcher;

/* Begins anew; ended by controller_unobserve(here.controller, &watcher.observer). */
void watch(const char *finds);

void assert_state(const struct subject *subject, enum state state);

/* The text is somewhere in its reason. */
void assert_reason(const struct subject *subject, const char *text);

/* That of "web" which has not ended; NULL: none. */
const struct pass_entry *open_pass(void);

/* For journal_passes(): the last one told stays in the entry that is the context, with its outcome
 * and its reason, as long as the test. */
void keep_pass(void *context, const struct pass_entry *entry);
