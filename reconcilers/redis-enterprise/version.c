#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <stdlib.h>

/* The next number, and what is behind the sign after it. */
static long next_number(const char **text)
{
	char *end;
	const long number = strtol(*text, &end, 10);

	*text = end > *text && (*end == '.' || *end == '-') ? end + 1 : "";
	return number;
}

bool version_is_before(const char *version, const char *limit)
{
	while (*version || *limit) {
		const long number = next_number(&version), other = next_number(&limit);

		if (number != other)
			return number < other;
	}
	return false;
}
