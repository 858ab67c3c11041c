#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/config/config.h"
#include "reconcilers/reconciler.h"

#define CONF SOURCE_ROOT "/conf"

static struct config *load(const char *path)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	struct config *config = NULL;

	if (!config_load(path, &config, &mistakes))
		fail_msg("%s", buffer_text(&mistakes));
	return config;
}

static void the_example_is_sound_and_sets_nothing(void **state)
{
	autoconfig struct config *config = load(CONF "/certdrop.conf");

	(void)state;
	assert_int_equal(config->target_count, 0);
	for (const struct option *option = config_options; option->name; option++)
		assert_false(setting_given(config->settings, option->name));
}

/* The example with the comment signs before its settings removed. */
static void write_uncommented(const char *path)
{
	FILE *from = fopen(CONF "/certdrop.conf", "re"), *to = fopen(path, "we");
	autofree char *line = NULL;
	size_t size = 0;

	assert_non_null(from);
	assert_non_null(to);
	while (getline(&line, &size, from) >= 0) {
		char name[64], equals[2];
		const bool setting = sscanf(line, "#%*1[ ]%63[-a-z] %1[=]", name, equals) == 2 &&
				strstr(line, ";\n");

		assert_true(fputs(line + (setting ? 1 : 0), to) >= 0);
	}
	assert_int_equal(fclose(to), 0);
	(void)fclose(from);
}

static void assert_is_fallback(const struct settings *settings, const struct option *option)
{
	if (option->kind == OPTION_DURATION)
		assert_string_equal(duration_print(setting_number(settings, option->name)).text,
				option->fallback);
	if (option->kind == OPTION_NUMBER)
		assert_int_equal(setting_number(settings, option->name),
				strtol(option->fallback, NULL, 10));
	if (option->kind == OPTION_FLAG)
		assert_int_equal(setting_flag(settings, option->name),
				strcmp(option->fallback, "true") == 0);
	if (option->kind == OPTION_CHOICE)
		assert_string_equal(setting_text(settings, option->name), option->fallback);
}

static void its_comments_hold_every_setting_with_its_fallback(void **state)
{
	char directory[] = "/tmp/test-conf-XXXXXX";
	char path[64], targets[64];
	struct config *config;

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/certdrop.conf", directory);
	(void)snprintf(targets, sizeof(targets), "%s/targets.d", directory);
	assert_int_equal(mkdir(targets, 0700), 0);
	write_uncommented(path);
	config = load(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(targets), 0);
	assert_int_equal(rmdir(directory), 0);
	for (const struct option *option = config_options; option->name; option++) {
		if (!setting_given(config->settings, option->name))
			fail_msg("%s is not in the example", option->name);
		assert_is_fallback(config->settings, option);
	}
	config_free(config);
}

/* Every example of a product, as it would lie in targets.d. */
static void the_examples_of_all_products_are_sound(void **state)
{
	char directory[] = "/tmp/test-conf-XXXXXX";
	autodone(buffer) struct buffer path = { 0 };
	struct config *config;
	size_t count = 0;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (const struct reconciler *const *r = reconcilers; *r; r++) {
		autodone(buffer) struct buffer example = { 0 };

		buffer_printf(&example, CONF "/%s.conf", (*r)->product);
		buffer_clear(&path);
		buffer_printf(&path, "%s/main.conf", directory);
		assert_int_equal(symlink(buffer_text(&example), buffer_text(&path)), 0);
		config = load(buffer_text(&path));
		assert_true(config->target_count > 0);
		/* One of another product may stand beside, to show how they work together. */
		assert_ptr_equal(config->targets[0].reconciler, *r);
		count += config->target_count;
		config_free(config);
		assert_int_equal(unlink(buffer_text(&path)), 0);
	}
	assert_int_equal(rmdir(directory), 0);
	assert_true(count >= 4);
}

/* What `certdrop generate` would trip over. */
static void the_profiles_of_all_products_are_sound(void **state)
{
	(void)state;
	for (const struct reconciler *const *r = reconcilers; *r; r++) {
		for (const struct profile *p = (*r)->profiles; p && p->name; p++) {
			assert_ptr_equal(profile_find((*r)->profiles, p->name), p);
			assert_non_null(p->keys[0]);
			assert_true(p->usages && p->help && p->days > 0);
			if (p->name_option && !option_find((*r)->options, p->name_option))
				assert_non_null(option_find(target_options, p->name_option));
			if (p->when_option)
				assert_non_null(option_find((*r)->options, p->when_option));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_sound_and_sets_nothing),
		cmocka_unit_test(its_comments_hold_every_setting_with_its_fallback),
		cmocka_unit_test(the_examples_of_all_products_are_sound),
		cmocka_unit_test(the_profiles_of_all_products_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
