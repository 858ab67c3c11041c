#include "controller/certdrop/pass/windows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/buffer.h"
#include "controller/base/names.h"
#include "controller/certdrop/pass/zone.h"
#include "controller/model/step.h"

/* So far ahead every window has opened at least once, even one that a change of the clocks
 * has left out the first time. */
enum { DAYS_AHEAD = 15 };

enum { DAY_MINUTES = 24 * 60, WEEK = 7 };

static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

/* ---- reading ---- */

/* "mon", or "fri-sun", which may go over the end of the week. */
static bool read_days(const char *word, unsigned *days, struct error *error)
{
	char first[4] = "", last[4] = "";
	size_t from, to;
	int end = 0;

	if (sscanf(word, "%3[a-z]%n-%3[a-z]%n", first, &end, last, &end) < 1 || word[end] ||
			!NAME_FIND(day_names, first, &from) ||
			!NAME_FIND(day_names, *last ? last : first, &to))
		return fail(error, ERROR_CONFIG,
				"\"days\" must be like \"mon\" or \"mon-fri\", not \"%s\"", word);
	for (; from != to; from = (from + 1) % WEEK)
		*days |= 1U << from;
	*days |= 1U << to;
	return true;
}

static bool read_all_days(struct words words, unsigned *days, struct error *error)
{
	*days = words.count == 0 ? (1U << WEEK) - 1 : 0;
	for (size_t i = 0; i < words.count; i++)
		if (!read_days(words.items[i], days, error))
			return false;
	return true;
}

/* Two digits; -1: they are not. */
static int two_digits(const char *text)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	return 10 * (text[0] - '0') + text[1] - '0';
}

static bool read_minute(
		const struct settings *group, const char *name, int *minute, struct error *error)
{
	const char *text = setting_text(group, name);
	const bool whole = strlen(text) == strlen("22:00") && text[2] == ':';
	const int hours = whole ? two_digits(text) : -1;
	const int minutes = whole ? two_digits(text + 3) : -1;

	if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > DAY_MINUTES)
		return fail(error, ERROR_CONFIG,
				"\"%s\" must be a time of day like \"22:00\", not \"%s\"", name,
				text);
	*minute = hours * 60 + minutes;
	return true;
}

static bool read_disruptions(struct words words, unsigned *disruptions, struct error *error)
{
	*disruptions = 1U << DISRUPTION_RESTART | 1U << DISRUPTION_REMOTE;
	for (size_t i = 0; i < words.count; i++) {
		enum disruption disruption;

		if (!disruption_read(words.items[i], &disruption) || disruption == DISRUPTION_NONE)
			return fail(error, ERROR_CONFIG,
					"\"for\" must be of \"reload\", \"restart\", \"remote\" and "
					"\"purge\", not \"%s\"",
					words.items[i]);
		*disruptions = (i > 0 ? *disruptions : 0) | 1U << disruption;
	}
	return true;
}

static const char *window_text(struct arena *arena, const struct settings *group)
{
	const struct words days = setting_words(group, "days");
	const char *zone = setting_text(group, "zone");
	autodone(buffer) struct buffer text = { 0 };

	for (size_t i = 0; i < days.count; i++)
		buffer_printf(&text, "%s%s", i > 0 ? "," : "", days.items[i]);
	buffer_printf(&text, "%s%s-%s", days.count > 0 ? " " : "", setting_text(group, "from"),
			setting_text(group, "to"));
	if (zone)
		buffer_printf(&text, " %s", zone);
	return arena_copy(arena, buffer_text(&text));
}

static bool read_zone(const char *zone, struct error *error)
{
	if (zone_known(zone))
		return true;
	return fail(error, ERROR_CONFIG,
			"\"zone\" must be a time zone that this machine knows, like "
			"\"Europe/Zurich\", not \"%s\"",
			zone);
}

bool window_read(struct arena *arena, const struct settings *group, struct window *window,
		const char **wrong, struct error *error)
{
	struct window read = { .zone = setting_text(group, "zone") };

	*wrong = NULL;
	if (!read_all_days(setting_words(group, "days"), &read.days, error))
		*wrong = "days";
	else if (!read_minute(group, "from", &read.from, error))
		*wrong = "from";
	else if (!read_minute(group, "to", &read.to, error))
		*wrong = "to";
	else if (!read_disruptions(setting_words(group, "for"), &read.disruptions, error))
		*wrong = "for";
	else if (!read_zone(read.zone, error))
		*wrong = "zone";
	if (*wrong)
		return false;
	read.text = window_text(arena, group);
	*window = read;
	return true;
}

