#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/intake.h"

/* Trees that other tools write. */

enum { STRANGER = 54321 };

static int start(void **state)
{
	*state = fixture_new();
	return 0;
}

static void open_source(struct fixture *fixture, const char *path, const char *root)
{
	char full[160], above[160];
	struct inlet_policy policy = { .root_setting = "source_root" };

	(void)snprintf(full, sizeof(full), "%s/%s", fixture->base, path);
	(void)snprintf(above, sizeof(above), "%s/%s", fixture->base, root ? root : "");
	policy.root = root ? above : NULL;
	fixture->inlet = intake_add_source(fixture->intake, full, &policy, NULL);
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
}

static void kubernetes_volume(struct fixture *fixture)
{
	run(fixture,
			"mkdir -p $T/vol/..1 && cd $T/vol && echo one >..1/tls.crt && "
			"echo key1 >..1/tls.key && ln -s ..1 ..data && "
			"ln -s ..data/tls.crt tls.crt && ln -s ..data/tls.key tls.key");
	open_source(fixture, "vol", NULL);
	scan(fixture);
}

static void kubernetes_generation_is_read_as_one(void **state)
{
	struct fixture *fixture = *state;

	kubernetes_volume(fixture);
	assert_string_equal(fixture->harvest.generation, "..1");
	assert_true(holds(find(fixture, "tls.crt"), "one\n"));
	assert_true(holds(find(fixture, "tls.key"), "key1\n"));
	run(fixture,
			"cd $T/vol && mkdir ..2 && echo two >..2/tls.crt && echo key2 >..2/tls.key && "
			"ln -s ..2 ..data_tmp && mv -T ..data_tmp ..data && rm -r ..1");
	expect_file(fixture, "tls.crt", "two\n");
	assert_true(holds(find(fixture, "tls.key"), "key2\n"));
	assert_string_equal(fixture->harvest.generation, "..2");
}

/* While generations follow each other as fast as they can, no two files of a harvest may be
 * of different ones. */
static void generations_are_never_mixed(void **state)
{
	struct fixture *fixture = *state;
	size_t seen = 0;
	pid_t writer;

	kubernetes_volume(fixture);
	run(fixture,
			"cd $T/vol && mkdir ..2 && echo two >..2/tls.crt && echo key2 >..2/tls.key && "
			"ln -s ..2 ..data_tmp");
	writer = fork();
	if (writer == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(fixture->base) == 0 && chdir("vol") == 0)
			for (;;)
				(void)renameat2(AT_FDCWD, "..data_tmp", AT_FDCWD, "..data",
						RENAME_EXCHANGE);
		_exit(1);
	}
	for (int i = 0; i < 3000; i++) {
		inlet_mark(fixture->inlet);
		harvest_done(&fixture->harvest);
		if (!inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error))
			continue;
		assert_int_equal(fixture->harvest.count, 2);
		if (holds(find(fixture, "tls.crt"), "one\n"))
			assert_true(holds(find(fixture, "tls.key"), "key1\n"));
		else
			assert_true(holds(find(fixture, "tls.key"), "key2\n"));
		seen++;
	}
	(void)kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_true(seen > 0);
}

static void generation_outside_of_the_root_is_refused(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir $T/out $T/vol && echo x >$T/out/tls.crt && ln -s ../out $T/vol/..data");
	open_source(fixture, "vol", NULL);
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	assert_int_equal(fixture->error.kind, ERROR_CONFIG);
	assert_non_null(strstr(fixture->error.text, "set `source_root`"));
}

static void certbot(struct fixture *fixture)
{
	run(fixture,
			"mkdir -p $T/le/live/web $T/le/archive/web && cd $T/le && "
			"echo crt1 >archive/web/cert1.pem && echo crt2 >archive/web/cert2.pem && "
			"ln -s ../../archive/web/cert1.pem live/web/cert.pem");
}

