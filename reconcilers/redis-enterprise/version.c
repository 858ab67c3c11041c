#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <stdlib.h>

/* A rule for the credential that depends on the version, which nobody knows when a file is dropped. */
struct bar {
	const char *before; /* the first version without it */
	const char *says; /* what such a certificate has */
};

/* RS61676, a known issue in the notes of all releases up to 7.4.6:
 * https://redis.io/docs/latest/operate/rs/release-notes/rs-7-4-2-releases/ */
static const struct bar common_names = { "7.8",
	"no common name (CN), which every one of the chain has to have" };

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

bool version_takes(const struct redis *r)
{
	const struct rows unnamed = r->wanted->unnamed;

	if (r->slot->keyless || unnamed.count == 0 ||
			!version_is_before(r->oldest, common_names.before))
		return true;
	return fail(r->error, ERROR_INPUT, "the certificate of %s has %s before %s",
			unnamed.items[0].items[0], common_names.says, common_names.before);
}
