#define _GNU_SOURCE
#include "controller/certdrop/pass/zone.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/arena.h"
#include "controller/base/owned.h"

/* Where the C library looks when TZDIR is not set. */
#define ZONES "/usr/share/zoneinfo"

enum { MINUTE = 60, DAY = 24 * 3600, ZONE_MAX = 64 };

/* Clocks were put by a whole day at most (Samoa left out 30 December 2011): what holds this
 * long before a moment and this long after it is all that can hold at it. */
enum { AROUND = 36 * 3600 };

/* ---- the process's zone ---- */

struct setting {
	char *before; /* NULL: TZ was not set */
};

static struct setting enter(const char *zone)
{
	const char *before = getenv("TZ");
	struct setting setting = { .before = before ? strdup(before) : NULL };

	if (zone) {
		autoarena struct arena *arena = arena_new();

		(void)setenv("TZ", arena_printf(arena, ":%s", zone), 1);
	}
	tzset();
	return setting;
}

static void leave(const char *zone, struct setting *setting)
{
	if (zone && setting->before)
		(void)setenv("TZ", setting->before, 1);
	else if (zone)
		(void)unsetenv("TZ");
	free(setting->before);
	tzset();
}

/* ---- moments ---- */

static bool is_name(const char *zone)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_+-/";
	const size_t length = strlen(zone);

	return length > 0 && length <= ZONE_MAX && *zone != '/' && *zone != '-' &&
			strspn(zone, allowed) == length && !strstr(zone, "//");
}

/* The C library takes a zone that is not there for UTC, without a word. */
bool zone_known(const char *zone)
{
	static const char magic[] = "TZif"; /* RFC 8536, section 3.1 */
	autoarena struct arena *arena = arena_new();
	const char *directory = getenv("TZDIR");
	char start[sizeof(magic) - 1];
	autoclose int fd = -1;

	if (!zone || !is_name(zone))
		return !zone;
	fd = open(arena_printf(arena, "%s/%s", directory ? directory : ZONES, zone),
			O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, start, sizeof(start)) == (ssize_t)sizeof(start) &&
			memcmp(start, magic, sizeof(start)) == 0;
}

static struct tm local_time(long long seconds)
{
	const time_t time = (time_t)seconds;
	struct tm shown = { 0 };

	(void)localtime_r(&time, &shown);
	return shown;
}

/* What the clocks show, as if it were UTC. */
static long long shown_at(long long seconds)
{
	return seconds + local_time(seconds).tm_gmtoff;
}

/* They are put forward between the two, which show less than `wanted` and more: when? */
static long long when_put_forward(long long before, long long after, long long wanted)
{
	while (before + 1 < after) {
		const long long middle = before + (after - before) / 2;

		if (shown_at(middle) < wanted)
			before = middle;
		else
			after = middle;
	}
	return after;
}

/* When do the clocks first show `wanted`? By what they differ from UTC well before, or well after. */
static long long first_shown(long long wanted)
{
	const long long offset = local_time(wanted - AROUND).tm_gmtoff;
	const long long later_offset = local_time(wanted + AROUND).tm_gmtoff;
	const long long by_old = wanted - offset, by_new = wanted - later_offset;
	const long long first = by_old < by_new ? by_old : by_new;
	const long long last = by_old < by_new ? by_new : by_old;

	if (shown_at(first) == wanted)
		return first;
	if (shown_at(last) == wanted)
		return last;
	return when_put_forward(first, last, wanted);
}

static struct tm calendar(struct civil civil, int days)
{
	return (struct tm){
		.tm_year = civil.year - 1900,
		.tm_mon = civil.month - 1,
		.tm_mday = civil.day + days,
		.tm_min = civil.minute,
	};
}

static struct civil civil_of(const struct tm *shown)
{
	return (struct civil){
		.year = shown->tm_year + 1900,
		.month = shown->tm_mon + 1,
		.day = shown->tm_mday,
		.weekday = shown->tm_wday,
		.minute = shown->tm_hour * MINUTE + shown->tm_min,
	};
}

struct civil zone_civil(const char *zone, long long seconds)
{
	struct setting setting = enter(zone);
	const struct tm shown = local_time(seconds);

	leave(zone, &setting);
	return civil_of(&shown);
}

struct civil civil_add_days(struct civil civil, int days)
{
	struct tm day = calendar(civil, days);

	(void)timegm(&day);
	return civil_of(&day);
}

long long zone_moment(const char *zone, struct civil civil)
{
	struct tm wanted = calendar(civil, 0);
	struct setting setting = enter(zone);
	const long long moment = first_shown((long long)timegm(&wanted));

	leave(zone, &setting);
	return moment;
}
