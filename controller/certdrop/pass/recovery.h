#pragma once

/*
 * Recovery: what to do with a pass that is still open in the journal, because the controller or its
 * worker was ended, or because putting back failed. The world is asked first, and decides.
 */

#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/subject/subject.h"

enum recovery {
	RECOVERY_ASK, /* not to be told yet: the questions that were put must be answered first */
	RECOVERY_FINISHED, /* what was wanted is installed and served: the pass had succeeded */
	RECOVERY_FINISH, /* all changes are made, and finish steps are owed: take them up first */
	RECOVERY_NOTHING_CHANGED, /* the predecessor still is: start again */
	RECOVERY_AGAIN, /* some of it was done, and needs no putting back, or knows none: start again */
	RECOVERY_PUT_BACK, /* neither, or it cannot be told: undo what was begun, then start again */
};

/* `plan` is that of the pass, as the journal has it; `pass` the journal's number for it; `seen`: the
 * answers to the questions of the target's reconciler; `questions` are more of them. */
enum recovery recovery_decide(const struct subject *subject, const struct plan *plan, int64_t pass,
		const struct answers *seen, struct plan *questions);

/* Has the target's open pass, if there is one, made all its changes, and left finish steps that
 * are owed (gap.h)? */
bool recovery_has_unfinished(const struct subject *subject);

/* A sentence for each open pass of a target that is configured no more: nobody takes it up. */
struct words recovery_orphans(struct controller *controller, struct arena *arena);
