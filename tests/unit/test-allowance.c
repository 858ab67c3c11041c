#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/apply/allowance.h"
#include "tests/unit/worker.h"

static const char granted[] = "# what the controller may order\n"
			      "publish /etc/ssl /srv/tls\n"
			      "read /etc/certdrop/secrets\n"
			      "run root nginx -s reload\n"
			      "run postgres pg_ctl\n"
			      "environment PGDATA\n";

static struct arena *arena;
static char *directory;

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	directory = directory_new();
	return 0;
}

static int end(void **state)
{
	(void)state;
	directory_gone(directory);
	arena_free(arena);
	return 0;
}

static bool load(const char *text, const struct allowance **allowance, struct error *error)
{
	const char *path = arena_printf(arena, "%s/apply.conf", directory);

	write_text(path, text);
	return allowance_load(arena, path, allowance, error);
}

/* NULL when the plan with this step is covered, else why not. */
static const char *refused(const char *step)
{
	const struct allowance *allowance = NULL;
	struct plan plan = { 0 };
	struct error error;

	if (!load(granted, &allowance, &error) ||
			!plan_read(arena,
					arena_printf(arena, "plan web test\n\tcredential 5f0c\n%s",
							step),
					&plan, &error))
		fail_msg("%s", error.text);
	assert_int_equal(plan.count, 1);
	if (allowance_covers(allowance, arena, &plan, &error))
		return NULL;
	assert_int_equal(error.kind, ERROR_CONFIG);
	return arena_copy(arena, error.text);
}

static void skip_unless_root(void)
{
	if (getuid() != 0)
		skip();
}

static void it_is_published_below_what_is_named(void **state)
{
	(void)state;
	skip_unless_root();
	assert_null(refused("change file \"x\"\n\tpublish /etc/ssl/web\n"));
	assert_null(refused("change file \"x\"\n\tpublish /srv/tls/a/b\n"));
	assert_non_null(refused("change file \"x\"\n\tpublish /etc/ssl\n"));
	assert_non_null(refused("change file \"x\"\n\tpublish /etc/sslx/web\n"));
	assert_non_null(refused("change file \"x\"\n\tpublish /etc/certdrop/secrets/x\n"));
	assert_string_equal(refused("change file \"x\"\n\tpublish /etc/ssl/../cron.d\n"),
			"the worker's allowance does not allow it to write at "
			"/etc/ssl/../cron.d");
	assert_null(refused("change file \"x\"\n\tpublish /etc/ssl/web\n\tfile a key 0600\n"));
	assert_non_null(refused("undo file \"x\"\n\tpublish /etc/ssl/web\n\tfile ../a key 0600\n"));
	assert_non_null(refused("prove look \"x\"\n\tpublish /etc/ssl/web\n\tfiles a ../b\n"));
	assert_non_null(refused("change file \"x\"\n\tpublish /etc/ssl/..\n"));
	assert_non_null(refused("change file \"x\"\n\tpublish etc/ssl/web\n"));
	assert_null(refused("change file \"x\"\n\tpublish /etc/ssl/..web\n"));
}

static void it_is_read_below_what_is_named(void **state)
{
	static const char http[] = "prepare http \"x\"\n\turl https://a/\n\t%s %s\n";

	(void)state;
	skip_unless_root();
	assert_null(refused(arena_printf(arena, http, "password-file", "/etc/certdrop/secrets/a")));
	assert_null(refused(arena_printf(arena, http, "ca-file", "/etc/ssl/ca.pem")));
	assert_non_null(refused(arena_printf(arena, http, "password-file", "/etc/shadow")));
	assert_non_null(refused(arena_printf(arena, http, "bearer-file", "/etc/shadow")));
	assert_non_null(refused(arena_printf(arena, http, "client-key", "/etc/shadow")));
	assert_null(refused("change ldap \"x\"\n\turl ldaps://a\n"
			    "\tvalue password 80 /etc/certdrop/secrets/a\n"));
	assert_non_null(refused("change ldap \"x\"\n\turl ldaps://a\n\tvalue open 30\n"
				"\tvalue password 80 /etc/shadow\n"));
	assert_non_null(refused("prepare make \"x\"\n\tmake p\n\tdeployed /root\n"));
}

static void locks_and_leases_are_written(void **state)
{
	(void)state;
	skip_unless_root();
	assert_null(refused("prepare lease \"x\"\n\tlease a\n\tdirectory /srv/tls/leases\n"));
	assert_non_null(refused("prepare lease \"x\"\n\tlease a\n\tdirectory /etc/cron.d\n"));
	assert_non_null(refused("change command \"x\"\n\targv pg_ctl\n\tuser postgres\n"
				"\tlock /etc/cron.d/x\n"));
}

static void commands_begin_as_is_said(void **state)
{
	(void)state;
	skip_unless_root();
	assert_null(refused("change command \"x\"\n\targv nginx -s reload\n"));
	assert_null(refused("change command \"x\"\n\targv nginx -s reload\n\tuser root\n"));
	assert_null(refused("change command \"x\"\n\targv pg_ctl reload\n\tuser postgres\n"));
	assert_non_null(refused("change command \"x\"\n\targv nginx -s\n"));
	assert_non_null(refused("change command \"x\"\n\targv nginx -c /tmp/x\n"));
	assert_string_equal(refused("change command \"x\"\n\targv sh -c id\n"),
			"the worker's allowance does not allow it to run \"sh\" in this way as "
			"root");
	assert_non_null(refused("change command \"x\"\n\targv pg_ctl reload\n"));
	assert_non_null(refused("undo command \"x\"\n\targv sh\n"));
	assert_non_null(refused("ask command \"x\"\n\tname a\n\targv sh\n"));
}

static void the_environment_is_what_is_said(void **state)
{
	static const char command[] = "change command \"x\"\n\targv nginx -s reload\n"
				      "\tenvironment %s x\n";

	(void)state;
	skip_unless_root();
	assert_null(refused(arena_printf(arena, command, "PGDATA")));
	assert_non_null(refused(arena_printf(arena, command, "LD_PRELOAD")));
}

static void without_a_file_all_is_allowed(void **state)
{
	const struct allowance *allowance;
	struct error error;

	(void)state;
	assert_true(allowance_load(
			arena, arena_printf(arena, "%s/none", directory), &allowance, &error));
	assert_null(allowance);
	assert_true(allowance_covers(NULL, arena, &(struct plan){ .count = 0 }, &error));
}

static void a_file_of_others_does_not_count(void **state)
{
	const char *path = arena_printf(arena, "%s/apply.conf", directory);
	const struct allowance *allowance;
	struct error error;

	(void)state;
	write_text(path, granted);
	assert_int_equal(chmod(path, 0620), 0);
	assert_false(allowance_load(arena, path, &allowance, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "/apply.conf: others than root may write it"));
}

static void mistakes_are_told(void **state)
{
	static const char *const texts[] = { "pubish /etc\n", "publish\n", "run root\n\tid 0\n",
		"publish \"/etc\n" };
	const struct allowance *allowance;
	struct error error;

	(void)state;
	skip_unless_root();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_false(load(texts[i], &allowance, &error));
		assert_int_equal(error.kind, ERROR_CONFIG);
	}
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(it_is_published_below_what_is_named),
		claim(it_is_read_below_what_is_named),
		claim(locks_and_leases_are_written),
		claim(commands_begin_as_is_said),
		claim(the_environment_is_what_is_said),
		claim(without_a_file_all_is_allowed),
		claim(a_file_of_others_does_not_count),
		claim(mistakes_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
