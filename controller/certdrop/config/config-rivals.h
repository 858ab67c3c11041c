#pragma once

/*
 * Rivals: targets of one product that replace the same thing (the reconciler's replaces()). Each would
 * find what the other has put there, and put its own back, for ever.
 */

#include "controller/certdrop/config/config-tree.h"
#include "controller/model/target.h"

/* Adds a mistake for each target that replaces what one before it replaces, with the first of those. */
void rivals_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes);
