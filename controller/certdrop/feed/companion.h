#pragma once

/*
 * What comes with a leaf certificate and has dates of its own (credential.h: `lasts`, `links`): the
 * sentences about it, and what a chain needs. Pure; `now` is in seconds since 1970, and for the caller
 * to trust.
 *
 * Without a rule about it a chain may hold what has ended and harms nobody: the last of several links
 * may be a root that was cross-signed for old peers, and newer peers have that root themselves. So the
 * last one is needed only where it is the only one.
 */

#include "controller/model/credential.h"

/* "WHAT, which comes with SUBJECT, expired on DATE", and the like. */
const char *companion_ended(struct arena *arena, const char *subject, struct lasting lasting);
const char *companion_begins(struct arena *arena, const char *subject, struct lasting lasting);

/* The links without which no peer gets from the leaf to a root. */
struct rows companion_needed(const struct credential *credential);

/* Are all of them valid? */
bool companion_current(struct rows rows, long long now);

/* What the operator should know of the links: that one has ended, is not valid yet, or ends before the
 * leaf does. With `clock_trusted` false only the last, which needs no clock. One word each. */
struct rows companion_warnings(struct arena *arena, const struct credential *credential,
		bool clock_trusted, long long now);