/* A purge touches others, too: it keeps to their windows, unless it has some of its own. */
static void bind_purges(struct windows *windows)
{
	for (size_t i = 0; i < windows->count; i++)
		if (windows->items[i].disruptions & 1U << DISRUPTION_PURGE)
			return;
	for (size_t i = 0; i < windows->count; i++)
		if (windows->items[i].disruptions & 1U << DISRUPTION_REMOTE)
			windows->items[i].disruptions |= 1U << DISRUPTION_PURGE;
}

struct windows windows_of(struct arena *arena, const struct target *target)
{
	struct windows windows = { .count = setting_count(target->settings, "windows") };

	windows.items = arena_new_many(arena, struct window, windows.count + 1);
	for (size_t i = 0; i < windows.count; i++) {
		const struct settings *group = setting_item(target->settings, "windows", i);
		const char *wrong;
		struct error error;
		const bool read = window_read(arena, group, &windows.items[i], &wrong, &error);

		assert(read);
	}
	bind_purges(&windows);
	return windows;
}

unsigned windows_bind(const struct windows *windows, unsigned disruptions)
{
	unsigned named = 0;

	for (size_t i = 0; i < windows->count; i++)
		named |= windows->items[i].disruptions;
	return disruptions & named;
}

/* ---- when they are open ---- */

struct span {
	long long start, end;
	const struct window *window;
};

struct spans {
	struct arena *arena;
	struct span *items;
	size_t count, size;
};

static void add_span(struct spans *spans, const struct window *window, struct civil day)
{
	struct civil last = civil_add_days(day, window->to <= window->from);
	struct span span = { .window = window };

	day.minute = window->from;
	last.minute = window->to;
	span.start = zone_moment(window->zone, day);
	span.end = zone_moment(window->zone, last);
	spans->items = arena_with_room(spans->arena, spans->items, spans->count, &spans->size,
			sizeof(*spans->items));
	spans->items[spans->count++] = span;
}

static int sort_spans(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	return one->start < other->start ? -1 : one->start > other->start;
}

/* From yesterday, because it may have opened then. */
static void find_spans(struct spans *spans, const struct windows *windows, unsigned disruptions,
		long long now)
{
	for (size_t i = 0; i < windows->count; i++) {
		const struct window *window = &windows->items[i];
		const struct civil today = zone_civil(window->zone, now);

		if (!(window->disruptions & disruptions))
			continue;
		for (int days = -1; days < DAYS_AHEAD; days++) {
			const struct civil day = civil_add_days(today, days);

			if (window->days & 1U << day.weekday)
				add_span(spans, window, day);
		}
	}
	if (spans->count > 0)
		qsort(spans->items, spans->count, sizeof(*spans->items), sort_spans);
}

/* Until when from `at` on windows for this one disruption are open, one after the other. */
static long long open_for_one(const struct spans *spans, unsigned disruption, long long at)
{
	for (size_t i = 0; i < spans->count && spans->items[i].start <= at; i++)
		if (spans->items[i].window->disruptions & disruption && spans->items[i].end > at)
			at = spans->items[i].end;
	return at;
}

/* Until when they are open for all of them; `at` itself: they are not. */
static long long open_until(const struct spans *spans, unsigned disruptions, long long at)
{
	long long until = -1;

	for (unsigned bit = 1; bit <= disruptions; bit <<= 1) {
		const long long end = disruptions & bit ? open_for_one(spans, bit, at) : -1;

		if (disruptions & bit && (until < 0 || end < until))
			until = end;
	}
	return until;
}

/* It can only begin to fit now, or when one of them opens. */
struct opening windows_next(const struct windows *windows, unsigned disruptions, long long now,
		long long needed)
{
	autoarena struct arena *arena = arena_new();
	struct spans spans = { .arena = arena };

	if (!disruptions)
		return (struct opening){ .at = now };
	find_spans(&spans, windows, disruptions, now);
	if (needed < 1)
		needed = 1;
	if (open_until(&spans, disruptions, now) - now >= needed)
		return (struct opening){ .at = now };
	for (size_t i = 0; i < spans.count; i++) {
		const long long at = spans.items[i].start;

		if (at > now && open_until(&spans, disruptions, at) - at >= needed)
			return (struct opening){ .at = at, .window = spans.items[i].window };
	}
	return (struct opening){ 0 };
}
