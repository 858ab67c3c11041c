#pragma once

/* What the files of a feed share. */

#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/intake/intake.h"

struct feed {
	struct controller *controller;
	struct inlet *inlet;
	char *name;
	bool drop;

	struct delivery *deliveries; /* one for each target, in the order of the configuration */
	size_t count, size;
	size_t running; /* inspections */
	struct harvest harvest;
	enum { UNHINDERED, UNREADABLE, UNFIT } hindrance; /* of the last scan */
	bool deciding; /* what the inspections found */
	bool again; /* something changed while the inspections ran */
	bool anew; /* the timer comes for an inspection even if nothing has changed by then */
	bool unwritten; /* what was accepted last is not in the journal */
	struct digest *inspected; /* of the files that were inspected last */
	size_t inspected_count;
	struct digest premises; /* with which that was done (premises.h) */

	struct entry *consumed; /* to be taken away, keys first, once it is all on disk */
	size_t consumed_count;
	struct after_commit commit;
	uv_timer_t timer;
};

/* Takes away what was accepted, once the store and the journal have it. */
void feed_take_away(struct after_commit *waiting, bool committed);

/* What the passphrases and authorities of its targets are at present (premises.h). */
struct digest feed_premises(const struct feed *feed);
