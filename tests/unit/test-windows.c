#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/certdrop/pass/windows.h"
#include "controller/certdrop/pass/zone.h"
#include "controller/model/settings-build.h"
#include "controller/model/step.h"

#define MINUTE 60LL
#define HOUR   3600LL
#define DAY    (24 * HOUR)

enum {
	RELOAD = 1 << DISRUPTION_RELOAD,
	RESTART = 1 << DISRUPTION_RESTART,
	REMOTE = 1 << DISRUPTION_REMOTE,
	PURGE = 1 << DISRUPTION_PURGE,
};

static const char zurich[] = "Europe/Zurich";

/* In UTC. */
static long long at(int year, int month, int day, int hour, int minute)
{
	struct tm time = {
		.tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
	};

	return timegm(&time);
}

static struct civil civil(int year, int month, int day, int minute)
{
	return (struct civil){ .year = year, .month = month, .day = day, .minute = minute };
}

/* ---- zones ---- */

static void only_zones_of_the_database_are_known(void **state)
{
	static const char *const unknown[] = { "Europe/Zuerich", "", "/etc/localtime",
		"../../../etc/passwd", "Europe", "zone.tab", "Europe//Zurich", "UTC0;x" };

	(void)state;
	assert_true(zone_known(zurich));
	assert_true(zone_known("UTC"));
	assert_true(zone_known("Etc/GMT+5"));
	assert_true(zone_known("America/Argentina/Buenos_Aires"));
	assert_true(zone_known(NULL));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		assert_false(zone_known(unknown[i]));
}

static void a_zone_is_left_as_it_was_found(void **state)
{
	(void)state;
	(void)setenv("TZ", "Asia/Kathmandu", 1);
	assert_int_equal(zone_civil(zurich, at(2026, 7, 1, 12, 0)).minute, 14 * 60);
	assert_string_equal(getenv("TZ"), "Asia/Kathmandu");
	assert_int_equal(zone_civil(NULL, at(2026, 7, 1, 12, 0)).minute, 17 * 60 + 45);
	(void)unsetenv("TZ");
	assert_int_equal(zone_civil(zurich, at(2026, 12, 1, 12, 0)).minute, 13 * 60);
	assert_null(getenv("TZ"));
}

static void a_moment_has_its_day_there(void **state)
{
	struct civil day;

	(void)state;
	day = zone_civil("Pacific/Auckland", at(2026, 12, 31, 11, 30));
	assert_int_equal(day.year, 2027);
	assert_int_equal(day.month, 1);
	assert_int_equal(day.day, 1);
	assert_int_equal(day.weekday, 5);
	assert_int_equal(day.minute, 30);
	day = civil_add_days(civil(2028, 2, 28, 90), 2);
	assert_int_equal(day.month, 3);
	assert_int_equal(day.day, 1);
	assert_int_equal(day.weekday, 3);
	assert_int_equal(day.minute, 90);
}

/* On 28 March 2027 Zurich's clocks go from 02:00 to 03:00, which is 01:00 UTC; on 31 October
 * from 03:00 back to 02:00, which is 01:00 UTC as well. */
static void clocks_that_are_put_forward_leave_out_an_hour(void **state)
{
	const long long forward = at(2027, 3, 28, 1, 0);

	(void)state;
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 1 * 60 + 59)), forward - MINUTE);
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 2 * 60)), forward);
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 2 * 60 + 30)), forward);
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 3 * 60)), forward);
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 3 * 60 + 1)), forward + MINUTE);
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 0)), at(2027, 3, 27, 23, 0));
	assert_int_equal(zone_moment(zurich, civil(2027, 3, 28, 24 * 60)), at(2027, 3, 28, 22, 0));
}

static void clocks_that_are_put_back_show_an_hour_twice(void **state)
{
	const long long back = at(2027, 10, 31, 1, 0);

	(void)state;
	assert_int_equal(zone_moment(zurich, civil(2027, 10, 31, 2 * 60)), back - HOUR);
	assert_int_equal(zone_moment(zurich, civil(2027, 10, 31, 2 * 60 + 30)), back - HOUR / 2);
	assert_int_equal(zone_moment(zurich, civil(2027, 10, 31, 3 * 60)), back + HOUR);
	assert_int_equal(zone_moment(zurich, civil(2027, 10, 31, 0)), at(2027, 10, 30, 22, 0));
}

