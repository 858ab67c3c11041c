#include "tests/unit/unit.h"

#include <string.h>

#include "controller/base/buffer.h"
#include "controller/model/settings-build.h"
#include "reconcilers/reconciler.h"

static const struct option product_options[] = {
	{ "host", OPTION_TEXT, .help = "The server's name." },
	{ "aliases", OPTION_WORDS, .help = "Its other names." },
	{ "slot", OPTION_TEXT, .help = "Which certificate." },
	{ "rsa-max", OPTION_NUMBER, .fallback = "3072", .help = "The most bits." },
	{ NULL },
};

static const struct rule rules[] = {
	{ RULE_RSA_BITS, .min = 2048, .max_option = "rsa-max", .says = "a product" },
	{ RULE_EC_CURVES, .words = "P-384", .says = "a product" },
	{ RULE_USAGES, .words = "clientAuth", .says = "a product" },
	{ 0 },
};

static const char *const keys[] = { "EC P-256", "RSA 4096", "RSA 3072", "RSA 2048", "Ed25519",
	NULL };
static const struct profile profiles[] = {
	{ "by-host", keys, .usages = "serverAuth clientAuth", .days = 100, .name_option = "host" },
	{ "by-aliases", keys, .usages = "", .days = 7300, .name_option = "aliases" },
	{ "by-nothing", keys, .usages = "", .days = 1 },
	{ "for-some", keys, .usages = "", .name_option = "host", .when_option = "slot",
			.when = "inner" },
	{ 0 },
};

static const struct reconciler product = {
	.product = "product", .options = product_options, .rules = rules, .profiles = profiles
};
static const struct reconciler strict = {
	.product = "strict",
	.options = product_options,
	.rules = (const struct rule[]){ { RULE_NOT_SELF_SIGNED, .says = "it" }, { 0 } },
};
static const struct place place = { .file = "test.conf", .line = 1 };

static void set(struct arena *arena, struct settings *settings, const char *name, const char *list)
{
	const struct option *option = option_find(settings_options(settings), name);
	char *rest = arena_copy(arena, list);
	const char *items[4];
	struct words words = { .items = items };
	struct error error;
	bool good;

	if (option->kind == OPTION_WORDS) {
		while ((items[words.count] = strsep(&rest, " ")))
			words.count++;
		good = settings_set_words(settings, option, place, words, &error);
	} else {
		good = settings_set_text(settings, option, place, list, &error);
	}
	if (!good)
		fail_msg("%s", error.text);
}

static struct target target_of(struct arena *arena, const struct reconciler *reconciler)
{
	const struct option *options = options_join(arena, target_options, product_options);

	return (struct target){ .name = "x",
		.reconciler = reconciler,
		.settings = settings_new(arena, options, place, "/") };
}

static struct settings *settings_of(const struct target *target)
{
	return (struct settings *)(uintptr_t)target->settings;
}

/* "key / name name / usage usage / days", or the error. */
static const char *ordered(struct arena *arena, const struct target *target, const char *profile)
{
	const struct profile *found = profile_find(target->reconciler->profiles, profile);
	autodone(buffer) struct buffer text = { 0 };
	struct order order;
	struct error error;

	assert_non_null(found);
	if (!profile_order(arena, found, target, &order, &error)) {
		assert_int_equal(error.kind, ERROR_CONFIG);
		return arena_copy(arena, error.text);
	}
	assert_string_equal(order.common_name, order.names.items[0]);
	buffer_printf(&text, "%s /", order.key);
	for (size_t i = 0; i < order.names.count; i++)
		buffer_printf(&text, " %s", order.names.items[i]);
	buffer_add(&text, " /");
	for (size_t i = 0; i < order.usages.count; i++)
		buffer_printf(&text, " %s", order.usages.items[i]);
	buffer_printf(&text, " / %ld", order.days);
	return arena_copy(arena, buffer_text(&text));
}

