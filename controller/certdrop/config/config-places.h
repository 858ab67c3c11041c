#pragma once

/*
 * Places: where targets publish (FORM_PUBLISHED). With the next set everything below such a place is
 * gone, unless its method is "fixed", which replaces single files. So none may lie in another's, in the
 * state, or in the drop, nor hold one of these two.
 *
 * As they are written, that is a mistake in the configuration: places_check(). With the links that
 * this machine has above them it may be one, too: places_compare().
 */

#include "controller/certdrop/config/config-tree.h"
#include "controller/certdrop/config/config.h"

/* Adds a mistake for each place that cannot be. */
void places_check(const struct config *config, struct mistakes *mistakes);

/* The same by the directories that really lie above the places, as far as they are there; and for each
 * place that is another target's by another path. For a configuration in which places_check() finds
 * nothing. */
void places_compare(const struct config *config, struct mistakes *mistakes);
