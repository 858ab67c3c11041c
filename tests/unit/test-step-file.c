#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/publishing.h"

static const struct {
	const char *method, *generation;
	const char *(*before)(struct scene *s, const char *method);
} beginnings[] = {
	{ "link", "g-new", before_nothing },
	{ "link", "g-new", before_ours },
	{ "link", "g-new", before_foreign },
	{ "link", "g-old", before_drifted },
	{ "exchange", "g-new", before_nothing },
	{ "exchange", "g-new", before_ours },
	{ "exchange", "g-new", before_foreign },
	{ "exchange", "g-old", before_drifted },
	{ "fixed", "g-new", before_nothing },
	{ "fixed", "g-new", before_ours },
	{ "fixed", "g-new", before_foreign },
	{ "fixed", "g-old", before_drifted },
};
enum { BEGINNINGS = sizeof(beginnings) / sizeof(*beginnings) };

/* ---- looking that fails ---- */

/* In place of the C library's: the one of these calls that is that far off fails, once. */
static atomic_long off;

static bool fails(void)
{
	if (atomic_load(&off) == 0 || atomic_fetch_sub(&off, 1) > 1)
		return false;
	errno = EIO;
	return true;
}

int openat64(int directory, const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return fails() ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

int fstat64(int fd, struct stat64 *facts)
{
	return fails() ? -1 : (int)syscall(SYS_fstat, fd, facts);
}

ssize_t readlinkat(int directory, const char *path, char *text, size_t size)
{
	return fails() ? -1 : syscall(SYS_readlinkat, directory, path, text, size);
}

/* ---- the claims ---- */

static void whatever_was_there_is_replaced_and_put_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < BEGINNINGS; i++) {
		const char *method = beginnings[i].method;
		void *own = NULL;
		struct scene *s;
		const char *replaces, *plan, *was;

		(void)scene_begin(&own);
		s = own;
		replaces = beginnings[i].before(s, method);
		was = snapshot(s);
		plan = file_plan(s, &s->new, method, beginnings[i].generation, replaces, "");

		expect_end(s, plan, "applied");
		assert_serves(s, &s->new);
		assert_string_equal(looked(s, method, "state"), "published");
		assert_string_equal(looked(s, method, "credential"), s->new.digest.hex);
		assert_string_equal(looked(s, method, "leaf"), s->new.fingerprint.hex);
		assert_null(looked(s, method, "differs"));

		expect_undone(s, plan, "begun 0");
		assert_string_equal(snapshot(s), was);
		assert_string_equal(looked(s, method, "replaces"), replaces);
		expect_undone(s, plan, "begun 0");
		assert_string_equal(snapshot(s), was);

		expect_end(s, plan, "applied");
		assert_serves(s, &s->new);
		(void)scene_end(&own);
	}
}

static void a_controller_that_goes_away_leaves_what_can_be_put_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < BEGINNINGS; i++) {
		for (long away = 0; away < 5; away++) {
			const char *method = beginnings[i].method;
			autodone(conversation) struct conversation c;
			void *own = NULL;
			struct scene *s;
			const char *plan, *was, *replaces;

			(void)scene_begin(&own);
			s = own;
			replaces = beginnings[i].before(s, method);
			was = snapshot(s);
			plan = file_plan(s, &s->new, method, beginnings[i].generation, replaces,
					"change command fails\n\targv false\n");
			take(s, &c, plan, away);
			if (away == 0)
				assert_string_equal(snapshot(s), was);
			expect_undone(s, plan, begun_in(&c));
			assert_string_equal(snapshot(s), was);
			(void)scene_end(&own);
		}
	}
}

/* Of the calls with which it looks at what is there, the Nth fails. False: there were not so many. */
static bool put_back_in_spite_of(const char *method, long n)
{
	autodone(conversation) struct conversation c;
	const char *plan, *was;
	void *own = NULL;
	struct scene *s;
	bool failed;

	(void)scene_begin(&own);
	s = own;
	plan = file_plan(s, &s->new, method, "g-new", before_ours(s, method), "");
	was = snapshot(s);
	expect_end(s, plan, "applied");
	atomic_store(&off, n);
	converse(&c, "work undo\n\tbegun 0", plan, NULL, NEVER);
	failed = atomic_exchange(&off, 0) == 0;
	if (strcmp(c.end, "undone") != 0)
		expect_undone(s, plan, "begun 0");
	assert_string_equal(snapshot(s), was);
	(void)scene_end(&own);
	return failed;
}

static void what_cannot_be_looked_at_is_not_taken_for_somebody_elses(void **state)
{
	static const char *const methods[] = { "link", "exchange", "fixed" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		long n = 1;

		while (put_back_in_spite_of(methods[i], n))
			n++;
		assert_true(n > 5);
	}
}

static bool is_stored(struct scene *s, const char *name)
{
	return access(arena_printf(s->arena, "%s/.web.certdrop/%s", s->directory, name), F_OK) == 0;
}

