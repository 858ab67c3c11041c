#pragma once

/*
 * The order among targets: none may come after itself, by way of others or not.
 */

#include "controller/certdrop/config/config-tree.h"
#include "controller/model/target.h"

/* Adds the mistakes, at most one for each circle. */
void order_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes);
