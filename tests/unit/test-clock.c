#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "controller/certdrop/clock.h"
#include "controller/certdrop/pass/backoff.h"
#include "controller/certdrop/present/date.h"

/* ---- the clock ---- */

static void assert_time(long long seconds, const char *expected)
{
	assert_string_equal(date_print(seconds).text, expected);
}

static void times_are_written_as_in_rfc_3339(void **state)
{
	(void)state;
	assert_time(0, "1970-01-01T00:00:00Z");
	assert_time(1795244400, "2026-11-21T07:00:00Z");
	assert_time(951782399, "2000-02-28T23:59:59Z");
	assert_time(951782400, "2000-02-29T00:00:00Z");
	assert_time(4107542399, "2100-02-28T23:59:59Z");
	assert_time(4107542400, "2100-03-01T00:00:00Z");
	assert_time(253402300799, "9999-12-31T23:59:59Z");
}

static void a_year_that_is_none_still_fits(void **state)
{
	(void)state;
	assert_string_equal(date_print(INT64_MAX).text, "never");
}

static void the_clock_of_waits_goes_forward(void **state)
{
	const long long before = clock_monotonic_ms();

	(void)state;
	assert_true(before > 0);
	assert_true(clock_monotonic_ms() >= before);
}

/* The clocks, as far as these tests have set them. */
static struct timex kernel = { .status = STA_UNSYNC };
static long long set_ahead_s;

int adjtimex(struct timex *state)
{
	*state = kernel;
	return kernel.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	const int result = (int)syscall(SYS_clock_gettime, clock, time);

	if (clock == CLOCK_REALTIME)
		time->tv_sec += set_ahead_s;
	return result;
}

time_t time(time_t *seconds)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (seconds)
		*seconds = now.tv_sec;
	return now.tv_sec;
}

static void a_clock_that_was_set_is_told_once(void **state)
{
	static const long long jumps[] = { -1795244400, 2500000000, 4294967296, 3600, 0 };

	(void)state;
	(void)clock_was_set();
	assert_false(clock_was_set());
	for (size_t i = 0; i < sizeof(jumps) / sizeof(*jumps); i++) {
		set_ahead_s = jumps[i];
		assert_true(clock_was_set());
		assert_false(clock_was_set());
	}
	set_ahead_s = 50;
	assert_false(clock_was_set());
	set_ahead_s = 0;
}

/* The floor only rises, so this comes last. */
static void a_clock_below_the_floor_is_not_trusted(void **state)
{
	autoarena struct arena *arena = arena_new();

	(void)state;
	clock_set_policy(CLOCK_FLOOR);
	assert_true(clock_trusted());
	assert_null(clock_doubt(arena));
	clock_raise_floor(4107542400);
	assert_false(clock_trusted());
	clock_raise_floor(clock_now() - 10000);
	assert_string_equal(clock_doubt(arena),
			"the journal knows of a change on 2100-03-01T00:00:00Z");
	assert_false(clock_trusted());

	clock_set_policy(CLOCK_SYNCHRONIZED);
	assert_false(clock_trusted());
	assert_string_equal(clock_doubt(arena), "the kernel says that it is not synchronized");
	clock_set_policy(CLOCK_TRUSTED);
	assert_true(clock_trusted());
}

/* It was wrong by decades when something was last written down, and is right again. */
static void a_synchronized_clock_is_believed_before_the_journal(void **state)
{
	(void)state;
	kernel.status = 0;
	clock_set_policy(CLOCK_FLOOR);
	assert_true(clock_trusted());
	clock_set_policy(CLOCK_SYNCHRONIZED);
	assert_true(clock_trusted());
	set_ahead_s = -1795244400;
	assert_false(clock_trusted());
	clock_set_policy(CLOCK_FLOOR);
	assert_false(clock_trusted());
	set_ahead_s = 0;
	kernel.status = STA_UNSYNC;
}

/* ---- backing off ---- */

enum { FIRST = 1000, CAP = 600000 };

static void waits_lie_between_the_first_and_twice_as_much_each_time(void **state)
{
	uint64_t most = FIRST;

	(void)state;
	for (unsigned attempt = 1; attempt < 100; attempt++) {
		most = 2 * most < CAP ? 2 * most : CAP;
		assert_int_equal(backoff_ms(attempt, FIRST, CAP, 0), FIRST);
		assert_int_equal(backoff_ms(attempt, FIRST, CAP, UINT32_MAX), most);
	}
}

static void the_cap_holds(void **state)
{
	(void)state;
	assert_int_equal(backoff_ms(UINT32_MAX, FIRST, CAP, UINT32_MAX), CAP);
	assert_int_equal(backoff_ms(3, FIRST, FIRST, UINT32_MAX), FIRST);
	assert_int_equal(backoff_ms(1, FIRST, 10, UINT32_MAX), 10);
	assert_int_equal(backoff_ms(5, 0, CAP, UINT32_MAX), 0);
}

static void chance_spreads_the_waits_evenly(void **state)
{
	(void)state;
	for (unsigned attempt = 1; attempt < 12; attempt++) {
		const uint64_t most = backoff_ms(attempt, FIRST, CAP, UINT32_MAX);

		assert_in_range(backoff_ms(attempt, FIRST, CAP, UINT32_MAX / 2),
				FIRST + (most - FIRST) / 2 - 1, FIRST + (most - FIRST) / 2 + 1);
		assert_in_range(backoff_ms(attempt, FIRST, CAP, UINT32_MAX / 4),
				FIRST + (most - FIRST) / 4 - 1, FIRST + (most - FIRST) / 4 + 1);
	}
}

static void waits_of_months_are_spread_too(void **state)
{
	const uint64_t month = 30ULL * 24 * 3600 * 1000;

	(void)state;
	assert_int_equal(backoff_ms(60, FIRST, 3 * month, UINT32_MAX), 3 * month);
	assert_in_range(backoff_ms(60, FIRST, 4 * month, UINT32_MAX / 2), 2 * month - FIRST,
			2 * month + FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_as_in_rfc_3339),
		cmocka_unit_test(a_year_that_is_none_still_fits),
		cmocka_unit_test(the_clock_of_waits_goes_forward),
		cmocka_unit_test(waits_lie_between_the_first_and_twice_as_much_each_time),
		cmocka_unit_test(the_cap_holds),
		cmocka_unit_test(chance_spreads_the_waits_evenly),
		cmocka_unit_test(waits_of_months_are_spread_too),
		cmocka_unit_test(a_clock_that_was_set_is_told_once),
		cmocka_unit_test(a_clock_below_the_floor_is_not_trusted),
		cmocka_unit_test(a_synchronized_clock_is_believed_before_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