static void certbot_links_are_followed_beneath_the_root(void **state)
{
	struct fixture *fixture = *state;

	certbot(fixture);
	open_source(fixture, "le/live/web", "le");
	scan(fixture);
	assert_true(holds(find(fixture, "cert.pem"), "crt1\n"));
	run(fixture, "cd $T/le/live/web && rm cert.pem");
	settle(fixture);
	run(fixture, "cd $T/le/live/web && ln -s ../../archive/web/cert2.pem cert.pem");
	expect_file(fixture, "cert.pem", "crt2\n");
}

static void rewritten_target_of_a_link_is_noticed(void **state)
{
	struct fixture *fixture = *state;

	certbot(fixture);
	open_source(fixture, "le/live/web", "le");
	settle(fixture);
	run(fixture, "echo again >$T/le/archive/web/cert1.pem");
	expect_file(fixture, "cert.pem", "again\n");
}

static void link_out_of_the_root_names_the_setting(void **state)
{
	struct fixture *fixture = *state;

	certbot(fixture);
	open_source(fixture, "le/live/web", NULL);
	scan(fixture);
	expect_refusal(fixture, "cert.pem", "cert.pem leads out of ");
	expect_refusal(fixture, "cert.pem", "set `source_root` to a directory above both");
}

static void link_to_shadow_is_refused(void **state)
{
	struct fixture *fixture = *state;

	certbot(fixture);
	run(fixture, "ln -s /etc/shadow $T/le/live/web/key.pem");
	open_source(fixture, "le/live/web", "le");
	scan(fixture);
	expect_refusal(fixture, "key.pem", "leads out of");
	assert_true(holds(find(fixture, "cert.pem"), "crt1\n"));
}

static void link_to_nothing_is_refused_until_there_is_something(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir $T/src && ln -s later $T/src/web.pem");
	open_source(fixture, "src", NULL);
	settle(fixture);
	expect_refusal(fixture, "web.pem", "leads nowhere");
	run(fixture, "echo hello >$T/src/later");
	expect_file(fixture, "web.pem", "hello\n");
}

static void source_outside_of_its_root_is_refused(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir $T/root $T/root2");
	open_source(fixture, "root2", "root");
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	assert_int_equal(fixture->error.kind, ERROR_CONFIG);
}

static void swapped_tree_is_followed(void **state)
{
	struct fixture *fixture = *state;

	run(fixture,
			"mkdir -p $T/git/a/certs $T/git/b/certs && cd $T/git && "
			"echo one >a/certs/web.pem && echo two >b/certs/web.pem && ln -s a current");
	open_source(fixture, "git/current/certs", "git");
	settle(fixture);
	assert_true(holds(find(fixture, "web.pem"), "one\n"));
	run(fixture, "cd $T/git && ln -s b next && mv -T next current");
	expect_file(fixture, "web.pem", "two\n");
	assert_null(inlet_degraded(fixture->inlet));
}

static void source_that_is_a_link_is_followed(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "cd $T && mkdir a b && echo one >a/web.pem && echo two >b/web.pem && ln -s a s");
	open_source(fixture, "s", NULL);
	settle(fixture);
	run(fixture, "cd $T && ln -s b next && mv -T next s");
	expect_file(fixture, "web.pem", "two\n");
	/* What was there is not watched any more, what is there is. */
	run(fixture, "echo three >$T/b/web.pem");
	expect_file(fixture, "web.pem", "three\n");
}

static void removed_and_made_again_is_found(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir $T/src && echo one >$T/src/web.pem");
	open_source(fixture, "src", NULL);
	settle(fixture);
	run(fixture, "rm -r $T/src");
	assert_non_null(next_dirty(fixture, DEADLINE_MS));
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	assert_int_equal(fixture->error.kind, ERROR_RETRY);
	assert_non_null(strstr(inlet_degraded(fixture->inlet), "does not exist"));
	assert_int_equal(intake_rescan_ms(fixture->intake), 2000);
	run(fixture, "mkdir $T/src.new && echo two >$T/src.new/web.pem && mv $T/src.new $T/src");
	expect_file(fixture, "web.pem", "two\n");
	assert_null(inlet_degraded(fixture->inlet));
	assert_int_equal(intake_rescan_ms(fixture->intake), 30000);
}

