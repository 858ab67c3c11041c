#include "controller/certdrop/clock.h"

#include <sys/timex.h>
#include <time.h>

#include "controller/certdrop/present/date.h"

/* 2026-11-01T00:00:00Z: this source did not exist before. A clock that gains a minute on the one of
 * waits, or loses one, was set. */
enum { RELEASE = 1793491200, JUMP_MS = 60000 };

static long long earliest = RELEASE;
static bool remembered; /* the floor is a time that certdrop kept */
static enum clock_policy policy = CLOCK_FLOOR;

void clock_set_policy(enum clock_policy new_policy)
{
	policy = new_policy;
}

long long clock_now(void)
{
	return (long long)time(NULL);
}

long long clock_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long long clock_monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_raise_floor(long long seconds)
{
	if (seconds <= earliest)
		return;
	earliest = seconds;
	remembered = true;
}

static bool is_synchronized(void)
{
	struct timex state = { 0 };

	return adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

/* What certdrop kept may be from when the clock was ahead: the kernel, if it is synchronized, knows
 * better. */
bool clock_trusted(void)
{
	if (policy == CLOCK_TRUSTED)
		return true;
	if (policy == CLOCK_FLOOR && clock_now() >= earliest)
		return true;
	return clock_now() >= RELEASE && is_synchronized();
}

const char *clock_doubt(struct arena *arena)
{
	if (clock_trusted())
		return NULL;
	if (policy == CLOCK_SYNCHRONIZED && clock_now() >= RELEASE)
		return "the kernel says that it is not synchronized";
	return arena_printf(arena,
			remembered ? "the journal knows of a change on %s"
				   : "this release is from after %s",
			date_print(earliest).text);
}

bool clock_was_set(void)
{
	static long long known;
	static bool begun;
	const long long ahead = clock_now_ms() - clock_monotonic_ms();
	const bool set = begun && (ahead - known > JUMP_MS || known - ahead > JUMP_MS);

	if (set || !begun)
		known = ahead;
	begun = true;
	return set;
}
