#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/apply/publish/generation.h"
#include "tests/unit/publishing.h"

/* Whose a file becomes where the settings do not say it. */

enum { PUBLISHED_USER = 4711, PUBLISHED_GROUP = 4712, OTHER_USER = 815, OTHER_GROUP = 816 };

/* In place of the C library's: only root gives files away, and here nothing is written. */
static bool as_root;

uid_t geteuid(void)
{
	return as_root ? 0 : (uid_t)syscall(SYS_geteuid);
}

/* cert.pem, which is somebody's, in a directory that is found so. */
static void find(struct scene *s, enum found_state state, struct found *found)
{
	const char *file = arena_printf(s->arena, "%s/cert.pem", s->directory);

	*found = (struct found){ .state = state,
		.directory = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	write_text(file, "x");
	if (getuid() == 0)
		assert_int_equal(chown(file, OTHER_USER, OTHER_GROUP), 0);
}

/* What the manifest says that certdrop has published. */
static void tell_published(struct scene *s, struct found *found, const char *name)
{
	struct manifest_file *file = arena_new_of(s->arena, struct manifest_file);

	*file = (struct manifest_file){
		.name = name,
		.owner = PUBLISHED_USER,
		.group = PUBLISHED_GROUP,
	};
	found->manifest = (struct manifest){ .files = file, .count = 1 };
}

static struct manifest_file planned(struct scene *s, const struct found *found)
{
	struct manifest manifest;
	struct contents *contents;
	struct file_step step;
	struct plan plan;
	struct error error;

	assert_true(plan_read(s->arena, file_plan(s, &s->new, "link", "g", "nothing", ""), &plan,
			&error));
	file_step_read(s->arena, &plan.steps[0], &step);
	contents = contents_new(&plan);
	assert_true(contents_add(contents, s->new.fd, &error));
	as_root = true;
	if (!generation_plan(s->arena, &step, contents, found, &manifest, &error))
		fail_msg("%s", error.text);
	as_root = false;
	contents_free(contents);
	return manifest.files[0];
}

/* The file's own, as it is on the disk. */
static void assert_as_on_disk(struct scene *s, struct manifest_file file)
{
	struct stat facts;

	assert_int_equal(stat(arena_printf(s->arena, "%s/cert.pem", s->directory), &facts), 0);
	assert_int_equal(file.owner, facts.st_uid);
	assert_int_equal(file.group, facts.st_gid);
}

static void what_certdrop_has_published_stays_whose_it_was_then(void **state)
{
	struct scene *s = *state;
	autodone(found) struct found found;
	struct manifest_file file;

	find(s, FOUND_PUBLISHED, &found);
	tell_published(s, &found, "cert.pem");
	file = planned(s, &found);
	assert_int_equal(file.owner, PUBLISHED_USER);
	assert_int_equal(file.group, PUBLISHED_GROUP);
}

static void what_is_taken_over_stays_whose_it_is(void **state)
{
	struct scene *s = *state;
	autodone(found) struct found found;

	find(s, FOUND_FOREIGN, &found);
	assert_as_on_disk(s, planned(s, &found));
}

/* Where files are replaced one by one, the settings may come to name one more. */
static void one_that_certdrop_has_not_published_yet_is_taken_over(void **state)
{
	struct scene *s = *state;
	autodone(found) struct found found;

	find(s, FOUND_PUBLISHED, &found);
	tell_published(s, &found, "other.pem");
	assert_as_on_disk(s, planned(s, &found));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		claim(what_certdrop_has_published_stays_whose_it_was_then),
		claim(what_is_taken_over_stays_whose_it_is),
		claim(one_that_certdrop_has_not_published_yet_is_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
