#include "controller/certdrop/present/date.h"

#include <stdio.h>
#include <time.h>

struct date_text date_print(long long seconds)
{
	const time_t time = (time_t)seconds;
	struct date_text printed = { "" };
	struct tm parts;

	/* A year that does not fit into an int comes from a certificate: any word will do. */
	if (!gmtime_r(&time, &parts) ||
			strftime(printed.text, sizeof(printed.text), "%Y-%m-%dT%H:%M:%SZ",
					&parts) == 0)
		(void)snprintf(printed.text, sizeof(printed.text), "never");
	return printed;
}

const char *date_warning(struct arena *arena, const char *subject, long long not_after,
		long long now, long long warning_ms)
{
	const long long left = not_after - now;
	const long long days = left / (24LL * 3600);

	if (left <= 0)
		return arena_printf(
				arena, "%s has ended, on %s", subject, date_print(not_after).text);
	if (left >= warning_ms / 1000)
		return NULL;
	if (days == 0)
		return arena_printf(arena, "%s ends in less than a day, on %s", subject,
				date_print(not_after).text);
	return arena_printf(arena, "%s ends in %lld %s, on %s", subject, days,
			days == 1 ? "day" : "days", date_print(not_after).text);
}
