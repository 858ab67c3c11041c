#pragma once

/*
 * Pruning: old generations are removed from a place's store, with the keys in them. Those
 * that stay: the one in service and what it replaced, those of the plan's predecessor, and
 * the `keep` youngest others. Left-overs of interrupted work go too.
 */

#include "controller/apply/publish/place.h"
#include "controller/model/plan.h"

bool prune(struct arena *arena, const struct place *place, long keep, const struct plan *plan,
		struct error *error) must_check;
