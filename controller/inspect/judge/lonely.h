#pragma once

/*
 * What lacks its counterpart: certificates without their key, keys without their certificate, or
 * authorities alone. Whoever dropped it is told what to bring, and where the other half of a
 * mismatch seems to be.
 */

#include "controller/inspect/findings.h"

struct lonely {
	struct lonely *next;
	const char *sentence; /* "the key for CN=db1" */
	unsigned long long files; /* bit i: file i of the request has it */
};

/* Once the pairs were found (pair.h). NULL: nothing lacks anything. */
const struct lonely *lonely_find(const struct findings *findings);
