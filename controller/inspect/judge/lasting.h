#pragma once

/*
 * What ends before or after the leaf does, written down for whoever has a clock: rows for
 * credential.h's `lasts`. A server whose own certificate is good for a year still refuses its
 * clients when the authority, or the client's certificate, has ended.
 */

#include "controller/inspect/compose.h"

/* The client's leaf always; the authorities of both chains where the composition takes authorities
 * along, or its chains have to be whole; the revocation lists where it takes them. A list that tells
 * no end has none. */
struct rows lasting_rows(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition);

/* The server's chain as the composition takes it, for credential.h's `links`. */
struct rows lasting_links(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition);
