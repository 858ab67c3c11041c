#include <string.h>

#include "controller/certdrop/manual/settings.h"

enum which { ALL, NEEDED, OPTIONAL, NEVER };

/* `end` is behind the word. */
static enum which kind_of(const char *word, const char *end)
{
	static const char never[] = ":never";
	const size_t length = sizeof(never) - 1;

	if (end[-1] == '?')
		return OPTIONAL;
	return (size_t)(end - word) > length && memcmp(end - length, never, length) == 0 ? NEVER
											 : NEEDED;
}

/* "RSA, EC": words that are separated by blanks. A "?" behind a word says that what it names may be
 * missing, and what stands behind a ":" is of no interest here. */
static const char *list_some(
		struct arena *arena, const char *words, const char *between, enum which which)
{
	const char *listed = "";

	for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
		const char *word = words;
		const size_t length = strcspn(word, " ?:");

		words += strcspn(words, " ");
		if (which != ALL && which != kind_of(word, words))
			continue;
		listed = arena_printf(arena, "%s%s%.*s", listed, *listed ? between : "",
				(int)length, word);
	}
	return listed;
}

static const char *list(struct arena *arena, const char *words, const char *between)
{
	return list_some(arena, words, between, ALL);
}

/* `what` ends where the list begins. */
static const char *pieces(struct arena *arena, const char *what, const char *words)
{
	const char *optional = list_some(arena, words, ", ", OPTIONAL);
	const char *never = list_some(arena, words, ", ", NEVER);

	return arena_printf(arena, "%s: %s.%s%s%s%s%s%s", what,
			list_some(arena, words, ", ", NEEDED), *optional ? " There may be: " : "",
			optional, *optional ? "." : "", *never ? " There must not be: " : "", never,
			*never ? "." : "");
}

static const char *bits(struct arena *arena, const struct rule *rule)
{
	if (rule->max == 0)
		return arena_printf(arena, "An RSA key has at least %ld bits.", rule->min);
	return arena_printf(arena, "An RSA key has %ld to %ld bits.", rule->min, rule->max);
}

static const char *chain(const char *words)
{
	if (strcmp(words, "root") == 0)
		return "The chain is complete, root included.";
	if (strcmp(words, "complete") == 0)
		return "The chain is complete up to a known authority.";
	return "The chain may be incomplete.";
}

static const char *no_key(const char *words)
{
	if (strcmp(words, "authorities") == 0)
		return "Authorities' certificates come alone, and belong together. A private key is "
		       "refused.";
	return "A certificate comes alone, or with its chain. A private key is refused.";
}

/* A rule without words of its own has those of a setting. */
static const char *named(struct arena *arena, const struct rule *rule)
{
	return rule->words_option ? arena_printf(arena, "`%s`", rule->words_option) : "";
}

static const char *sentence(struct arena *arena, const struct rule *rule)
{
	const char *words = rule->words ? rule->words : named(arena, rule);

	switch (rule->kind) {
	case RULE_KEY_TYPES:
		return arena_printf(arena, "The key is %s.", list(arena, words, " or "));
	case RULE_RSA_BITS:
		return bits(arena, rule);
	case RULE_EC_CURVES:
		return arena_printf(arena, "An EC key is on %s.", list(arena, words, " or "));
	case RULE_SIGNATURES:
		return arena_printf(
				arena, "Nothing is signed with %s.", list(arena, words, " or "));
	case RULE_USAGES:
		return arena_printf(arena, "The certificate may be used for %s.",
				list(arena, words, " and "));
	case RULE_USAGES_ADVISED:
		return arena_printf(arena,
				"A certificate that may not be used for %s is warned of.",
				list(arena, words, " and "));
	case RULE_NAMES:
		return arena_printf(
				arena, "The certificate covers %s.", list(arena, words, " and "));
	case RULE_PARTS:
		return pieces(arena, "There has to be", words);
	case RULE_CHAIN:
		return chain(words);
	case RULE_VALIDITY:
		return arena_printf(arena, "A certificate of less than %ld days is warned of.",
				rule->min);
	case RULE_VERSION_3:
		return "Certificates are X.509 version 3.";
	case RULE_NOT_SELF_SIGNED:
		return "The certificate is not self-signed.";
	case RULE_ANCHOR:
		return "The chain ends at an authority that comes with it.";
	case RULE_CRL_ISSUED:
		return "A revocation list is signed by an authority that comes with it.";
	case RULE_NO_KEY:
		return no_key(words);
	case RULE_PACKAGE:
		return pieces(arena, "In an archive there has to be", words);
	case RULE_OWN:
		return "No other target has the same certificate, or the same key.";
	}
	return "";
}

/* Settings that take the place of what the rule says. */
static const char *settings_of(struct arena *arena, const struct rule *rule)
{
	const char *const names[] = { rule->min_option, rule->max_option,
		rule->words ? rule->words_option : NULL };
	const char *listed = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i])
			listed = arena_printf(arena, "%s%s`%s`", listed ? listed : "",
					listed ? " and " : "", names[i]);
	return listed;
}

static void describe(struct buffer *page, const struct rule *rule)
{
	autoarena struct arena *arena = arena_new();
	const char *settings = settings_of(arena, rule);

	page_macro(page, ".It");
	if (rule->when)
		page_text(page,
				arena_printf(arena, "Where `%s` is %s:", rule->when_option,
						list(arena, rule->when, ", ")));
	/* Without limits of its own it is the setting that says all. */
	if (rule->words || rule->min || rule->max || !settings)
		page_text(page, sentence(arena, rule));
	if (settings)
		page_text(page, arena_printf(arena, "What %s says counts instead.", settings));
}

void rules_describe(struct buffer *page, const struct rule *rules)
{
	page_macro(page, ".Bl -bullet");
	for (; rules->says; rules++)
		describe(page, rules);
	page_macro(page, ".El");
}
