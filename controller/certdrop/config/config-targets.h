#pragma once

/*
 * Targets from the configuration's trees: each against its product's table, then all
 * against each other.
 *
 *         targets_new(), targets_read() for each tree, targets_finish()
 */

#include "controller/certdrop/config/config-tree.h"
#include "controller/model/target.h"

struct targets;

struct targets *targets_new(struct arena *arena, struct mistakes *mistakes);

/* Adds the targets of the tree's `targets`, if it has any. */
void targets_read(struct targets *targets, const struct tree *tree);

/* Looks for what must be unique and is not, and hands over the targets, in order. */
void targets_finish(struct targets *targets, const struct target **all, size_t *count);
