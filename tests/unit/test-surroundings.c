#include "tests/unit/unit.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/config/surroundings.h"
#include "tests/unit/configuring.h"

/* What the configuration names and this machine does not have, or the user it names cannot reach. */

static void what_this_machine_lacks_is_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 };
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"inspect-program = \"/bin/true\"; apply-program = \"/nonexistent/apply\";\n"
			"targets = (\n"
			"{ name = \"a\"; product = \"disk\"; publish = \"/a\"; reload = \"true\"; },\n"
			"{ name = \"b\"; product = \"disk\"; publish = \"/b\"; reload = \"ngnix\";\n"
			"  files = ( { name = \"a\"; owner = \"root\"; }, { name = \"a\"; owner = \"4711\"; },\n"
			"    { name = \"c\"; owner = \"nobody-at-all\"; } ); } );");
	assert_true(config_load(main_file, &config, &mistakes));
	assert_int_equal(surroundings_lack(config, &lacks), 3);
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:1: apply-program: there is no program \"/nonexistent/apply\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: reload: there is no program \"ngnix\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:6: owner: there is no user \"nobody-at-all\" here\n"));
}

static void files_and_directories_that_are_not_there_are_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 };
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"inspect-program = \"/bin/true\"; apply-program = \"/bin/true\";\n"
			"targets = (\n"
			"{ name = \"a\"; product = \"disk\"; publish = \"/a\"; rack = \"/nonexistent/rack\";\n"
			"  labels = [ \"/etc/passwd\", \"/nonexistent/one\", \"/etc/passwd/two\", \"/etc\" ]; },\n"
			"{ name = \"b\"; product = \"disk\"; publish = \"/b\"; rack = \"/etc\"; labels = \"/etc/passwd\";\n"
			"  passphrases = \"/nonexistent/words\";\n"
			"  tray = \"/nonexistent/tray\"; user = \"root\"; },\n"
			"{ name = \"c\"; product = \"disk\"; publish = \"/c\"; rack = \"/etc/passwd\"; } );");
	assert_true(config_load(main_file, &config, &mistakes));
	assert_int_equal(surroundings_lack(config, &lacks), 7);
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:3: rack: there is no directory \"/nonexistent/rack\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: labels: there is no file \"/nonexistent/one\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: labels: there is no file \"/etc/passwd/two\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: labels: there is no file \"/etc\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:6: passphrases: there is no file \"/nonexistent/words\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:7: tray: there is no directory \"/nonexistent/tray\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:8: rack: there is no directory \"/etc/passwd\" here\n"));
}

static void what_a_product_advises_against_is_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 };
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"inspect-program = \"/bin/true\"; apply-program = \"/bin/true\"; targets = (\n"
			"{ name = \"a\"; product = \"disk\"; publish = \"/a\"; times = 8; },\n"
			"{ name = \"b\"; product = \"disk\"; publish = \"/b\"; times = 9; } );");
	assert_true(config_load(main_file, &config, &mistakes));
	assert_int_equal(surroundings_lack(config, &lacks), 1);
	assert_non_null(strstr(buffer_text(&lacks), "main.conf:3: b: turn it once\n"));
}

/* How many lines tell of the user who cannot pass into a directory with this mode. */
static size_t blocked(const char *user, mode_t mode)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 }, text = { 0 };
	autoconfig struct config *config = NULL;
	size_t count;

	buffer_printf(&text,
			"inspect-program = \"/bin/true\"; apply-program = \"/bin/true\";\n"
			"targets = ( { name = \"a\"; product = \"disk\"; publish = \"/a\"; user = \"%s\";\n"
			"tray = \"%s/targets.d\"; } );",
			user, directory);
	write_file("main.conf", buffer_text(&text));
	assert_int_equal(chmod(directory, mode), 0);
	assert_true(config_load(main_file, &config, &mistakes));
	count = surroundings_lack(config, &lacks);
	assert_int_equal(chmod(directory, 0700), 0);
	if (count == 1 && !strstr(buffer_text(&lacks), "main.conf:3: tray: the user \""))
		fail_msg("%s", buffer_text(&lacks));
	return count;
}

static void a_user_who_cannot_pass_into_a_directory_is_told(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/targets.d", directory);
	assert_int_equal(chmod(path, 0711), 0);
	assert_int_equal(blocked("daemon", 0711), 0);
	assert_int_equal(blocked("daemon", 0700), 1);
	assert_int_equal(blocked("daemon", 0744), 1);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(blocked("daemon", 0711), 1);
}

/* Only who is root can make directories of others. */
static void an_owner_a_group_and_root_pass_by_their_own_rights(void **state)
{
	const struct passwd *account = getpwnam("nobody");
	struct passwd nobody;
	char path[128];

	(void)state;
	if (geteuid() != 0 || !account)
		skip();
	nobody = *account;
	(void)snprintf(path, sizeof(path), "%s/targets.d", directory);
	assert_int_equal(chmod(path, 0711), 0);
	assert_int_equal(chown(directory, nobody.pw_uid, 0), 0);
	assert_int_equal(blocked("nobody", 0700), 0);
	assert_int_equal(blocked("nobody", 0677), 1);
	assert_int_equal(blocked("root", 0700), 0);
	assert_int_equal(chown(directory, 0, nobody.pw_gid), 0);
	assert_int_equal(blocked("nobody", 0710), 0);
	assert_int_equal(blocked("nobody", 0701), 1);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, configuring_begin, configuring_end)
	const struct CMUnitTest tests[] = {
		claim(what_this_machine_lacks_is_told),
		claim(files_and_directories_that_are_not_there_are_told),
		claim(what_a_product_advises_against_is_told),
		claim(a_user_who_cannot_pass_into_a_directory_is_told),
		claim(an_owner_a_group_and_root_pass_by_their_own_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
