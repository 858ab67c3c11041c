#include "controller/inspect/judge/law.h"

#include <stdlib.h>
#include <string.h>

static bool is_rule(const struct record *record)
{
	return strcmp(record_word(record, 0), "rule") == 0;
}

/* rule KIND [MIN MAX] SAYS WORD... */
bool law_read(const struct record *record, struct law *law)
{
	size_t at = 2;

	*law = (struct law){ 0 };
	if (!is_rule(record) || !rule_kind_read(record_word(record, 1), &law->kind))
		return false;
	if (rule_kind_has_limits(law->kind)) {
		law->min = strtol(record_word(record, 2), NULL, 10);
		law->max = strtol(record_word(record, 3), NULL, 10);
		at = 4;
	}
	if (record->words.count <= at)
		return false;
	law->says = record->words.items[at];
	law->words.items = record->words.items + at + 1;
	law->words.count = record->words.count - at - 1;
	return true;
}

bool rules_check(const struct records *request, struct error *error)
{
	struct law law;

	for (size_t i = 0; i < request->count; i++)
		if (is_rule(request->items[i]) && !law_read(request->items[i], &law))
			return fail(error, ERROR_INTERNAL, "\"rule %s\" is not a rule",
					record_word(request->items[i], 1));
	return true;
}

/* "crl" or "crl?" */
static bool names_part(struct words words, const char *part)
{
	const size_t length = strlen(part);

	for (size_t i = 0; i < words.count; i++)
		if (strncmp(words.items[i], part, length) == 0 &&
				(words.items[i][length] == '\0' ||
						strcmp(words.items[i] + length, "?") == 0))
			return true;
	return false;
}

void rules_package(const struct records *request, struct words *words, const char **says)
{
	struct law law;

	for (size_t i = 0; i < request->count; i++) {
		if (!law_read(request->items[i], &law) || law.kind != RULE_PACKAGE)
			continue;
		*words = law.words;
		*says = law.says;
	}
}

void rules_names(const struct records *request, struct words *words)
{
	struct law law;

	for (size_t i = 0; i < request->count; i++)
		if (law_read(request->items[i], &law) && law.kind == RULE_NAMES)
			*words = law.words;
}

bool rules_need_part(const struct records *request, const char *part)
{
	struct law law;

	for (size_t i = 0; i < request->count; i++)
		if (law_read(request->items[i], &law) && law.kind == RULE_PARTS &&
				words_contain(law.words, part))
			return true;
	return false;
}

bool rules_want_part(const struct records *request, const char *part)
{
	struct law law;

	for (size_t i = 0; i < request->count; i++)
		if (law_read(request->items[i], &law) && law.kind == RULE_PARTS &&
				names_part(law.words, part))
			return true;
	return false;
}

bool rules_want_no_key(const struct records *request, struct law *law)
{
	for (size_t i = 0; i < request->count; i++)
		if (law_read(request->items[i], law) && law->kind == RULE_NO_KEY)
			return true;
	return false;
}

bool rules_want_bundle(const struct records *request)
{
	struct law law;

	return rules_want_no_key(request, &law) && words_contain(law.words, "authorities");
}

static bool rules_ask_of_chain(const struct records *request, const char *word)
{
	struct law law;

	for (size_t i = 0; i < request->count; i++)
		if (law_read(request->items[i], &law) && law.kind == RULE_CHAIN &&
				words_contain(law.words, word))
			return true;
	return false;
}

bool rules_want_whole_chain(const struct records *request)
{
	return rules_ask_of_chain(request, "complete") || rules_want_root(request);
}

bool rules_want_root(const struct records *request)
{
	return rules_ask_of_chain(request, "root");
}
