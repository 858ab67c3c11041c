#pragma once

/*
 * Authorities that came along in the files of a credential and are in none of its chains: why they are
 * left out, in one sentence for each, or for all of those above the end of a chain that is cut. Where
 * the product takes the authorities as such (part ca) there are none. A few say what is wrong:
 * hundreds of them, in each credential of the file, nobody reads and no reply holds.
 */

#include "controller/inspect/prove/pair.h"

struct leftout {
	struct leftout *next;
	const char *sentence;
};

/* Of these files alone, in the order in which they were found. NULL: nothing is left out. */
const struct leftout *leftout_find(
		struct arena *arena, const struct candidate *candidate, unsigned long long files);
