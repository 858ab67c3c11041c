#include "tests/unit/unit.h"

#include <string.h>

#include "controller/model/settings-build.h"
#include "controller/model/target.h"
#include "reconcilers/reconciler.h"

static const struct option product_options[] = {
	{ "rsa-min", OPTION_NUMBER, .help = "The least bits." },
	{ "rsa-max", OPTION_NUMBER, .fallback = "4096", .help = "The most bits." },
	{ "curves", OPTION_WORDS, .help = "The curves." },
	{ "kind", OPTION_TEXT, .help = "What it is for." },
	{ NULL },
};

static const struct rule rules[] = {
	{ RULE_RSA_BITS, .min = 2048, .max = 3072, .min_option = "rsa-min", .says = "a product" },
	{ RULE_RSA_BITS, .min = 1024, .max = 2048, .max_option = "rsa-max", .says = "fallbacks" },
	{ RULE_EC_CURVES, .words = "P-256 P-384", .words_option = "curves", .says = "its keys" },
	{ RULE_SIGNATURES, .words = "", .says = "nobody" },
	{ RULE_NOT_SELF_SIGNED, .says = "a product" },
	{ RULE_USAGES, .words = "clientAuth", .when_option = "kind", .when = "client peer",
			.says = "clients" },
	{ 0 },
};

static const struct reconciler product = { .options = product_options, .rules = rules };
static const struct place place = { .file = "test.conf", .line = 1 };

static struct settings *settings_of_product(struct arena *arena)
{
	const struct option *options = options_join(arena, target_options, product_options);

	return settings_new(arena, options, place, "/");
}

static void set_word(struct settings *settings, const char *name, const char *word)
{
	const struct option *option = option_find(settings_options(settings), name);
	struct error error;

	if (!settings_set_text(settings, option, place, word, &error))
		fail_msg("%s", error.text);
}

static void assert_rules(struct arena *arena, const struct settings *settings, const char *expected)
{
	const struct target target = { .name = "x", .reconciler = &product, .settings = settings };
	autodone(buffer) struct buffer text = { 0 };
	struct records records = { 0 };

	rules_write(arena, &target, &records);
	for (size_t i = 0; i < records.count; i++)
		record_print(records.items[i], &text);
	assert_string_equal(buffer_text(&text), expected);
}

static void assert_says(struct arena *arena, const struct settings *settings, enum rule_kind kind,
		const char *expected)
{
	const struct target target = { .name = "x", .reconciler = &product, .settings = settings };
	const char *says = rule_says(arena, &target, kind);

	if (expected)
		assert_string_equal(says, expected);
	else
		assert_null(says);
}

static void a_rule_stands_as_it_is_without_settings(void **state)
{
	autoarena struct arena *arena = arena_new();

	(void)state;
	assert_rules(arena, settings_of_product(arena),
			"rule rsa-bits 2048 3072 \"a product\"\n"
			"rule rsa-bits 1024 4096 fallbacks\n"
			"rule ec-curves \"its keys\" P-256 P-384\n"
			"rule not-self-signed \"a product\"\n");
}

static void a_rule_may_be_for_some_targets_only(void **state)
{
	autoarena struct arena *arena = arena_new();
	static const char usual[] = "rule rsa-bits 2048 3072 \"a product\"\n"
				    "rule rsa-bits 1024 4096 fallbacks\n"
				    "rule ec-curves \"its keys\" P-256 P-384\n"
				    "rule not-self-signed \"a product\"\n";
	struct settings *server = settings_of_product(arena), *peer = settings_of_product(arena);

	(void)state;
	set_word(server, "kind", "pee");
	assert_rules(arena, server, usual);
	set_word(peer, "kind", "peer");
	assert_rules(arena, peer, arena_printf(arena, "%srule usages clients clientAuth\n", usual));
	assert_says(arena, server, RULE_USAGES, NULL);
	assert_says(arena, peer, RULE_USAGES, "clients");
	assert_says(arena, peer, RULE_NOT_SELF_SIGNED, "a product");
}

static void settings_win_over_the_product(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct settings *settings = settings_of_product(arena);
	const struct option *minimum = option_find(settings_options(settings), "rsa-min");
	struct error error;

	(void)state;
	set_word(settings, "curves", "P-521");
	assert_true(settings_set_number(settings, minimum, place, 3000, &error));
	assert_rules(arena, settings,
			"rule rsa-bits 3000 3072 \"a product\"\n"
			"rule rsa-bits 1024 4096 fallbacks\n"
			"rule ec-curves \"its keys\" P-521\n"
			"rule not-self-signed \"a product\"\n");
}

static void what_every_target_may_ask_for_follows(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct settings *settings = settings_of_product(arena);
	const char *items[] = { "a.example", "*.b.example" };
	const struct words names = { .items = items, .count = 2 };
	const struct words none = { 0 };
	struct error error;

	(void)state;
	assert_true(settings_set_words(settings, option_find(settings_options(settings), "names"),
			place, names, &error));
	assert_true(settings_set_words(settings, option_find(settings_options(settings), "curves"),
			place, none, &error));
	set_word(settings, "chain", "complete");
	set_word(settings, "usages", "serverAuth");
	set_word(settings, "key-types", "EC");
	assert_rules(arena, settings,
			"rule rsa-bits 2048 3072 \"a product\"\n"
			"rule rsa-bits 1024 4096 fallbacks\n"
			"rule not-self-signed \"a product\"\n"
			"rule names \"the target's setting `names`\" a.example *.b.example\n"
			"rule usages \"the target's setting `usages`\" serverAuth\n"
			"rule key-types \"the target's setting `key-types`\" EC\n"
			"rule chain \"the target's setting `chain`\" complete\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_stands_as_it_is_without_settings),
		cmocka_unit_test(a_rule_may_be_for_some_targets_only),
		cmocka_unit_test(settings_win_over_the_product),
		cmocka_unit_test(what_every_target_may_ask_for_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
