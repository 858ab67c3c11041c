#pragma once

/*
 * Windows: when a target may be disturbed. Each is a group of the target's setting `windows`:
 *
 *         windows = ( { days = [ "mon-thu", "sun" ]; from = "22:00"; to = "04:00";
 *                       zone = "Europe/Zurich"; for = [ "restart", "remote" ]; } );
 *
 * A kind of disruption that any window of the target names is bound: steps that disturb in this
 * way begin only while a window that names it is open. What is bound to several kinds needs them
 * all. Windows that overlap or touch count as one.
 *
 * `days` are those on which a window opens; a `to` that is not after `from` is on the day after.
 * A window opens when its zone's clocks first show `from`, and closes when they first show `to`:
 * one over the night in which clocks are put back is an hour longer. What the clocks never show
 * that night is the moment at which they are put forward, so a window that lies in the hour left
 * out is not there at all.
 */

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/target.h"

struct window {
	unsigned days; /* bit 0: Sunday */
	int from, to; /* minutes since midnight, 0 to 1440 */
	unsigned disruptions; /* bit DISRUPTION_RESTART and so on */
	const char *zone; /* NULL: the machine's own */
	const char *text; /* "fri-sat 22:00-04:00 Europe/Zurich" */
};

struct windows {
	struct window *items;
	size_t count;
};

/* From one group of `windows`. ERROR_CONFIG: no such day, time, zone or disruption; `wrong` is
 * the name of the setting then. */
bool window_read(struct arena *arena, const struct settings *group, struct window *window,
		const char **wrong, struct error *error) must_check;

/* Those of a target, whose configuration is checked. */
struct windows windows_of(struct arena *arena, const struct target *target);

/* Which of these kinds of disruption are bound? */
unsigned windows_bind(const struct windows *windows, unsigned disruptions);

/* When may something that needs so many seconds, and disturbs in all of these ways, begin? */
struct opening {
	long long at; /* not before `now`; 0: in no window of the next weeks */
	const struct window *window; /* that opens then */
};
struct opening windows_next(const struct windows *windows, unsigned disruptions, long long now,
		long long needed);
