#pragma once

/*
 * Deadlines inside a worker: a deadline is a point of CLOCK_MONOTONIC in milliseconds. It is
 * kept where the call that blocks is made (a poll timeout, a kill), and nowhere else.
 */

#include "controller/model/step.h"

/* What the clock shows now, to measure by or to add to. */
long long deadline_now(void);

/* Milliseconds that this step may take: its own deadline, or that of its kind. */
long long deadline_length(const struct step *step);

/* The point at which this step has to be done when it starts now. */
long long deadline_of(const struct step *step);

/* Milliseconds from now to `deadline` as poll(2) takes them, 0 when it has passed. */
int deadline_left(long long deadline);

/* Waits, for the pauses between the attempts of one step; ends early at the deadline. */
void deadline_pause(int milliseconds, long long deadline);
