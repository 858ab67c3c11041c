#pragma once

/*
 * Recovery: what to do with a pass that is still open in the journal, because the controller or its
 * worker was ended, or because putting back failed. The world is asked first, and decides.
 */

#include "controller/certdrop/journal.h"
#include "controller/certdrop/subject.h"

enum recovery {
	RECOVERY_FINISHED, /* what was wanted is installed and served: the pass had succeeded */
	RECOVERY_NOTHING_CHANGED, /* the predecessor still is: start again */
	RECOVERY_PUT_BACK, /* neither: undo `begun` of `plan`, then start again */
};

/* `plan` and `begun` are filled in for RECOVERY_PUT_BACK, in the arena. ERROR_INTERNAL: the plan
 * in the journal cannot be read. */
bool recovery_decide(const struct subject *subject, const struct pass_entry *open,
		const struct answers *seen, struct arena *arena, enum recovery *recovery,
		struct plan *plan, struct words *begun, struct error *error) must_check;
