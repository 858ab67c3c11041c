#pragma once

/*
 * Pruning: old generations are removed from a place's store, with the keys in them. Those
 * that stay: the one in service and, of the others, `keep`: those of the plan's predecessor first,
 * all of them even if `keep` is less, and then the youngest. Left-overs of interrupted work go
 * too, but for what has to be put back in place of the one in service.
 */

#include "controller/apply/publish/place.h"
#include "controller/model/plan.h"

bool prune(struct arena *arena, const struct place *place, long keep, const struct plan *plan,
		struct error *error) must_check;
