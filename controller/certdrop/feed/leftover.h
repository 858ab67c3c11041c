#pragma once

/*
 * Leftovers: the files that lie in a directory and were not taken in, each with what is to become of it.
 * The state that is told is that of one file, or of one that came later; whoever dropped another one, or
 * wonders what lies there, reads of it here. Told as records
 *
 *         file NAME SHA256 STATE "reason"
 *
 * STATE is "refused", "waiting" (for a missing piece, or its end), "held", or "left": it is sound, but not
 * part of what was taken in. SHA256 is empty when the file could not be read. At most LEFTOVERS_MAX, the
 * latest arrivals first.
 */

#include "controller/certdrop/feed/admission.h"
#include "controller/certdrop/feed/delivery.h"

enum { LEFTOVERS_MAX = 64 };

/* `failure`: why nothing was learned of any of them, or NULL. false: they are the same as before. */
bool leftover_keep(struct delivery *delivery, const struct admission *decided, const char *failure,
		const struct harvest *harvest);
