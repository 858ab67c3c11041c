#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/apply/deadline.h"
#include "controller/apply/scrub.h"
#include "tests/unit/worker.h"

static struct pair pair;
static char *directory;

static int set_up(void **state)
{
	(void)state;
	/* Whatever started this test may have left some open. */
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	pair_make(&pair, "web.example");
	directory = directory_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pair_done(&pair);
	directory_gone(directory);
	return 0;
}

static int pipes_refused;

/* Instead of the library's. */
int pipe2(int fds[2], int flags)
{
	if (pipes_refused == 0)
		return (int)syscall(SYS_pipe2, fds, flags);
	pipes_refused--;
	errno = EMFILE;
	return -1;
}

/* Runs a shell script (the shell is the tool here) as a step of prepare. */
static void run(struct conversation *c, const char *script, const char *more)
{
	struct pair *const pairs[] = { &pair, NULL };
	struct arena *arena = arena_new();
	struct record *step = record_new(arena, "prepare", "command", "run", NULL);
	const char *argv[] = { "sh", "-c", script, "sh", "{fd:key}" };
	autodone(buffer) struct buffer plan = { 0 };

	record_add(arena, step, "argv", (struct words){ .items = argv, .count = 5 });
	buffer_printf(&plan, "plan web run\n\tcredential %s\n", pair.digest.hex);
	record_print(step, &plan);
	buffer_add(&plan, more);
	converse(c, "work apply", buffer_text(&plan), pairs, NEVER);
	arena_free(arena);
}

static void expect(const char *script, const char *more, const char *end, const char *says)
{
	autodone(conversation) struct conversation c;

	run(&c, script, more);
	if (strcmp(c.end, end) != 0)
		fail_msg("%s: %s: %s", script, c.end, failure_in(&c));
	if (says && !strstr(failure_in(&c), says))
		fail_msg("%s: \"%s\" is not in \"%s\"", script, says, failure_in(&c));
}

static void exit_codes_and_output_are_judged(void **state)
{
	(void)state;
	expect("exit 0", "", "applied", NULL);
	expect("echo broken; exit 3", "", "failed", "ended with exit code 3: broken");
	expect("exit 3", "\texit 0 3\n", "applied", NULL);
	expect("echo all is well >&2", "\texpect well fine\n", "applied", NULL);
	expect("echo it is bad", "\texpect well fine\n", "failed",
			"sh does not report success, which would be \"well\" or \"fine\": it is bad");
	expect("echo OK: but ERROR", "\texpect OK\n\trefuse ERROR\n", "failed",
			"reports a failure");
	expect("kill -9 $$", "", "failed", "ended by signal 9");
	expect("exit 3", "\ttool gs_om\n", "failed", "gs_om ended with exit code 3");
	expect("echo it is bad", "\ttool gs_om\n\texpect well\n", "failed",
			"gs_om does not report success, which would be \"well\": it is bad");
}

static void the_environment_is_clean(void **state)
{
	(void)state;
	(void)setenv("CERTDROP_TEST", "leaked", 1);
	expect("test -z \"$CERTDROP_TEST\" && test $LANG = C && test -n \"$PATH\" -a -n \"$HOME\"",
			"", "applied", NULL);
	expect("test \"$MORE\" = yes", "\tenvironment MORE yes\n", "applied", NULL);
	expect("test \"$(pwd)\" = / && ! read line", "", "applied", NULL);
	expect("test \"$(pwd)\" = /usr", "\tdirectory /usr\n", "applied", NULL);
}

static void a_content_comes_by_a_descriptor(void **state)
{
	autodone(buffer) struct buffer path = { 0 }, script = { 0 };
	autofree char *copied = NULL;

	(void)state;
	buffer_printf(&path, "%s/copy", directory);
	buffer_printf(&script, "cat \"$1\" > %s", buffer_text(&path));
	expect(buffer_text(&script), "", "applied", NULL);
	copied = read_text(buffer_text(&path));
	assert_string_equal(copied, pair.key);
}

static void no_descriptor_but_those_given_is_inherited(void **state)
{
	(void)state;
	/* 0, 1, 2, the content, and the one that ls itself opens */
	expect("test \"$(ls /proc/self/fd | wc -l)\" -le 5", "", "applied", NULL);
}