static void south_of_the_equator_and_by_half_hours(void **state)
{
	(void)state;
	/* Lord Howe puts its clocks forward by half an hour, on 3 October 2027 at 02:00, from
	 * UTC+10:30. */
	assert_int_equal(zone_moment("Australia/Lord_Howe", civil(2027, 10, 3, 2 * 60 + 15)),
			at(2027, 10, 2, 15, 30));
	/* Samoa left out 30 December 2011. */
	assert_int_equal(zone_moment("Pacific/Apia", civil(2011, 12, 30, 12 * 60)),
			at(2011, 12, 30, 10, 0));
}

/* ---- windows ---- */

static struct window window(const char *days, const char *from, const char *to, const char *zone,
		unsigned disruptions)
{
	static struct arena *memory;
	const struct place place = { .file = "x.conf", .line = 1 };
	const struct option *options = option_find(target_options, "windows")->members;
	const char *words[] = { days };
	struct settings *group;
	struct window made;
	const char *wrong;
	struct error error;

	arena_free(memory);
	memory = arena_new();
	group = settings_new(memory, options, place, "/");
	if (days)
		assert_true(settings_set_words(group, option_find(options, "days"), place,
				(struct words){ .items = words, .count = 1 }, &error));
	assert_true(settings_set_text(group, option_find(options, "from"), place, from, &error));
	assert_true(settings_set_text(group, option_find(options, "to"), place, to, &error));
	if (!window_read(memory, group, &made, &wrong, &error))
		fail_msg("%s", error.text);
	made.zone = zone;
	made.text = "it";
	if (disruptions)
		made.disruptions = disruptions;
	return made;
}

static long long opens(const struct window *items, size_t count, unsigned disruptions,
		long long now, long long needed)
{
	struct window copies[4];
	const struct windows windows = { .items = copies, .count = count };

	memcpy(copies, items, count * sizeof(*items));
	return windows_next(&windows, disruptions, now, needed).at;
}

static void a_window_binds_what_it_is_for(void **state)
{
	struct window items[2];
	struct windows windows = { .items = items, .count = 1 };

	(void)state;
	items[0] = window(NULL, "22:00", "04:00", zurich, 0);
	assert_int_equal(windows_bind(&windows, RELOAD | RESTART | REMOTE), RESTART | REMOTE);
	items[1] = window(NULL, "22:00", "04:00", zurich, RELOAD);
	windows.count = 2;
	assert_int_equal(windows_bind(&windows, RELOAD), RELOAD);
	windows.count = 0;
	assert_int_equal(windows_bind(&windows, RESTART), 0);
}

static void add_window(struct settings *settings, const char *what)
{
	const struct place place = { .file = "x.conf", .line = 1 };
	const struct option *windows = option_find(target_options, "windows");
	struct settings *group = settings_add_group(settings, windows, place);
	struct error error;

	assert_true(settings_set_text(
			group, option_find(windows->members, "from"), place, "10:00", &error));
	assert_true(settings_set_text(
			group, option_find(windows->members, "to"), place, "12:00", &error));
	if (what)
		assert_true(settings_set_text(
				group, option_find(windows->members, "for"), place, what, &error));
}

static void a_purge_keeps_to_the_windows_of_others_unless_it_has_its_own(void **state)
{
	const struct place place = { .file = "x.conf", .line = 1 };
	autoarena struct arena *arena = arena_new();
	struct settings *settings = settings_new(arena, target_options, place, "/");
	const struct target target = { .name = "x", .settings = settings };
	struct windows windows;

	(void)state;
	add_window(settings, NULL);
	add_window(settings, "reload");
	windows = windows_of(arena, &target);
	assert_int_equal(windows.items[0].disruptions, RESTART | REMOTE | PURGE);
	assert_int_equal(windows.items[1].disruptions, RELOAD);

	add_window(settings, "purge");
	windows = windows_of(arena, &target);
	assert_int_equal(windows.items[0].disruptions, RESTART | REMOTE);
	assert_int_equal(windows.items[2].disruptions, PURGE);
}

