#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/publishing.h"

/* Files that could not be published, and are known to be what they were, are nothing that a product
 * would have to be told of. */

static const struct {
	const char *name, *flips_to; /* what the first rename that can be seen renames to */
} methods[] = {
	{ "link", "web" },
	{ "exchange", "web" },
	{ "fixed", "cert.pem" },
};
enum { METHODS = sizeof(methods) / sizeof(*methods) };

/* ---- renames that fail ---- */

/* In place of the C library's: the next one to this name is refused, or made and then said to have
 * failed, as a file server may. */
static const char *refused, *doubted;
static int refusal = EBUSY;

static int rename_to(int from, const char *name, int to, const char *as, unsigned flags)
{
	if (refused && strcmp(as, refused) == 0) {
		refused = NULL;
		errno = refusal;
		return -1;
	}
	if (syscall(SYS_renameat2, from, name, to, as, flags) < 0)
		return -1;
	if (!doubted || strcmp(as, doubted) != 0)
		return 0;
	doubted = NULL;
	errno = EIO;
	return -1;
}

int renameat2(int from, const char *name, int to, const char *as, unsigned flags)
{
	return rename_to(from, name, to, as, flags);
}

int renameat(int from, const char *name, int to, const char *as)
{
	return rename_to(from, name, to, as, 0);
}

/* As if the place were a mount point. */
static bool mounted;

int statx(int directory, const char *path, int flags, unsigned mask, struct statx *facts)
{
	const int result = (int)syscall(SYS_statx, directory, path, flags, mask, facts);

	if (result == 0 && mounted)
		facts->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	return result;
}

/* ---- plans with a way back ---- */

/* Step 0 is only taken when what follows is put back; the files are published by step 1. */
static const char *with_way_back(struct scene *s, const char *plan)
{
	const char *change = strstr(plan, "change file");

	return arena_printf(s->arena, "%.*sundo command reload\n\targv true\n%s",
			(int)(change - plan), plan, change);
}

/* What the worker said of steps, without times and reasons, and how it ended. */
static const char *told(struct scene *s, const struct conversation *c)
{
	const char *text = "";

	for (size_t i = 0; i < c->said.count; i++) {
		const struct record *record = c->said.items[i];
		const char *word = record_word(record, 0);
		const size_t count = record->words.count;
		const bool undo = count > 2 && strcmp(record_word(record, count - 1), "undo") == 0;

		if (strcmp(word, "begin") != 0)
			text = arena_printf(s->arena, "%s%s %s%s, ", text, word,
					record_word(record, 1), undo ? " undo" : "");
	}
	return text;
}

static void expect_told(struct scene *s, const char *plan, const char *expected)
{
	autodone(conversation) struct conversation c;

	take(s, &c, plan, NEVER);
	assert_string_equal(told(s, &c), expected);
}

