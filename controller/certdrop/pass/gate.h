#pragma once

/*
 * The gate: may this plan begin now? It looks at, in this order,
 *
 *         expiry    what has ended is never newly put anywhere (expiry.h)
 *         hold      the target's setting: nothing is changed at all
 *         held      the plan itself says why it must wait
 *         after     other targets come first: those in the setting, and those of which the
 *                   product says so, as long as something is being done for these
 *         soak      a follow-up may only begin so long after the credential went into service
 *         windows   when the target may be disturbed, unless the certificate that is served ends
 *                   so soon that it has to be replaced now (windows.h)
 *
 * Going back to the predecessor waits for none but the first two. What depends on the time of day waits
 * until the clock is to be trusted.
 */

#include "controller/certdrop/subject/subject.h"

struct gate {
	bool open;
	const char *reason; /* why it is not; of an open one, why it is though no window is, or NULL */
	/* When it opens, or where only the product can tell, is looked at again: seconds since 1970; 0: not
	 * known, it is looked at again at the next check. */
	long long at;
	bool another_first; /* it opens when another target has nothing to do */
};

/* The reason is in the arena. */
struct gate gate_decide(
		struct arena *arena, const struct subject *subject, const struct plan *plan);

/* Is there something to do for it, or being done? Others may come after it. */
bool gate_is_busy(const struct subject *subject);

/* Does this target come after that one, for which there is nothing to do any more? */
bool gate_is_left_by(const struct subject *subject, const struct subject *other);