static void the_first_key_that_the_rules_allow(void **state)
{
	static const struct {
		const char *types, *max, *begins;
	} cases[] = {
		{ NULL, NULL, "RSA 3072 /" },
		{ NULL, "2048", "RSA 2048 /" },
		{ NULL, "4096", "RSA 4096 /" },
		{ "Ed25519 EC", NULL, "Ed25519 /" },
		{ "RSA", NULL, "RSA 3072 /" },
		{ "Ed448 EC", NULL,
				"profile by-host makes keys of these kinds: EC P-256, RSA 4096, RSA "
				"3072, RSA 2048, Ed25519; the target's rules allow none of them" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		const struct target target = target_of(arena, &product);
		const char *text;

		set(arena, settings_of(&target), "host", "a.example");
		if (cases[i].types)
			set(arena, settings_of(&target), "key-types", cases[i].types);
		if (cases[i].max) {
			struct error error;

			assert_true(settings_set_number(settings_of(&target),
					option_find(settings_options(target.settings), "rsa-max"),
					place, cases[i].max[0] == '2' ? 2048 : 4096, &error));
		}
		text = ordered(arena, &target, "by-host");
		if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0)
			fail_msg("%s", text);
	}
}

static void settings_and_rules_complete_it(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct target target = target_of(arena, &product);

	(void)state;
	set(arena, settings_of(&target), "host", "a.example");
	set(arena, settings_of(&target), "aliases", "b.example B.EXAMPLE 192.0.2.1");
	assert_string_equal(ordered(arena, &target, "by-host"),
			"RSA 3072 / a.example / serverAuth clientAuth / 100");
	assert_string_equal(ordered(arena, &target, "by-aliases"),
			"RSA 3072 / b.example 192.0.2.1 / clientAuth / 7300");
	set(arena, settings_of(&target), "names", "a.example c.example");
	set(arena, settings_of(&target), "usages", "emailProtection");
	assert_string_equal(ordered(arena, &target, "by-host"),
			"RSA 3072 / a.example c.example / serverAuth clientAuth emailProtection / "
			"100");
	assert_string_equal(ordered(arena, &target, "by-nothing"),
			"RSA 3072 / a.example c.example / clientAuth emailProtection / 1");
}

static void without_a_name_it_says_which_setting_tells_one(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct target target = target_of(arena, &product);

	(void)state;
	assert_string_equal(ordered(arena, &target, "by-host"),
			"no setting tells the name for the certificate: give the target host or "
			"`names`");
	assert_string_equal(ordered(arena, &target, "by-nothing"),
			"no setting tells the name for the certificate: give the target `names`");
}

static void some_are_for_some_targets_only(void **state)
{
	static const struct {
		const char *slot, *begins;
	} cases[] = {
		{ "inner", "RSA 3072 / a.example /" },
		{ "outer",
				"profile for-some is for targets with slot = \"inner\"; that of this one "
				"is \"outer\"" },
		{ NULL,
				"profile for-some is for targets with slot = \"inner\"; that of this one is "
				"\"\"" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		autoarena struct arena *arena = arena_new();
		const struct target target = target_of(arena, &product);
		const char *text;

		set(arena, settings_of(&target), "host", "a.example");
		if (cases[i].slot)
			set(arena, settings_of(&target), "slot", cases[i].slot);
		text = ordered(arena, &target, "for-some");
		if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0)
			fail_msg("%s", text);
	}
}

static void who_needs_an_issuer(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct target open = target_of(arena, &product), closed = target_of(arena, &strict);

	(void)state;
	assert_false(profile_needs_issuer(arena, &open));
	assert_true(profile_needs_issuer(arena, &closed));
	assert_null(profile_find(strict.profiles, "by-host"));
	assert_null(profile_find(product.profiles, "by"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_key_that_the_rules_allow),
		cmocka_unit_test(settings_and_rules_complete_it),
		cmocka_unit_test(without_a_name_it_says_which_setting_tells_one),
		cmocka_unit_test(some_are_for_some_targets_only),
		cmocka_unit_test(who_needs_an_issuer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