/* Nothing half-made, and no key, lies beside what is there. */
static void assert_no_left_overs(struct scene *s)
{
	static const char *const names[] = { ".web.certdrop-link", "web/.cert.pem.certdrop-new",
		"web/.key.pem.certdrop-new" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_not_equal(access(arena_printf(s->arena, "%s/%s", s->directory, names[i]),
						     F_OK),
				0);
}

/* ---- the claims ---- */

static void what_is_refused_before_the_flip_is_not_undone(void **state)
{
	(void)state;
	for (size_t i = 0; i < METHODS; i++) {
		void *own = NULL;
		struct scene *s;
		const char *was;

		(void)scene_begin(&own);
		s = own;
		(void)before_ours(s, methods[i].name);
		was = snapshot(s);
		expect_told(s,
				with_way_back(s,
						file_plan(s, &s->new, methods[i].name, "g-new",
								"nothing", "")),
				"failed 1, end failed, ");
		assert_string_equal(snapshot(s), was);
		(void)scene_end(&own);
	}
}

static void a_flip_that_is_refused_is_not_undone(void **state)
{
	(void)state;
	for (size_t i = 0; i < METHODS; i++) {
		void *own = NULL;
		struct scene *s;
		const char *was, *plan;

		(void)scene_begin(&own);
		s = own;
		plan = with_way_back(s,
				file_plan(s, &s->new, methods[i].name, "g-new",
						before_ours(s, methods[i].name), ""));
		was = snapshot(s);
		refused = methods[i].flips_to;
		expect_told(s, plan, "failed 1, end failed, ");
		assert_null(refused);
		assert_string_equal(snapshot(s), was);
		assert_no_left_overs(s);
		expect_end(s, plan, "applied");
		assert_serves(s, &s->new);
		(void)scene_end(&own);
	}
}

static void expect_advice(struct scene *s, const char *method, const char *advice)
{
	autodone(conversation) struct conversation c;

	take(s, &c, file_plan(s, &s->new, method, "g-new", looked(s, method, "replaces"), ""),
			NEVER);
	assert_string_equal(c.end, "failed");
	assert_string_equal(record_word(records_find(&c.said, "failed", NULL), 3), "configuration");
	assert_string_equal(failure_in(&c), arena_printf(s->arena, "%s%s", s->place, advice));
}

static void what_will_do_instead_is_told(void **state)
{
	struct scene *s = *state;

	(void)before_foreign(s, "exchange");
	mounted = true;
	expect_advice(s, "link",
			" is a mount point, which no link can replace: use method \"fixed\"");
	refused = "web";
	expect_advice(s, "exchange",
			" is a mount point, which cannot be swapped: use method \"fixed\"");
	mounted = false;
	refused = "web";
	refusal = EXDEV;
	expect_advice(s, "exchange",
			": this file system cannot swap directories: use method \"fixed\"");
	refusal = EBUSY;
	expect_end(s, file_plan(s, &s->new, "fixed", "g-new", looked(s, "fixed", "replaces"), ""),
			"applied");
}

/* A file that is a mount point of its own cannot be replaced, but others before it could. */
static void half_of_the_files_is_undone(void **state)
{
	struct scene *s = *state;
	const char *plan = with_way_back(
			s, file_plan(s, &s->new, "fixed", "g-new", before_ours(s, "fixed"), ""));
	const char *was = snapshot(s);

	refused = "key.pem";
	expect_told(s, plan, "failed 1, done 1 undo, done 0 undo, end undone, ");
	assert_null(refused);
	assert_string_equal(snapshot(s), was);
	assert_no_left_overs(s);
}

static void a_flip_that_was_made_all_the_same_is_undone(void **state)
{
	(void)state;
	for (size_t i = 0; i < METHODS; i++) {
		void *own = NULL;
		struct scene *s;
		const char *was, *plan;

		(void)scene_begin(&own);
		s = own;
		plan = with_way_back(s,
				file_plan(s, &s->new, methods[i].name, "g-new",
						before_ours(s, methods[i].name), ""));
		was = snapshot(s);
		doubted = methods[i].flips_to;
		expect_told(s, plan, "failed 1, done 1 undo, done 0 undo, end undone, ");
		assert_null(doubted);
		assert_string_equal(snapshot(s), was);
		(void)scene_end(&own);
	}
}

static void what_was_done_before_it_is_undone(void **state)
{
	struct scene *s = *state;
	const char *plan = file_plan(s, &s->new, "link", "g-new", "g-other", "");
	const char *change = strstr(plan, "change file");

	(void)before_ours(s, "link");
	expect_told(s,
			arena_printf(s->arena,
					"%.*sundo command reload\n\targv true\n"
					"change command first\n\targv true\n%s",
					(int)(change - plan), plan, change),
			"done 1, failed 2, done 2 undo, done 0 undo, end undone, ");
}

/* Two sets at the same time, of which one can be published. */
static void what_was_done_beside_it_is_undone(void **state)
{
	struct scene *s = *state;
	const char *first = file_plan(
			s, &s->new, "link", "g-new", before_ours(s, "link"), "\ttogether 1\n");
	const char *plan = arena_printf(s->arena,
			"%schange file other\n\ttogether 1\n\tpublish %s/other\n\tmethod link\n"
			"\tgeneration g\n\tlayout l\n\treplaces g-none\n"
			"\tfile c.pem leaf 0644 - -\n",
			first, s->directory);

	expect_told(s, with_way_back(s, plan),
			"done 1, failed 2, done 2 undo, done 1 undo, done 0 undo, end undone, ");
	assert_serves(s, &s->old);
}

/* Whoever was cut short may have published it, and somebody else have put it back since. */
static void what_a_crash_left_is_undone_whatever_is_there(void **state)
{
	struct scene *s = *state;
	autodone(conversation) struct conversation c;

	converse(&c, "work undo\n\tbegun 1",
			with_way_back(s,
					file_plan(s, &s->new, "link", "g-new",
							before_ours(s, "link"), "")),
			NULL, NEVER);
	assert_string_equal(told(s, &c), "done 1 undo, done 0 undo, end undone, ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused_before_the_flip_is_not_undone),
		cmocka_unit_test(a_flip_that_is_refused_is_not_undone),
		cmocka_unit_test_setup_teardown(
				half_of_the_files_is_undone, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(
				what_will_do_instead_is_told, scene_begin, scene_end),
		cmocka_unit_test(a_flip_that_was_made_all_the_same_is_undone),
		cmocka_unit_test_setup_teardown(
				what_was_done_before_it_is_undone, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(
				what_was_done_beside_it_is_undone, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(what_a_crash_left_is_undone_whatever_is_there,
				scene_begin, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
