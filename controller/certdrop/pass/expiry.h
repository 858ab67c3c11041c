#pragma once

/*
 * Expiry: what has ended is never newly put anywhere, whatever it would replace. What is in service
 * when it ends stays there, and is mended where somebody spoiled it; what was begun with it, so that
 * it is in one place and not yet in another, is finished. Putting back a change that failed is the
 * worker's, and does not ask here: what was there before comes back as it was.
 *
 * By a clock that is not to be trusted nothing has ended.
 */

#include "controller/certdrop/subject/subject.h"

/* Has it, or what comes with it, ended? */
bool expiry_has_come(const struct credential *credential);

/* Why what is wanted must not be put anywhere, by what is seen now: a sentence in the arena. NULL: it
 * may be. */
const char *expiry_forbids(struct arena *arena, const struct subject *subject);
