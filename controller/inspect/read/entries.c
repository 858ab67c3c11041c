#include "controller/inspect/read/entries.h"

#include <string.h>
#include <strings.h>

#include "controller/base/printable.h"

enum { SHOWN_MAX = 4 };

const char *entry_shown(struct arena *arena, struct bytes alias)
{
	return arena_printf(
			arena, "\"%s\"", printable(arena, (const char *)alias.start, alias.length));
}

static const char *list(struct arena *arena, const struct store_entry *entries, size_t count)
{
	const char *text = entry_shown(arena, entries[0].alias);

	for (size_t i = 1; i < count && i < SHOWN_MAX; i++)
		text = arena_printf(arena, "%s%s%s", text, i + 1 == count ? " and " : ", ",
				entry_shown(arena, entries[i].alias));
	return count > SHOWN_MAX ? arena_printf(arena, "%s and %zu more", text, count - SHOWN_MAX)
				 : text;
}

static bool is_called(const struct store_entry *entry, const char *alias)
{
	return entry->alias.length == strlen(alias) &&
			strncasecmp((const char *)entry->alias.start, alias, entry->alias.length) ==
			0;
}

static enum verdict choose_by_alias(struct findings *findings, struct input *input,
		struct store_entry *entries, size_t count)
{
	const char *alias = findings->key_alias;
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		entries[i].taken = is_called(&entries[i], alias);
		found += entries[i].taken;
	}
	if (found == 1)
		return VERDICT_SOUND;
	return conclude(findings, input, VERDICT_REFUSED,
			found == 0 ? "holds no private key called \"%s\", but %s"
				   : "holds more than one private key called \"%s\": %s",
			alias, list(findings->arena, entries, count));
}

enum verdict entries_choose(struct findings *findings, struct input *input,
		struct store_entry *entries, size_t count, size_t trusted)
{
	if (count == 0 && findings->trust_stores)
		return VERDICT_SOUND;
	if (count == 0)
		return conclude(findings, input, VERDICT_REFUSED,
				"is a trust store, with %zu trusted certificate%s and no private "
				"key; what is wanted is the key store with the private key",
				trusted, trusted == 1 ? "" : "s");
	if (findings->key_alias)
		return choose_by_alias(findings, input, entries, count);
	if (count > 1 && !findings->several_keys)
		return conclude(findings, input, VERDICT_REFUSED,
				"holds %zu private keys; the setting key-alias says which one to "
				"take: %s",
				count, list(findings->arena, entries, count));
	for (size_t i = 0; i < count; i++)
		entries[i].taken = true;
	return VERDICT_SOUND;
}
