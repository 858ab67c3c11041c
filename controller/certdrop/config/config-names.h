#pragma once

/*
 * Settings that name other targets (FORM_TARGET): is there such a target? One that is left out of a
 * configuration cannot be told from one that is misspelt, and would silently not be waited for, or not
 * be trusted.
 */

#include "controller/certdrop/config/config-tree.h"
#include "controller/model/target.h"

/* Adds a mistake for each name of no target, with the nearest one that there is. */
void names_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes);