static void output_never_holds_the_key(void **state)
{
	autodone(conversation) struct conversation c, d;
	char line[65] = "";

	(void)state;
	run(&c, "cat \"$1\"; exit 1", "");
	memcpy(line, strchr(pair.key, '\n') + 1, 64);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "exit code 1"));
	assert_null(strstr(failure_in(&c), line));
	assert_null(strstr(failure_in(&c), "PRIVATE KEY"));

	/* A single line of it, without its frame and cut out of a sentence. */
	line[40] = '\0';
	run(&d, "echo \"cannot use <$(sed -n 2p \"$1\" | cut -c1-64)>\"; exit 1", "");
	assert_non_null(strstr(failure_in(&d), "cannot use <"));
	assert_null(strstr(failure_in(&d), line));
}

static void long_output_keeps_its_end(void **state)
{
	(void)state;
	expect("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1", "", "failed",
			"the end");
	expect("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the end",
			"\texpect \"the end\"\n", "applied", NULL);
}

static void the_deadline_ends_grandchildren_too(void **state)
{
	autodone(buffer) struct buffer path = { 0 }, script = { 0 };
	autofree char *number = NULL;
	const long long started = deadline_now();
	pid_t grandchild;

	(void)state;
	buffer_printf(&path, "%s/pid", directory);
	buffer_printf(&script, "trap '' TERM; sleep 600 & echo $! > %s; wait; wait",
			buffer_text(&path));
	expect(buffer_text(&script), "\tdeadline 500\n", "failed", "was killed");
	assert_true(deadline_now() - started < 5000);
	number = read_text(buffer_text(&path));
	grandchild = (pid_t)strtol(number, NULL, 10);
	assert_true(grandchild > 1);
	/* It may be a zombie for a moment, until init has noticed. */
	while (kill(grandchild, 0) == 0 && deadline_now() - started < 20000)
		deadline_pause(10, started + 20000);
	assert_int_equal(kill(grandchild, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void a_daemon_that_keeps_the_output_does_not_hold_it_up(void **state)
{
	autodone(buffer) struct buffer path = { 0 }, script = { 0 };
	autofree char *number = NULL;
	const long long started = deadline_now();

	(void)state;
	buffer_printf(&path, "%s/daemon", directory);
	buffer_printf(&script, "sleep 600 & echo $! > %s; echo started", buffer_text(&path));
	expect(buffer_text(&script), "\texpect started\n", "applied", NULL);
	assert_true(deadline_now() - started < 10000);
	number = read_text(buffer_text(&path));
	assert_int_equal(kill((pid_t)strtol(number, NULL, 10), SIGKILL), 0);
}

static void another_user_is_taken_on_by_root_alone(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		expect("true", "\tuser nobody\n", "failed", "needs certdrop-apply to run as root");
		return;
	}
	expect("test \"$(id -un)\" = nobody && test \"$(id -u)\" != 0 && cat \"$1\" > /dev/null",
			"\tuser nobody\n", "applied", NULL);
	expect("true", "\tuser no-such-user\n", "failed", "there is no user");
}

/* Asks a shell script, and gives the answer's record. */
static const struct record *ask(struct conversation *c, const char *script, const char *more)
{
	struct arena *arena = arena_new();
	struct record *step = record_new(arena, "ask", "command", "ask", NULL);
	const char *argv[] = { "sh", "-c", script, "sh", "{fd:key}" };
	struct pair *const pairs[] = { &pair, NULL };
	autodone(buffer) struct buffer plan = { 0 };

	record_add_text(arena, step, "name", "tool");
	record_add(arena, step, "argv", (struct words){ .items = argv, .count = 5 });
	buffer_printf(&plan, "plan web run\n\tcredential %s\n", pair.digest.hex);
	record_print(step, &plan);
	buffer_add(&plan, more);
	converse(c, "work ask", buffer_text(&plan), pairs, NEVER);
	arena_free(arena);
	assert_string_equal(c->end, "asked");
	return records_find(&c->said, "answer", "tool");
}

static void a_question_brings_back_exit_code_and_picks(void **state)
{
	autodone(conversation) struct conversation c;
	const struct record *told = ask(&c,
			"printf 'state : Normal\\nnode 1 up\\nnode 2 down\\n'; exit 3",
			"\tpick state \"^state : (.*)$\"\n\tpick nodes \"^node [0-9]+\"\n"
			"\tpick up \"^node ([0-9]+) up$\"\n\tpick none \"^nothing$\"\n"
			"\tpick blank \"x*\"\n");
	const struct words nodes = record_words(told, "nodes");

	(void)state;
	assert_int_equal(record_number(told, "exit", -1), 3);
	assert_string_equal(record_text(told, "state"), "Normal");
	assert_int_equal(nodes.count, 2);
	assert_string_equal(nodes.items[0], "node 1");
	assert_string_equal(nodes.items[1], "node 2");
	assert_string_equal(record_text(told, "up"), "1");
	assert_null(record_text(told, "none"));
	assert_true(record_words(told, "blank").count > 2);
	assert_null(record_text(told, "failed"));
}

static void a_question_that_cannot_be_answered_says_why(void **state)
{
	autodone(conversation) struct conversation c, d, e;

	(void)state;
	assert_non_null(strstr(record_text(ask(&c, "kill -9 $$", ""), "failed"), "signal 9"));
	assert_non_null(strstr(
			record_text(ask(&d, "exit 4", "\texit 0 3\n"), "failed"), "exit code 4"));
	assert_non_null(strstr(record_text(ask(&e, "true", "\tpick x \"(\"\n"), "failed"),
			"no regular expression"));
}

static void what_is_picked_never_holds_the_key(void **state)
{
	autodone(conversation) struct conversation c;
	const struct words lines = record_words(
			ask(&c, "echo the key:; sed 1d \"$1\"", "\tpick lines \"^[^-].*$\"\n"),
			"lines");

	(void)state;
	assert_true(lines.count > 2);
	assert_string_equal(lines.items[0], "the key:");
	for (size_t i = 1; i < lines.count; i++)
		assert_null(strstr(pair.key, lines.items[i]));
}

static void polling_runs_it_until_it_succeeds(void **state)
{
	autodone(buffer) struct buffer script = { 0 };

	(void)state;
	buffer_printf(&script, "echo x >> %s/runs; test $(wc -l < %s/runs) = 3", directory,
			directory);
	expect(buffer_text(&script), "\tpoll 10\n", "applied", NULL);
	expect("echo still starting", "\texpect started\n\tpoll 10\n\tdeadline 300\n", "failed",
			"does not report success, which would be \"started\": still starting");
}

static void what_is_not_there_is_a_matter_of_settings(void **state)
{
	autodone(conversation) struct conversation c;
	autodone(buffer) struct buffer plan = { 0 };

	(void)state;
	buffer_printf(&plan,
			"plan web run\n\tcredential %s\nprepare command x\n\targv no-such-tool\n",
			pair.digest.hex);
	converse(&c, "work apply", buffer_text(&plan), NULL, NEVER);
	assert_string_equal(c.end, "failed");
	assert_string_equal(record_word(records_find(&c.said, "failed", NULL), 3), "configuration");
	assert_non_null(strstr(failure_in(&c), "no command \"no-such-tool\""));
}

static void what_a_tool_needs_is_looked_for_first(void **state)
{
	struct arena *arena = arena_new();
	const char *backup = arena_printf(arena, "%s/backup", directory);
	const char *since = arena_printf(arena, "%s/since", directory);
	const char *ran = arena_printf(arena, "%s/ran", directory);
	const char *script = arena_printf(arena, "touch %s", ran);

	(void)state;
	expect(script, arena_printf(arena, "\tneeds /bin/sh %s\n", backup), "failed",
			"sh was not run: ");
	assert_int_equal(access(ran, F_OK), -1);
	expect(script, arena_printf(arena, "\tneeds %s\n", directory), "failed", "is not a file");
	assert_int_equal(access(ran, F_OK), -1);
	expect(script, arena_printf(arena, "\tneeds %s?backup\n", directory), "failed",
			"sh was not run: ");
	assert_int_equal(access(ran, F_OK), -1);
	expect("exit 0", "\tneeds /nowhere?backup\n", "applied", NULL);
	write_text(backup, "x");
	write_text(since, "x");
	expect(script, arena_printf(arena, "\tneeds %s\n\tsince %s\n", backup, since), "failed",
			arena_printf(arena, "%s is older than %s", backup, since));
	assert_int_equal(access(ran, F_OK), -1);
	expect("exit 0", arena_printf(arena, "\tneeds %s\n\tsince %s\n", since, backup), "applied",
			NULL);
	expect(script, arena_printf(arena, "\tneeds /bin/sh %s\n", backup), "applied", NULL);
	assert_int_equal(access(ran, F_OK), 0);
	arena_free(arena);
}

/* The second one waits, although whoever started the first may be gone by then. */
static void two_of_a_lock_never_run_at_a_time(void **state)
{
	struct arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/lock", directory);
	const char *more = arena_printf(arena, "\tlock %s\n\tdeadline 200\n", path);
	int fd;

	(void)state;
	expect("exit 0", more, "applied", NULL);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
	expect("exit 0", more, "failed", "sh was not run: another one is under way");
	(void)close(fd);
	expect(arena_printf(arena, "flock -n %s true", path), more, "failed", "exit code 1");
	expect("exit 0", more, "applied", NULL);
	arena_free(arena);
}

static void a_shortage_of_descriptors_is_waited_for(void **state)
{
	(void)state;
	pipes_refused = 3;
	expect("exit 0", "", "applied", "");
	assert_int_equal(pipes_refused, 0);
}

/* ---- what is taken out of output ---- */

static void assert_scrubbed(const char *text, const char *expected)
{
	autodone(buffer) struct buffer shown = { 0 };

	buffer_add(&shown, text);
	scrub_foreign(&shown);
	assert_string_equal(buffer_text(&shown), expected);
}

static void paths_stay(void **state)
{
	static const char *const paths[] = {
		"cannot update key store '/opt/ping/server-instances/ds1/config/replication/ads-truststore'",
		"Failed to remote copy [/var/lib/opengauss/cluster/install/data/om_cert/om_server_certificate.key]",
		"/home/operator/.local/share/PingDirectory/ServerInstance1/config/schema/replication/store",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_scrubbed(paths[i], paths[i]);
}

/* Slashes and all: each is what openssl rand -base64 45 wrote, or its like. */
static void what_may_be_a_key_does_not(void **state)
{
	static const char *const keys[] = {
		"/Vq7eL2wPz0kTn9XbR4uJ/c1sYh8GmQd5oAi3FtEy/ZxK6vCpW2lBjN7rMSg",
		"/8dQ0fLzGk3TnRb/uJc1sYhV7eL2wPxM9mQd5oAi4FtEyZxK6vCpW/lBjN7rMSg",
		"/Vq7eL2wPz0kTn9XbR4uJ_c1sYh8GmQd5oAi3FtEy-ZxK6vCpW2lBjN7rMSgabc",
		"/aaaaaaaaaaaaaaaaaaaaaaaaaaa/aaaaaaaaaaaaaaaaaaaa/aaaaaaaaaaaaaaaa=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char stars[80] = { 0 };

		memset(stars, '*', strlen(keys[i]));
		assert_scrubbed(keys[i], stars);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shortage_of_descriptors_is_waited_for),
		cmocka_unit_test(exit_codes_and_output_are_judged),
		cmocka_unit_test(the_environment_is_clean),
		cmocka_unit_test(a_content_comes_by_a_descriptor),
		cmocka_unit_test(no_descriptor_but_those_given_is_inherited),
		cmocka_unit_test(output_never_holds_the_key),
		cmocka_unit_test(long_output_keeps_its_end),
		cmocka_unit_test(the_deadline_ends_grandchildren_too),
		cmocka_unit_test(a_daemon_that_keeps_the_output_does_not_hold_it_up),
		cmocka_unit_test(another_user_is_taken_on_by_root_alone),
		cmocka_unit_test(a_question_brings_back_exit_code_and_picks),
		cmocka_unit_test(a_question_that_cannot_be_answered_says_why),
		cmocka_unit_test(what_is_picked_never_holds_the_key),
		cmocka_unit_test(polling_runs_it_until_it_succeeds),
		cmocka_unit_test(what_a_tool_needs_is_looked_for_first),
		cmocka_unit_test(two_of_a_lock_never_run_at_a_time),
		cmocka_unit_test(what_is_not_there_is_a_matter_of_settings),
		cmocka_unit_test(paths_stay),
		cmocka_unit_test(what_may_be_a_key_does_not),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