static void the_new_set_is_ready_before_the_go_ahead(void **state)
{
	struct scene *s = *state;
	autodone(conversation) struct conversation c;
	const char *replaces = before_ours(s, "link");

	take(s, &c, file_plan(s, &s->new, "link", "g-new", replaces, ""), 0);
	assert_null(c.end);
	assert_true(is_stored(s, "g-new"));
	assert_serves(s, &s->old);
}

static void a_failure_after_it_puts_it_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < BEGINNINGS; i++) {
		const char *method = beginnings[i].method;
		void *own = NULL;
		struct scene *s;
		const char *replaces, *was;

		(void)scene_begin(&own);
		s = own;
		replaces = beginnings[i].before(s, method);
		was = snapshot(s);
		expect_end(s,
				file_plan(s, &s->new, method, beginnings[i].generation, replaces,
						"change command fails\n\targv false\n"),
				"undone");
		assert_string_equal(snapshot(s), was);
		(void)scene_end(&own);
	}
}

static void what_is_not_what_was_seen_is_not_touched(void **state)
{
	static const char *const methods[] = { "link", "exchange", "fixed" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		autodone(conversation) struct conversation c;
		void *own = NULL;
		struct scene *s;
		const char *was;

		(void)scene_begin(&own);
		s = own;
		(void)before_ours(s, methods[i]);
		was = snapshot(s);
		take(s, &c, file_plan(s, &s->new, methods[i], "g-new", "nothing", ""), NEVER);
		assert_string_equal(c.end, "failed");
		assert_non_null(strstr(failure_in(&c), "was changed meanwhile"));
		assert_string_equal(snapshot(s), was);
		(void)scene_end(&own);
	}
}

struct reader {
	const char *place;
	struct scene *scene;
	atomic_bool stop;
	atomic_long torn, whole;
};

/* As a product does: the directory once, then the files in it. */
static void *read_over_and_over(void *argument)
{
	struct reader *r = argument;

	while (!atomic_load(&r->stop)) {
		autoclose int directory = open(r->place, O_PATH | O_DIRECTORY);
		char certificate[8192] = "", key[8192] = "";
		autoclose int one = openat(directory, "cert.pem", O_RDONLY);
		autoclose int other = openat(directory, "key.pem", O_RDONLY);
		const struct scene *s = r->scene;
		bool is_old, is_new;

		if (read(one, certificate, sizeof(certificate) - 1) < 0 ||
				read(other, key, sizeof(key) - 1) < 0) {
			atomic_fetch_add(&r->torn, 1);
			continue;
		}
		is_old = strcmp(certificate, s->old.certificate) == 0 &&
				strcmp(key, s->old.key) == 0;
		is_new = strcmp(certificate, s->new.certificate) == 0 &&
				strcmp(key, s->new.key) == 0;
		atomic_fetch_add(is_old || is_new ? &r->whole : &r->torn, 1);
	}
	return NULL;
}

static void a_reader_never_sees_half_a_pair(void **state)
{
	static const char *const methods[] = { "link", "exchange" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct reader reader = { 0 };
		pthread_t thread;
		void *own = NULL;
		struct scene *s;

		(void)scene_begin(&own);
		s = own;
		(void)before_ours(s, methods[i]);
		reader.place = s->place;
		reader.scene = s;
		assert_int_equal(pthread_create(&thread, NULL, read_over_and_over, &reader), 0);
		for (int k = 0; k < 20; k++) {
			const bool new = k % 2 == 0;

			expect_end(s,
					file_plan(s, new ? &s->new : &s->old, methods[i],
							new ? "g-new" : "g-old",
							new ? "g-old" : "g-new", ""),
					"applied");
		}
		while (atomic_load(&reader.whole) < 100)
			;
		atomic_store(&reader.stop, true);
		(void)pthread_join(thread, NULL);
		assert_int_equal(atomic_load(&reader.torn), 0);
		(void)scene_end(&own);
	}
}

static void the_same_again_changes_nothing(void **state)
{
	static const char *const methods[] = { "link", "exchange", "fixed" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		void *own = NULL;
		struct scene *s;
		struct stat before, after;

		(void)scene_begin(&own);
		s = own;
		(void)before_ours(s, methods[i]);
		assert_int_equal(stat(arena_printf(s->arena, "%s/key.pem", s->place), &before), 0);
		expect_end(s, file_plan(s, &s->old, methods[i], "g-old", "g-old", ""), "applied");
		assert_int_equal(stat(arena_printf(s->arena, "%s/key.pem", s->place), &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		(void)scene_end(&own);
	}
}

static void modes_are_those_of_the_plan(void **state)
{
	struct scene *s = *state;
	struct stat facts;

	(void)before_ours(s, "link");
	assert_int_equal(stat(arena_printf(s->arena, "%s/key.pem", s->place), &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0600);
	assert_int_equal(stat(arena_printf(s->arena, "%s/cert.pem", s->place), &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0644);
	assert_int_equal(chmod(arena_printf(s->arena, "%s/key.pem", s->place), 0644), 0);
	assert_string_equal(looked(s, "link", "differs"), "key.pem has mode 0644 instead of 0600");
	assert_int_equal(unlink(arena_printf(s->arena, "%s/key.pem", s->place)), 0);
	assert_string_equal(looked(s, "link", "differs"), "key.pem: missing");
}

static void a_real_directory_is_not_replaced_by_a_link(void **state)
{
	struct scene *s = *state;
	autodone(conversation) struct conversation c;
	const char *replaces = before_foreign(s, "exchange");

	assert_string_equal(looked(s, "link", "replaces"), replaces);
	take(s, &c, file_plan(s, &s->new, "link", "g-new", replaces, ""), NEVER);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "use method \"exchange\""));
	assert_serves(s, &s->old);
}

static void what_would_vanish_by_an_exchange_is_named(void **state)
{
	struct scene *s = *state;
	autodone(conversation) struct conversation c;

	(void)before_foreign(s, "exchange");
	write_text(arena_printf(s->arena, "%s/dhparam.pem", s->place), "x");
	take(s, &c,
			file_plan(s, &s->new, "exchange", "g-new",
					looked(s, "exchange", "replaces"), ""),
			NEVER);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "also holds dhparam.pem"));
}

