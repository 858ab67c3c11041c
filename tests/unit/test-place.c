#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/apply/publish/place.h"
#include "tests/unit/publishing.h"

static void a_directory_without_a_manifest_is_no_generation(void **state)
{
	struct scene *s = *state;
	autodone(place) struct place place = { .parent = -1, .store = -1 };
	struct manifest manifest = { 0 };
	struct error error;
	int fd = 0;

	assert_true(place_open(s->arena, s->place, "link", &place, &error));
	assert_true(place_make_store(&place, &error));
	assert_int_equal(mkdirat(place.store, "other", 0700), 0);
	assert_true(place_open_generation(s->arena, &place, "other", &fd, &manifest, &error));
	assert_int_equal(fd, -1);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		claim(a_directory_without_a_manifest_is_no_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
