#include "controller/model/rule.h"

#include <assert.h>
#include <string.h>

#include "controller/model/target.h"
#include "reconcilers/reconciler.h"

/* What the settings of every target ask for, whatever its product. */
static const struct rule target_rules[] = {
	{ RULE_NAMES, .words_option = "names", .says = "the target's setting `names`" },
	{ RULE_USAGES, .words_option = "usages", .says = "the target's setting `usages`" },
	{ RULE_KEY_TYPES, .words_option = "key-types", .says = "the target's setting `key-types`" },
	{ RULE_CHAIN, .words_option = "chain", .says = "the target's setting `chain`" },
	{ .says = NULL },
};

/* A text split at its blanks. */
static struct words split(struct arena *arena, const char *text)
{
	char *rest = arena_copy(arena, text);
	struct words words = { .items = arena_new_many(arena, const char *, strlen(text) / 2 + 1) };

	for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		words.items[words.count++] = word;
	return words;
}

/* A setting that replaces a rule's words is a list, or one choice. */
static struct words setting_as_words(
		struct arena *arena, const struct settings *settings, const char *name)
{
	const struct option *option = option_find(settings_options(settings), name);
	const char *text;

	assert(option);
	if (option->kind == OPTION_WORDS)
		return setting_words(settings, name);
	text = setting_text(settings, name);
	return split(arena, text ? text : "");
}

static struct words rule_words(
		struct arena *arena, const struct rule *rule, const struct settings *settings)
{
	if (rule->words_option && (setting_given(settings, rule->words_option) || !rule->words))
		return setting_as_words(arena, settings, rule->words_option);
	return split(arena, rule->words ? rule->words : "");
}

/* A setting that was not written and has no fallback leaves the rule's own limit. */
static long long limit(const struct settings *settings, const char *option, long fallback)
{
	const long long number = option ? setting_number(settings, option) : 0;

	return number != 0 || (option && setting_given(settings, option)) ? number : fallback;
}

static bool is_meant(struct arena *arena, const struct rule *rule, const struct settings *settings)
{
	const char *value = rule->when_option ? setting_text(settings, rule->when_option) : NULL;

	return !rule->when_option || (value && words_contain(split(arena, rule->when), value));
}

const char *rule_says(struct arena *arena, const struct target *target, enum rule_kind kind)
{
	const struct rule *rules = target->reconciler->rules;

	for (; rules && rules->says; rules++)
		if (rules->kind == kind && is_meant(arena, rules, target->settings))
			return rules->says;
	return NULL;
}

static void write_rule(struct arena *arena, const struct rule *rule,
		const struct settings *settings, struct records *records)
{
	const struct words words = rule_words(arena, rule, settings);
	struct words all = { .items = arena_new_many(arena, const char *, words.count + 5) };
	struct record *record;

	if (rule_kind_has_words(rule->kind) && words.count == 0)
		return;

	all.items[all.count++] = "rule";
	all.items[all.count++] = rule_kind_name(rule->kind);
	if (rule_kind_has_limits(rule->kind)) {
		all.items[all.count++] = arena_printf(
				arena, "%lld", limit(settings, rule->min_option, rule->min));
		all.items[all.count++] = arena_printf(
				arena, "%lld", limit(settings, rule->max_option, rule->max));
	}
	all.items[all.count++] = rule->says;
	for (size_t i = 0; i < words.count; i++)
		all.items[all.count++] = words.items[i];

	record = arena_new_of(arena, struct record);
	record->words = words_copy(arena, all);
	records_append(arena, records, record);
}

void rules_write(struct arena *arena, const struct target *target, struct records *records)
{
	const struct rule *rules = target->reconciler->rules;

	for (; rules && rules->says; rules++)
		if (is_meant(arena, rules, target->settings))
			write_rule(arena, rules, target->settings, records);
	for (rules = target_rules; rules->says; rules++)
		write_rule(arena, rules, target->settings, records);
}
