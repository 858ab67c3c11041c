#include "controller/certdrop/feed/companion.h"

#include "controller/certdrop/present/date.h"

const char *companion_ended(struct arena *arena, const char *subject, struct lasting lasting)
{
	return arena_printf(arena, "%s, which comes with %s, expired on %s", lasting.what, subject,
			date_print(lasting.until).text);
}

const char *companion_begins(struct arena *arena, const char *subject, struct lasting lasting)
{
	return arena_printf(arena, "%s, which comes with %s, is valid from %s", lasting.what,
			subject, date_print(lasting.from).text);
}

struct rows companion_needed(const struct credential *credential)
{
	struct rows needed = credential->links;

	if (needed.count > 1)
		needed.count--;
	return needed;
}

bool companion_current(struct rows rows, long long now)
{
	for (size_t i = 0; i < rows.count; i++) {
		const struct lasting lasting = credential_lasting(rows.items[i]);

		if (lasting.until <= now || lasting.from > now)
			return false;
	}
	return true;
}

/* NULL: there is nothing to say of it. */
static const char *warning_of(struct arena *arena, const struct credential *credential,
		struct lasting link, bool clock_trusted, long long now)
{
	if (clock_trusted && link.until <= now)
		return companion_ended(arena, credential->subject, link);
	if (clock_trusted && link.from > now)
		return companion_begins(arena, credential->subject, link);
	if (link.until >= credential->not_after)
		return NULL;
	return arena_printf(arena, "%s, which comes with %s, ends before it, on %s", link.what,
			credential->subject, date_print(link.until).text);
}

struct rows companion_warnings(struct arena *arena, const struct credential *credential,
		bool clock_trusted, long long now)
{
	const struct rows links = credential->links;
	const char **words = arena_new_many(arena, const char *, links.count + 1);
	struct rows rows = { .items = arena_new_many(arena, struct words, links.count + 1) };

	for (size_t i = 0; i < links.count; i++) {
		words[i] = warning_of(arena, credential, credential_lasting(links.items[i]),
				clock_trusted, now);
		if (words[i])
			rows.items[rows.count++] = (struct words){ .items = &words[i], .count = 1 };
	}
	return rows;
}
