#pragma once

/*
 * What a worker says within a job, and the go-aheads that it waits for (protocol.h). Each
 * of these is false when the controller is gone or does not keep to the protocol: then
 * nothing more may be done.
 */

#include "controller/apply/taking.h"

bool say(struct job *job, const struct record *record) must_check;
bool say_end(struct job *job, const char *how) must_check;

bool say_begin(const struct taking *taking) must_check;
bool say_outcome(const struct taking *taking) must_check; /* "done", "failed" */
bool say_answer(const struct taking *taking) must_check;

/* One "go N" for each of them, in any order. */
bool wait_for_go(struct job *job, const struct taking *takings, size_t count) must_check;
