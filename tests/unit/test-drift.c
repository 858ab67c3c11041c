#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/publishing.h"

/* Somebody else's hand in what is published: it is seen, and put right by publishing once more. */

static const char *path_of(struct scene *s, const char *name)
{
	return arena_printf(s->arena, "%s/%s", s->directory, name);
}

static mode_t mode_of(const char *path)
{
	struct stat facts;

	assert_int_equal(stat(path, &facts), 0);
	return facts.st_mode & 07777;
}

static void assert_differs(struct scene *s, const char *method, const char *expected)
{
	const char *sentence = looked(s, method, "differs");

	assert_string_equal(sentence ? sentence : "nothing differs", expected);
}

static void publish_again(struct scene *s, const char *method)
{
	expect_end(s,
			file_plan(s, &s->old, method, "g-old", looked(s, method, "replaces"),
					"\tdirectory-mode 0750\n"),
			"applied");
	assert_serves(s, &s->old);
	assert_null(looked(s, method, "differs"));
}

/* ---- the store ---- */

static const struct {
	const char *method;
	mode_t right, wrong;
	const char *differs;
} stores[] = {
	{ "link", 0711, 0777, ".web.certdrop has mode 0777 instead of 0711" },
	{ "link", 0711, 0700, ".web.certdrop has mode 0700 instead of 0711" },
	{ "exchange", 0700, 0755, ".web.certdrop has mode 0755 instead of 0700" },
	{ "fixed", 0700, 0770, ".web.certdrop has mode 0770 instead of 0700" },
};

static void who_may_pass_through_the_store_is_put_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++) {
		const char *method = stores[i].method, *store;
		void *own = NULL;
		struct scene *s;

		(void)scene_begin(&own);
		s = own;
		(void)before_ours(s, method);
		store = path_of(s, ".web.certdrop");
		assert_int_equal(mode_of(store), stores[i].right);
		assert_int_equal(chmod(store, stores[i].wrong), 0);
		assert_differs(s, method, stores[i].differs);
		publish_again(s, method);
		assert_int_equal(mode_of(store), stores[i].right);
		(void)scene_end(&own);
	}
}

/* ---- the directory that the files are in ---- */

static void the_directory_is_put_right(void **state)
{
	static const char *const methods[] = { "link", "exchange" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		void *own = NULL;
		struct scene *s;

		(void)scene_begin(&own);
		s = own;
		(void)before_nothing(s, methods[i]);
		publish_again(s, methods[i]);
		assert_int_equal(mode_of(s->place), 0750);
		assert_int_equal(chmod(s->place, 0777), 0);
		assert_differs(s, methods[i], "the directory has mode 0777 instead of 0750");
		publish_again(s, methods[i]);
		assert_int_equal(mode_of(s->place), 0750);
		(void)scene_end(&own);
	}
}

static void its_owner_is_put_right(void **state)
{
	struct scene *s = *state;
	struct stat facts;

	if (geteuid() != 0)
		skip();
	(void)before_ours(s, "link");
	assert_int_equal(chown(s->place, 4711, 4712), 0);
	assert_differs(s, "link",
			arena_printf(s->arena, "the directory belongs to 4711:4712 instead of 0:%u",
					getegid()));
	publish_again(s, "link");
	assert_int_equal(stat(s->place, &facts), 0);
	assert_int_equal(facts.st_uid, 0);
}

/* Otherwise that user would own the next private key, too. */
static void whose_a_file_is_is_put_right(void **state)
{
	static const char *const methods[] = { "link", "exchange", "fixed" };
	struct stat facts;

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < 3; i++) {
		void *own = NULL;
		struct scene *s;
		const char *key;

		(void)scene_begin(&own);
		s = own;
		(void)before_ours(s, methods[i]);
		key = arena_printf(s->arena, "%s/key.pem", s->place);
		assert_int_equal(chown(key, 4711, 4712), 0);
		publish_again(s, methods[i]);
		assert_int_equal(stat(key, &facts), 0);
		assert_int_equal(facts.st_uid, 0);
		(void)scene_end(&own);
	}
	(void)state;
}

/* A bit that is not to be had is not asked for at each look. */
static void a_mode_that_cannot_be_had_is_no_difference(void **state)
{
	struct scene *s = *state;

	expect_end(s, file_plan(s, &s->old, "link", "g-old", "nothing", "\tdirectory-mode 2751\n"),
			"applied");
	assert_null(looked(s, "link", "differs"));
	assert_int_equal(mode_of(s->place) & 0777, 0751);
}

static void a_directory_that_is_not_ours_is_left_alone(void **state)
{
	struct scene *s = *state;

	(void)before_ours(s, "fixed");
	assert_int_equal(chmod(s->place, 0700), 0);
	assert_null(looked(s, "fixed", "differs"));
}

/* What it said of the directory is blotted out, as if it had never been there. */
static void forget_the_directory(struct scene *s)
{
	const char *manifest = arena_printf(s->arena, "%s/.manifest", s->place);
	autofree char *text = read_text(manifest);
	char *line = strstr(text, "\tdirectory ");

	assert_non_null(line);
	memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1) + 1);
	write_text(manifest, text);
}

static void a_manifest_of_before_says_nothing_of_it(void **state)
{
	struct scene *s = *state;
	struct stat before, after;

	(void)before_ours(s, "link");
	forget_the_directory(s);
	assert_int_equal(stat(s->place, &before), 0);
	assert_int_equal(chmod(s->place, 0700), 0);
	assert_null(looked(s, "link", "differs"));
	publish_again(s, "link");
	assert_int_equal(stat(s->place, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_pass_through_the_store_is_put_right),
		cmocka_unit_test(the_directory_is_put_right),
		claim(its_owner_is_put_right),
		cmocka_unit_test(whose_a_file_is_is_put_right),
		claim(a_mode_that_cannot_be_had_is_no_difference),
		claim(a_directory_that_is_not_ours_is_left_alone),
		claim(a_manifest_of_before_says_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
