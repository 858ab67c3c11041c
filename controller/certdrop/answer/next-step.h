#pragma once

/*
 * The next step: what comes next for a target, or what somebody has to do, in a sentence of its own
 * behind the reason.
 */

#include "controller/certdrop/subject/subject.h"

/* NULL: there is nothing to come. */
const char *next_step(struct arena *arena, const struct subject *subject);
