#include "controller/model/profile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controller/model/option.h"
#include "controller/model/rule.h"
#include "controller/model/target.h"

const struct profile *profile_find(const struct profile *profiles, const char *name)
{
	for (; profiles && profiles->name; profiles++)
		if (strcmp(profiles->name, name) == 0)
			return profiles;
	return NULL;
}

/* ---- the rules, as they are written for certdrop-inspect ---- */

static bool is_of(const struct record *rule, enum rule_kind kind)
{
	return strcmp(record_word(rule, 1), rule_kind_name(kind)) == 0;
}

/* rule KIND [MIN MAX] SAYS WORD... */
static struct words words_of(const struct record *rule)
{
	return (struct words){ .items = rule->words.items + 3, .count = rule->words.count - 3 };
}

static bool contains_anycase(struct words words, const char *word, size_t length)
{
	for (size_t i = 0; i < words.count; i++)
		if (strlen(words.items[i]) == length &&
				strncasecmp(words.items[i], word, length) == 0)
			return true;
	return false;
}

static bool allows_bits(const struct record *rule, const char *size)
{
	const long bits = strtol(size, NULL, 10);
	const long max = strtol(record_word(rule, 3), NULL, 10);

	return bits >= strtol(record_word(rule, 2), NULL, 10) && (max == 0 || bits <= max);
}

/* `key` is a type, and behind a blank its size or curve. */
static bool allows_key(const struct record *rule, const char *key)
{
	const size_t type = strcspn(key, " ");
	const char *size = key[type] ? key + type + 1 : "";

	if (is_of(rule, RULE_KEY_TYPES))
		return contains_anycase(words_of(rule), key, type);
	if (is_of(rule, RULE_RSA_BITS) && strncmp(key, "RSA", 3) == 0)
		return allows_bits(rule, size);
	if (is_of(rule, RULE_EC_CURVES) && strncmp(key, "EC ", 3) == 0)
		return contains_anycase(words_of(rule), size, strlen(size));
	return true;
}

static const struct record *who_refuses(const struct records *rules, const char *key)
{
	for (size_t i = 0; i < rules->count; i++)
		if (!allows_key(rules->items[i], key))
			return rules->items[i];
	return NULL;
}

static bool choose_key(struct arena *arena, const struct profile *profile,
		const struct records *rules, const char **key, struct error *error)
{
	const char *tried = NULL;

	for (const char *const *each = profile->keys; *each; each++) {
		if (!who_refuses(rules, *each)) {
			*key = *each;
			return true;
		}
		tried = tried ? arena_printf(arena, "%s, %s", tried, *each) : *each;
	}
	return fail(error, ERROR_CONFIG,
			"profile %s makes keys of these kinds: %s; the target's rules allow none of them",
			profile->name, tried);
}

/* ---- what is wanted ---- */

static void add_words(struct arena *arena, struct words *words, struct words more)
{
	const char **items = arena_new_many(arena, const char *, words->count + more.count + 1);
	size_t count = words->count;

	if (count > 0)
		memcpy(items, words->items, count * sizeof(*items));
	for (size_t i = 0; i < more.count; i++)
		if (!contains_anycase((struct words){ .items = items, .count = count },
				    more.items[i], strlen(more.items[i])))
			items[count++] = arena_copy(arena, more.items[i]);
	*words = (struct words){ .items = items, .count = count };
}

static void add_from_rules(struct arena *arena, struct words *words, const struct records *rules,
		enum rule_kind kind)
{
	for (size_t i = 0; i < rules->count; i++)
		if (is_of(rules->items[i], kind))
			add_words(arena, words, words_of(rules->items[i]));
}

static void add_setting(struct arena *arena, struct words *words, const struct settings *settings,
		const char *name)
{
	const struct option *option = option_find(settings_options(settings), name);
	const char *text;

	assert(option);
	if (option->kind == OPTION_WORDS) {
		add_words(arena, words, setting_words(settings, name));
		return;
	}
	text = setting_text(settings, name);
	if (text)
		add_words(arena, words, (struct words){ .items = &text, .count = 1 });
}

/* Separated by blanks. */
static void add_list(struct arena *arena, struct words *words, const char *list)
{
	char *rest = arena_copy(arena, list);
	const char *word;

	while ((word = strsep(&rest, " ")))
		if (*word)
			add_words(arena, words, (struct words){ .items = &word, .count = 1 });
}

static bool check_meant(
		const struct profile *profile, const struct settings *settings, struct error *error)
{
	const char *value =
			profile->when_option ? setting_text(settings, profile->when_option) : NULL;

	if (!profile->when_option || (value && strcmp(value, profile->when) == 0))
		return true;
	return fail(error, ERROR_CONFIG,
			"profile %s is for targets with %s = \"%s\"; that of this one is \"%s\"",
			profile->name, profile->when_option, profile->when, value ? value : "");
}

bool profile_order(struct arena *arena, const struct profile *profile, const struct target *target,
		struct order *order, struct error *error)
{
	struct order made = { .days = profile->days };
	struct records rules = { 0 };

	if (!check_meant(profile, target->settings, error))
		return false;
	rules_write(arena, target, &rules);
	if (!choose_key(arena, profile, &rules, &made.key, error))
		return false;
	if (profile->name_option)
		add_setting(arena, &made.names, target->settings, profile->name_option);
	add_from_rules(arena, &made.names, &rules, RULE_NAMES);
	if (made.names.count == 0)
		return fail(error, ERROR_CONFIG,
				"no setting tells the name for the certificate: give the target "
				"%s%s`names`",
				profile->name_option ? profile->name_option : "",
				profile->name_option ? " or " : "");
	made.common_name = made.names.items[0];
	add_list(arena, &made.usages, profile->usages);
	add_from_rules(arena, &made.usages, &rules, RULE_USAGES);
	*order = made;
	return true;
}

bool profile_needs_issuer(struct arena *arena, const struct target *target)
{
	struct records rules = { 0 };

	rules_write(arena, target, &rules);
	for (size_t i = 0; i < rules.count; i++)
		if (is_of(rules.items[i], RULE_NOT_SELF_SIGNED))
			return true;
	return false;
}
