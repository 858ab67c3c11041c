#pragma once

/*
 * Retention: which credentials stay in the store. Those that are wanted, the predecessors, and of
 * those that were in service the latest `keep` for each target; everything else goes a month
 * after it came.
 */

#include "controller/certdrop/controller.h"

/* Does nothing unless a day has passed since it last did something. */
void retention_prune_daily(struct controller *controller);
