#pragma once

/*
 * A delivery: what lies in a directory, for one of the targets that it feeds. Decides
 * by what the inspection found (admission.h), puts what is taken into the store, makes
 * it wanted, and tells the rest.
 */

#include "controller/certdrop/children/inspector.h"
#include "controller/certdrop/intake/intake.h"
#include "controller/certdrop/subject/subject.h"

struct delivery {
	struct feed *feed;
	struct subject *subject;
	struct inspection *inspection;

	/* after delivery_decide() */
	bool from_drop;
	bool accepted; /* the credential is in store and journal once they are flushed */
	struct rows inputs; /* the files that it was made of, those with a key first */
	struct rows spent; /* those of them that are to be taken away */
	const char *told; /* what is logged once they are, in the harvest's memory; NULL: nothing */
};

/* `harvest` is what was inspected; `from_drop`: whoever put the files there expects an
 * answer to each. In how many milliseconds to inspect and decide again although nothing
 * changed; 0: not before something does. */
uint64_t delivery_decide(struct delivery *delivery, const struct harvest *harvest, bool from_drop,
		struct arena *arena);
