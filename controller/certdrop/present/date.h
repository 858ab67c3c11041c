#pragma once

/*
 * Dates as programs read them, and what people are told when one comes near. Times are in seconds
 * since 1970-01-01 UTC.
 */

#include "controller/base/arena.h"

struct date_text {
	char text[32];
};

/* RFC 3339 in UTC, "2026-11-21T07:26:00Z"; "never" for a year that does not fit into an int. */
struct date_text date_print(long long seconds);

/* "CN=web.example ends in 12 days, on 2026-12-03T00:00:00Z" when less than `warning_ms` of life is
 * left, "... has ended ..." when none; NULL otherwise. The sentence is in the arena. */
const char *date_warning(struct arena *arena, const char *subject, long long not_after,
		long long now, long long warning_ms);
