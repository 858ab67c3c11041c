#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/model/option.h"

static const struct {
	const char *name;
	long long ms;
} units[] = {
	/* The longest first, as duration_print() wants them. */
	{ "d", 24LL * 3600 * 1000 },
	{ "h", 3600LL * 1000 },
	{ "m", 60LL * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
enum { UNIT_COUNT = sizeof(units) / sizeof(*units) };

static const long long longest_ms = 100LL * 366 * 24 * 3600 * 1000;

static bool find_unit(const char *name, long long *ms)
{
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(units[i].name, name) == 0) {
			*ms = units[i].ms;
			return true;
		}
	}
	return false;
}

bool duration_read(const char *text, long long *ms, struct error *error)
{
	long long number, unit;
	char *end;

	/* strtoll() would also take blanks and signs. */
	if (*text < '0' || *text > '9')
		return fail(error, ERROR_CONFIG, "must be a duration such as \"30s\", not \"%s\"",
				text);
	errno = 0;
	number = strtoll(text, &end, 10);
	if (!find_unit(end, &unit))
		return fail(error, ERROR_CONFIG,
				"must be a duration such as \"30s\" (ms, s, m, h or d), not \"%s\"",
				text);
	if (errno != 0 || number > longest_ms / unit)
		return fail(error, ERROR_CONFIG, "must be less than 100 years, not \"%s\"", text);
	*ms = number * unit;
	return true;
}

struct duration_text duration_print(long long ms)
{
	struct duration_text duration;
	size_t i = 0;

	while (i < UNIT_COUNT - 1 && (ms == 0 || ms % units[i].ms != 0))
		i++;
	(void)snprintf(duration.text, sizeof(duration.text), "%lld%s", ms / units[i].ms,
			units[i].name);
	return duration;
}
