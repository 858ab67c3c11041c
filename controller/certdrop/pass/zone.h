#pragma once

/*
 * Local time anywhere: from a moment to what the clocks of a zone show, and back. Zones are
 * those of the IANA database ("Europe/Zurich", https://www.iana.org/time-zones) as the system
 * has it, read by the C library: TZ is set for the time of each call, so none of this is for a
 * process with more than one thread.
 *
 * A zone that is NULL is the machine's own.
 */

#include <stdbool.h>

/* A day of the calendar, and a minute of it. */
struct civil {
	int year, month, day; /* month 1 to 12 */
	int weekday; /* 0: Sunday */
	int minute; /* since midnight, 0 to 1439 */
};

/* Is there such a zone? Only names below the database's directory are. */
bool zone_known(const char *zone);

/* What the clocks show at `seconds` since 1970-01-01 UTC. */
struct civil zone_civil(const char *zone, long long seconds);

/* `days` later in the calendar; its minute stays. */
struct civil civil_add_days(struct civil civil, int days);

/* The first moment at which the clocks show that day and minute (0 to 1440, the end of the
 * day). What is shown twice, when they are put back, is the first time; what is never shown,
 * when they are put forward, is the moment at which they are. */
long long zone_moment(const char *zone, struct civil civil);
