#pragma once

/*
 * What the tests of the controller share: a directory, an event loop, a controller with two targets
 * ("web" and "mail") of a product of their own, and programs that stand in for its children
 * (stand-in.c). That product is asked what is `installed`: unless the answer's `leaf` is the one that
 * is wanted, its plan is a change step and a finish step on another site; if it is, and the answer has
 * `remains`, there is a follow-up.
 *
 *         controlling_begin(), controlling_end()     setup and teardown of each test
 *         part("worker.apply", "say end applied\\n\n")
 *         start_controller(MODE_SERVICE)
 *         run_until(&done)                           the loop, until it is true; fails at a deadline
 */

#include <uv.h>

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/certdrop/children/pool.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"
#include "reconcilers/reconciler.h"

struct controlling {
	char directory[64];
	struct arena *arena;
	uv_loop_t loop;
	struct config *config;
	struct controller *controller;
	struct subject *subject; /* of "web" */
	const char *web, *mail; /* more settings of the two targets; NULL: none */
	long long soak_ms, gap_budget_ms; /* of the plans */
	const char *held, *second_try; /* likewise */
	long long ends; /* what is made from then on, in seconds since 1970; 0: in 2096 */
	const char *shows; /* the fingerprint of what the product says is installed; NULL: it does not */
	const char *refuses; /* the fingerprint of what plan() will not have; NULL: it has all */
	bool forward_only;
	bool asks_more; /* before it can plan */
	bool prepares, proves; /* with a step before the two, or between them */
	bool leases; /* with leases to take before the two */
	bool proves_last, tidies; /* with a step after them */
	size_t open_before; /* descriptors of this process */
};

extern struct controlling here;

int controlling_begin(void **state);

/* The loop must run dry, and no descriptor may be left. */
int controlling_end(void **state);

/* A path in the directory; it lives as long as the test. */
const char *in_directory(const char *name);

/* What a stand-in does; see stand-in.c. Its link is made with its first part. */
void part(const char *name, const char *deeds);
bool was_marked(const char *name);

void run_until(const bool *condition);
void run_while(bool (*condition)(void));

/* Until nothing is left to wait for. */
void run_dry(void);

void start_controller(enum controller_mode mode);
void stop_controller(void);

/* A credential file; the facts live as long as the test, the descriptor is the caller's. */
int credential_file(const char *name, const struct credential **made);

/* The same, in the controller's store. */
const struct credential *make_credential(const char *name);

/* As if a bit of its file in the store had changed. */
void damage_credential(const struct credential *facts);

/* Descriptors of this process. */
size_t open_descriptors(void);

/* As on a full disk: no file may grow beyond so many bytes; 0: as before. */
void limit_files(size_t bytes);
