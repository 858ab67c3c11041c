#pragma once

/*
 * What time it is, and whether to believe it. An edge node may wake up in 1970. The clock is
 * trusted when it is not below a floor: this release's date, and the latest time that certdrop has
 * itself seen and kept. That may have been a wrong one, so a clock of which the kernel says that it is
 * synchronized (adjtimex(2)) has to be above the release's date only. An untrusted clock holds a
 * decision; it never refuses, and never removes.
 */

#include <stdbool.h>

#include "controller/base/arena.h"

/* When the clock is good enough to judge dates. If it is not, targets are held. */
enum clock_policy {
	CLOCK_TRUSTED, /* always */
	CLOCK_FLOOR, /* when it is not before a time that must have passed already */
	CLOCK_SYNCHRONIZED, /* when the kernel says that it is synchronized */
};

void clock_set_policy(enum clock_policy policy);

/* Seconds since 1970-01-01 UTC. */
long long clock_now(void);

/* The same in milliseconds. */
long long clock_now_ms(void);

/* Milliseconds on a clock that never jumps, and goes on during suspend. */
long long clock_monotonic_ms(void);

/* The clock is not to be trusted below `seconds`. Only ever raises the floor. */
void clock_raise_floor(long long seconds);

bool clock_trusted(void);

/* Was it set, by more than a minute, since the last call? Then what was decided by it may be wrong. */
bool clock_was_set(void);

/* Why it is not trusted: "the journal knows of a change on 2027-01-20T00:00:00Z"; NULL: it is. */
const char *clock_doubt(struct arena *arena);
