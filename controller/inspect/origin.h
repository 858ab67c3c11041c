#pragma once

/*
 * Where things come from: the files of the request that hold something, bit i for file i. What a
 * credential was made of is taken away with it; what another one needs, too, stays.
 */

#include "controller/inspect/compose.h"
#include "controller/inspect/prove/pair.h"

unsigned long long files_with_keys(const struct findings *findings);

/* Leaf, chain, and key if there is one. */
unsigned long long files_of_pair(const struct pair *pair);

/* What a credential was made of. A certificate of its chain may also lie in the file of another
 * credential: that file stays the other one's. */
unsigned long long files_of_candidate(
		const struct candidate *candidate, const struct composition *composition);