static void missing_at_start_is_found_when_it_appears(void **state)
{
	struct fixture *fixture = *state;
	struct inlet *inlet;

	open_source(fixture, "x/y/z", NULL);
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	for (int i = 0; i < 3; i++) {
		static const char *const steps[] = { "mkdir $T/x", "mkdir $T/x/y",
			"mkdir $T/x/n && echo hello >$T/x/n/web.pem && mv $T/x/n $T/x/y/z" };

		run(fixture, steps[i]);
		inlet = next_dirty(fixture, DEADLINE_MS);
		assert_ptr_equal(inlet, fixture->inlet);
		assert_int_equal(inlet_scan(inlet, &fixture->harvest, &fixture->error), i == 2);
	}
	assert_true(holds(find(fixture, "web.pem"), "hello\n"));
}

static void nothing_is_written_to_a_source(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir $T/src && echo one >$T/src/web.pem && ln $T/src/web.pem $T/second");
	open_source(fixture, "src", NULL);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "one\n"));
	assert_int_equal(inlet_directory(fixture->inlet), -1);
	assert_false(inlet_consume(fixture->inlet, &find(fixture, "web.pem")->entry, 1, NULL,
			&fixture->error));
	assert_int_equal(fixture->error.kind, ERROR_CONFIG);
	run(fixture, "test -e $T/src/web.pem");
}

/* Root may look at everything, so it becomes somebody else for as long as a scan takes. */
static void scan_as_stranger(struct fixture *fixture)
{
	const bool root = geteuid() == 0;

	if (root) {
		assert_int_equal(seteuid(STRANGER), 0);
		/* Else what is in /proc/self would stay root's. */
		assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
	}
	scan(fixture);
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void files_that_may_be_listed_and_not_looked_at_are_told(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir $T/tree && echo one >$T/tree/web.pem && chmod 0644 $T/tree");
	open_source(fixture, "tree", NULL);
	scan_as_stranger(fixture);
	expect_refusal(fixture, "web.pem", "web.pem cannot be opened: Permission denied");
	run(fixture, "chmod 0755 $T/tree");
	scan_as_stranger(fixture);
	assert_true(fixture->harvest.changed);
	assert_true(holds(find(fixture, "web.pem"), "one\n"));
}

/* certbot's archive is its owner's alone. */
static void link_to_what_may_not_be_looked_at_does_not_lead_nowhere(void **state)
{
	struct fixture *fixture = *state;

	run(fixture,
			"mkdir -p $T/le/archive $T/le/live && echo one >$T/le/archive/web.pem && "
			"ln -s ../archive/web.pem $T/le/live/web.pem && chmod 0600 $T/le/archive");
	open_source(fixture, "le/live", "le");
	scan_as_stranger(fixture);
	expect_refusal(fixture, "web.pem", "web.pem cannot be opened: Permission denied");
	run(fixture, "chmod 0755 $T/le/archive");
	scan_as_stranger(fixture);
	assert_true(fixture->harvest.changed);
	assert_true(holds(find(fixture, "web.pem"), "one\n"));
}

int main(void)
{
#define claim(name) cmocka_unit_test_setup_teardown(name, start, fixture_free)
	const struct CMUnitTest tests[] = {
		claim(kubernetes_generation_is_read_as_one),
		claim(generations_are_never_mixed),
		claim(generation_outside_of_the_root_is_refused),
		claim(certbot_links_are_followed_beneath_the_root),
		claim(rewritten_target_of_a_link_is_noticed),
		claim(link_out_of_the_root_names_the_setting),
		claim(link_to_shadow_is_refused),
		claim(link_to_nothing_is_refused_until_there_is_something),
		claim(files_that_may_be_listed_and_not_looked_at_are_told),
		claim(link_to_what_may_not_be_looked_at_does_not_lead_nowhere),
		claim(source_outside_of_its_root_is_refused),
		claim(swapped_tree_is_followed),
		claim(source_that_is_a_link_is_followed),
		claim(removed_and_made_again_is_found),
		claim(missing_at_start_is_found_when_it_appears),
		claim(nothing_is_written_to_a_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