static void it_opens_and_closes_to_the_second(void **state)
{
	/* 21 November 2026 is a Saturday; Zurich is at UTC+1. */
	const struct window it = window("sat", "10:00", "12:00", zurich, 0);
	const long long start = at(2026, 11, 21, 9, 0), end = at(2026, 11, 21, 11, 0);
	const long long week = 7 * DAY;

	(void)state;
	assert_int_equal(opens(&it, 1, RESTART, start - 1, 60), start);
	assert_int_equal(opens(&it, 1, RESTART, start, 60), start);
	assert_int_equal(opens(&it, 1, RESTART, end - 60, 60), end - 60);
	assert_int_equal(opens(&it, 1, RESTART, end - 59, 60), start + week);
	assert_int_equal(opens(&it, 1, RESTART, end, 1), start + week);
	assert_int_equal(opens(&it, 1, RESTART, start, 2 * HOUR), start);
	assert_int_equal(opens(&it, 1, RESTART, start, 2 * HOUR + 1), 0);
	assert_int_equal(opens(&it, 1, 0, end, 60), end);
}

static void one_across_midnight_belongs_to_the_day_on_which_it_opens(void **state)
{
	const struct window it = window("fri", "22:00", "04:00", zurich, 0);
	const long long start = at(2026, 11, 20, 21, 0);

	(void)state;
	assert_int_equal(opens(&it, 1, RESTART, at(2026, 11, 20, 20, 0), 60), start);
	assert_int_equal(opens(&it, 1, RESTART, at(2026, 11, 21, 2, 59), 60),
			at(2026, 11, 21, 2, 59));
	assert_int_equal(opens(&it, 1, RESTART, at(2026, 11, 21, 3, 0), 60), start + 7 * DAY);
	assert_int_equal(opens(&it, 1, RESTART, start, 6 * HOUR), start);
	assert_int_equal(opens(&it, 1, RESTART, start, 6 * HOUR + 1), 0);
}

static void days_may_go_over_the_end_of_the_week(void **state)
{
	const struct window it = window("sat-mon", "00:00", "24:00", zurich, 0);
	const long long start = at(2026, 11, 20, 23, 0);

	(void)state;
	assert_int_equal(it.days, 1 << 6 | 1 << 0 | 1 << 1);
	assert_int_equal(opens(&it, 1, RESTART, start - HOUR, 3 * DAY), start);
	assert_int_equal(opens(&it, 1, RESTART, start - HOUR, 3 * DAY + 1), 0);
}

static void one_in_the_hour_that_is_left_out_is_not_there_that_day(void **state)
{
	const struct window it = window("sun", "02:10", "02:50", zurich, 0);

	(void)state;
	assert_int_equal(opens(&it, 1, RESTART, at(2027, 3, 27, 12, 0), 60), at(2027, 4, 4, 0, 10));
}

static void nights_are_as_long_as_the_clocks_make_them(void **state)
{
	const struct window it = window("sat", "22:00", "04:00", zurich, 0);
	const long long spring = at(2027, 3, 27, 21, 0), autumn = at(2027, 10, 30, 20, 0);

	(void)state;
	assert_int_equal(opens(&it, 1, RESTART, spring, 5 * HOUR), spring);
	assert_int_equal(opens(&it, 1, RESTART, spring, 5 * HOUR + 1), at(2027, 4, 3, 20, 0));
	assert_int_equal(opens(&it, 1, RESTART, autumn, 7 * HOUR), autumn);
	assert_int_equal(opens(&it, 1, RESTART, autumn, 7 * HOUR + 1), 0);
	/* The hour that is shown twice is in it both times. */
	assert_int_equal(opens(&it, 1, RESTART, at(2027, 10, 31, 0, 30), 60),
			at(2027, 10, 31, 0, 30));
	assert_int_equal(opens(&it, 1, RESTART, at(2027, 10, 31, 1, 30), 60),
			at(2027, 10, 31, 1, 30));
}

static void one_that_ends_in_the_hour_shown_twice_ends_the_first_time(void **state)
{
	const struct window it = window("sun", "01:00", "02:30", zurich, 0);
	const long long first = at(2027, 10, 31, 0, 30);

	(void)state;
	assert_int_equal(opens(&it, 1, RESTART, first - 60, 60), first - 60);
	assert_int_equal(opens(&it, 1, RESTART, first + HOUR - 60, 60), at(2027, 11, 7, 0, 0));
}

static void windows_that_touch_count_as_one(void **state)
{
	const struct window items[] = { window("sat", "10:00", "12:00", zurich, 0),
		window("sat", "12:00", "14:00", zurich, 0),
		window("sat", "11:00", "11:30", zurich, 0) };
	const long long start = at(2026, 11, 21, 9, 0);

	(void)state;
	assert_int_equal(opens(items, 3, RESTART, start - HOUR, 4 * HOUR), start);
	assert_int_equal(opens(items, 3, RESTART, start - HOUR, 4 * HOUR + 1), 0);
}

