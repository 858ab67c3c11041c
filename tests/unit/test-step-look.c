#include "tests/unit/unit.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/worker.h"

/* Which certificate a look says is installed: the one in the files that begin with the leaf, and of
 * those that nobody can read, whether they are what was published. */

struct scene {
	struct arena *arena;
	char *directory;
	const char *place;
	struct pair issuer, pair;
};

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->arena = arena_new();
	scene->directory = directory_new();
	scene->place = arena_printf(scene->arena, "%s/web", scene->directory);
	pair_make(&scene->issuer, "issuer.example");
	pair_make(&scene->pair, "web.example");
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	pair_done(&scene->issuer);
	pair_done(&scene->pair);
	directory_gone(scene->directory);
	arena_free(scene->arena);
	free(scene);
	return 0;
}

static const char *in_place(struct scene *s, const char *name)
{
	return arena_printf(s->arena, "%s/%s", s->place, name);
}

/* A field of the answer, where these files begin with the leaf; NULL: it is not there. */
static const char *looked(struct scene *s, const char *leaf, const char *field)
{
	autodone(conversation) struct conversation c;
	const char *plan = arena_printf(s->arena,
			"plan web ask\n"
			"ask look look\n"
			"\tname files\n"
			"\tpublish %s\n"
			"\tmethod fixed\n"
			"\tfiles chain.pem cert.pem key.pem\n%s",
			s->place, leaf);

	converse(&c, "work ask", plan, NULL, NEVER);
	assert_string_equal(c.end, "asked");
	return arena_copy(s->arena, record_text(records_find(&c.said, "answer", "files"), field));
}

static void a_chain_is_no_leaf_though_it_comes_first(void **state)
{
	struct scene *s = *state;

	assert_int_equal(mkdir(s->place, 0755), 0);
	write_text(in_place(s, "chain.pem"), s->issuer.certificate);
	write_text(in_place(s, "cert.pem"), s->pair.certificate);
	write_text(in_place(s, "key.pem"), s->pair.key);
	assert_string_equal(looked(s, "\tleaf cert.pem\n", "leaf"), s->pair.fingerprint.hex);
	assert_string_equal(
			looked(s, "\tleaf key.pem cert.pem\n", "leaf"), s->pair.fingerprint.hex);
	assert_null(looked(s, "", "leaf"));
	assert_null(looked(s, "\tleaf key.pem\n", "leaf"));
	assert_null(looked(s, "\tleaf key.pem\n", "unchanged"));
}

/* What the look cannot read is here a key, in the place of a key store. */
static void publish(struct scene *s)
{
	autodone(conversation) struct conversation c;
	struct pair *const pairs[] = { &s->pair, NULL };

	assert_int_equal(mkdir(s->place, 0755), 0);
	converse(&c, "work apply",
			arena_printf(s->arena,
					"plan web \"put it into service\"\n"
					"\tcredential %s\n"
					"change file \"publish\"\n"
					"\tpublish %s\n"
					"\tmethod fixed\n"
					"\tgeneration g\n"
					"\tlayout l\n"
					"\treplaces nothing\n"
					"\tfile cert.pem fullchain 0644 - -\n"
					"\tfile key.pem key 0600 - -\n",
					s->pair.digest.hex, s->place),
			pairs, NEVER);
	if (strcmp(c.end, "applied") != 0)
		fail_msg("%s: %s", c.end, failure_in(&c));
}

static void what_cannot_be_read_tells_whether_it_is_unchanged(void **state)
{
	static const char store[] = "\tleaf key.pem\n";
	struct scene *s = *state;

	publish(s);
	assert_null(looked(s, store, "leaf"));
	assert_string_equal(looked(s, store, "unchanged"), "yes");
	assert_string_equal(looked(s, store, "credential"), s->pair.digest.hex);

	/* Another mode is no other content. */
	assert_int_equal(chmod(in_place(s, "key.pem"), 0640), 0);
	assert_string_equal(looked(s, store, "unchanged"), "yes");
	assert_non_null(looked(s, store, "differs"));

	write_text(in_place(s, "key.pem"), "another");
	assert_null(looked(s, store, "unchanged"));
	assert_null(looked(s, "\tleaf chain.pem\n", "unchanged"));
	assert_int_equal(unlink(in_place(s, "key.pem")), 0);
	assert_null(looked(s, store, "unchanged"));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		claim(a_chain_is_no_leaf_though_it_comes_first),
		claim(what_cannot_be_read_tells_whether_it_is_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