/* Whoever may write there could name any directory for the worker to remove. */
static void a_manifest_that_leads_elsewhere_is_foreign(void **state)
{
	struct scene *s = *state;
	autodone(conversation) struct conversation c;
	const char *victim = arena_printf(s->arena, "%s/victim", s->directory);
	const char *manifest = arena_printf(
			s->arena, "generation ../victim\n\tcredential %s\n", s->old.digest.hex);

	(void)before_foreign(s, "exchange");
	assert_int_equal(mkdir(victim, 0755), 0);
	write_text(arena_printf(s->arena, "%s/.manifest", s->place), manifest);
	assert_string_equal(looked(s, "exchange", "state"), "foreign");
	take(s, &c,
			file_plan(s, &s->new, "exchange", "g-new",
					looked(s, "exchange", "replaces"), ""),
			NEVER);
	assert_int_equal(access(victim, F_OK), 0);
	assert_int_equal(access(arena_printf(s->arena, "%s/cert.pem", victim), F_OK), -1);
}

/* The kernel's clock for files goes in steps of milliseconds, in which two can be made here. */
static void make_older(struct scene *s, const char *generation)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
	const char *manifest = arena_printf(
			s->arena, "%s/.web.certdrop/%s/.manifest", s->directory, generation);

	assert_int_equal(utimensat(AT_FDCWD, manifest, times, 0), 0);
}

/* "c" is in service, and before it were, from the latest on, "b", "a" and the predecessor. */
static void publish_four(struct scene *s)
{
	(void)before_ours(s, "link");
	expect_end(s, file_plan(s, &s->new, "link", "a", "g-old", ""), "applied");
	make_older(s, "a");
	expect_end(s, file_plan(s, &s->new, "link", "b", "a", ""), "applied");
	expect_end(s, file_plan(s, &s->new, "link", "c", "b", ""), "applied");
}

/* The predecessor is one of those that are kept. */
static void pruning_keeps_so_many(void **state)
{
	static const struct {
		int keep;
		bool a, b;
	} cases[] = { { 3, true, true }, { 2, false, true }, { 1, false, false },
		{ 0, false, false } };
	struct scene *s = *state;

	publish_four(s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		expect_end(s,
				arena_printf(s->arena,
						"plan web prune\n\tcredential %s\n\tpredecessor %s\n"
						"finish file prune\n\tpublish %s\n\tmethod link\n"
						"\tkeep %d\n",
						s->new.digest.hex, s->old.digest.hex, s->place,
						cases[i].keep),
				"applied");
		assert_true(is_stored(s, "c"));
		assert_int_equal(is_stored(s, "b"), cases[i].b);
		assert_int_equal(is_stored(s, "a"), cases[i].a);
		assert_true(is_stored(s, "g-old"));
		assert_serves(s, &s->new);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_was_there_is_replaced_and_put_back),
		cmocka_unit_test(what_cannot_be_looked_at_is_not_taken_for_somebody_elses),
		cmocka_unit_test(a_controller_that_goes_away_leaves_what_can_be_put_back),
		cmocka_unit_test_setup_teardown(
				the_new_set_is_ready_before_the_go_ahead, scene_begin, scene_end),
		cmocka_unit_test(a_failure_after_it_puts_it_back),
		cmocka_unit_test(what_is_not_what_was_seen_is_not_touched),
		cmocka_unit_test(a_reader_never_sees_half_a_pair),
		cmocka_unit_test(the_same_again_changes_nothing),
		cmocka_unit_test_setup_teardown(
				modes_are_those_of_the_plan, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(
				a_real_directory_is_not_replaced_by_a_link, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(
				what_would_vanish_by_an_exchange_is_named, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(
				a_manifest_that_leads_elsewhere_is_foreign, scene_begin, scene_end),
		cmocka_unit_test_setup_teardown(pruning_keeps_so_many, scene_begin, scene_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