static void what_disturbs_in_two_ways_needs_both(void **state)
{
	const struct window items[] = { window("sat", "10:00", "12:00", zurich, RESTART),
		window("sat", "11:00", "13:00", "UTC", REMOTE) };
	const long long both = at(2026, 11, 28, 11, 0);

	(void)state;
	assert_int_equal(opens(items, 2, RESTART, at(2026, 11, 21, 9, 0), 60),
			at(2026, 11, 21, 9, 0));
	/* 10:00 to 12:00 in Zurich is over when it is 11:00 UTC. */
	assert_int_equal(opens(items, 2, RESTART | REMOTE, at(2026, 11, 21, 8, 0), 60), 0);
	assert_int_equal(opens((struct window[]){ items[0],
					       window("sat", "10:30", "13:00", "UTC", REMOTE) },
					 2, RESTART | REMOTE, at(2026, 11, 21, 12, 0), HOUR / 2),
			both - HOUR / 2);
}

static void what_cannot_be_read_is_told(void **state)
{
	static const struct {
		const char *days, *from, *to, *zone, *what, *wrong;
	} cases[] = {
		{ "someday", "10:00", "12:00", "UTC", "reload", "days" },
		{ "mon-", "10:00", "12:00", "UTC", "reload", "days" },
		{ "mon tue", "10:00", "12:00", "UTC", "reload", "days" },
		{ "mon", "10", "12:00", "UTC", "reload", "from" },
		{ "mon", "1:000", "12:00", "UTC", "reload", "from" },
		{ "mon", "10:60", "12:00", "UTC", "reload", "from" },
		{ "mon", "10:00", "24:01", "UTC", "reload", "to" },
		{ "mon", "10:00", " 9:00", "UTC", "reload", "to" },
		{ "mon", "10:00", "12:00", "Moon", "reload", "zone" },
		{ "mon", "10:00", "12:00", "UTC", "none", "for" },
		{ "mon", "10:00", "12:00", "UTC", "party", "for" },
	};
	const struct place place = { .file = "x.conf", .line = 1 };
	const struct option *options = option_find(target_options, "windows")->members;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct settings *group = settings_new(arena, options, place, "/");
		const char *const texts[] = { cases[i].days, cases[i].from, cases[i].to,
			cases[i].zone, cases[i].what };
		static const char *const names[] = { "days", "from", "to", "zone", "for" };
		struct window made;
		const char *wrong;
		struct error error;

		for (size_t j = 0; j < sizeof(names) / sizeof(*names); j++)
			assert_true(settings_set_text(group, option_find(options, names[j]), place,
					texts[j], &error));
		assert_false(window_read(arena, group, &made, &wrong, &error));
		assert_string_equal(wrong, cases[i].wrong);
		assert_non_null(strstr(error.text, wrong));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_zones_of_the_database_are_known),
		cmocka_unit_test(a_zone_is_left_as_it_was_found),
		cmocka_unit_test(a_moment_has_its_day_there),
		cmocka_unit_test(clocks_that_are_put_forward_leave_out_an_hour),
		cmocka_unit_test(clocks_that_are_put_back_show_an_hour_twice),
		cmocka_unit_test(south_of_the_equator_and_by_half_hours),
		cmocka_unit_test(a_window_binds_what_it_is_for),
		cmocka_unit_test(a_purge_keeps_to_the_windows_of_others_unless_it_has_its_own),
		cmocka_unit_test(it_opens_and_closes_to_the_second),
		cmocka_unit_test(one_across_midnight_belongs_to_the_day_on_which_it_opens),
		cmocka_unit_test(days_may_go_over_the_end_of_the_week),
		cmocka_unit_test(one_in_the_hour_that_is_left_out_is_not_there_that_day),
		cmocka_unit_test(nights_are_as_long_as_the_clocks_make_them),
		cmocka_unit_test(one_that_ends_in_the_hour_shown_twice_ends_the_first_time),
		cmocka_unit_test(windows_that_touch_count_as_one),
		cmocka_unit_test(what_disturbs_in_two_ways_needs_both),
		cmocka_unit_test(what_cannot_be_read_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
