#pragma once

/*
 * What ends before or after the leaf does, written down for whoever has a clock: rows for
 * credential.h's `lasts`. A server whose own certificate is good for a year still refuses its
 * clients when the authority, or the client's certificate, has ended.
 */

#include "controller/inspect/compose.h"

/* The client's leaf always; the authorities of both chains and the revocation lists as far as the
 * composition takes them along. A list that tells no end has none. */
struct rows lasting_rows(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition);
