#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/certdrop/state/journal.h"

static char directory[64];
static struct journal *journal;
static struct arena *arena;

static const char *path_of(const char *name)
{
	return arena_printf(arena, "%s/%s", directory, name);
}

static void open_again(void)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;

	journal_close(journal);
	journal = journal_open(directory, &notice, &error);
	if (!journal)
		fail_msg("%s", error.text);
	assert_string_equal(buffer_text(&notice), "");
}

static void commit(void)
{
	struct error error;

	if (!journal_commit(journal, &error))
		fail_msg("%s", error.text);
	assert_false(journal_pressing(journal));
}

static int begin(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/test-journal-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	arena = arena_new();
	open_again();
	return 0;
}

static int end(void **state)
{
	static const char *const names[] = { "journal.db", "journal.db-wal", "journal.db-shm",
		"journal.db.damaged", "journal.db.damaged-wal", "journal.db.damaged-2",
		"journal.db.damaged-2-wal" };

	(void)state;
	journal_close(journal);
	journal = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlink(path_of(names[i]));
	arena_free(arena);
	return rmdir(directory);
}

/* ---- targets ---- */

static const struct remembered sample = {
	.wanted = "aa11",
	.predecessor = "bb22",
	.state = "failed",
	.reason = "it's \"quoted\"; \xC3\xA4",
	.inputs = "input a.pem cc33\n",
	.since = 1795246000,
	.accepted_ns = 1795246000123456789,
	.in_service_since = 1795246001,
};

static void what_is_remembered_survives_a_reopen(void **state)
{
	const struct remembered bare = { .state = "idle" };
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	journal_remember(journal, "bare", &bare);
	commit();
	open_again();

	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, sample.wanted);
	assert_string_equal(found.predecessor, sample.predecessor);
	assert_string_equal(found.state, sample.state);
	assert_string_equal(found.reason, sample.reason);
	assert_string_equal(found.inputs, sample.inputs);
	assert_int_equal(found.since, sample.since);
	assert_int_equal(found.accepted_ns, sample.accepted_ns);
	assert_int_equal(found.in_service_since, sample.in_service_since);
	assert_true(journal_target(journal, arena, "bare", &found));
	assert_null(found.wanted);
	assert_null(found.predecessor);
	assert_null(found.reason);
	assert_null(found.inputs);
	assert_false(journal_target(journal, arena, "other", &found));
}

static void what_was_not_committed_is_gone(void **state)
{
	const struct remembered newer = { .wanted = "dd44", .state = "idle" };
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_remember(journal, "web", &newer);
	journal_park(journal, "web", "dd44", "no");
	assert_true(journal_pressing(journal));
	open_again();

	assert_false(journal_pressing(journal));
	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, "aa11");
	assert_null(journal_parked(journal, arena, "web", "dd44"));
}

static void reading_leaves_nothing_to_commit(void **state)
{
	struct remembered found;

	(void)state;
	(void)journal_target(journal, arena, "web", &found);
	(void)journal_parked(journal, arena, "web", "aa");
	journal_unpark(journal, "web");
	journal_prune(journal, "web", 3);
	assert_false(journal_pressing(journal));
	commit();
}

static void what_is_parked_is_parked_for_its_target_alone(void **state)
{
	(void)state;
	journal_park(journal, "web", "aa", "the server refused it");
	journal_park(journal, "web", "bb", "first");
	journal_park(journal, "web", "bb", "second");
	journal_park(journal, "mail", "aa", "another story");
	commit();
	open_again();

	assert_string_equal(journal_parked(journal, arena, "web", "aa"), "the server refused it");
	assert_string_equal(journal_parked(journal, arena, "web", "bb"), "second");
	assert_null(journal_parked(journal, arena, "db", "aa"));
	assert_null(journal_parked(journal, arena, "web", "cc"));

	journal_unpark(journal, "web");
	commit();
	assert_null(journal_parked(journal, arena, "web", "aa"));
	assert_null(journal_parked(journal, arena, "web", "bb"));
	assert_string_equal(journal_parked(journal, arena, "mail", "aa"), "another story");
}

/* ---- passes ---- */

static int64_t begin_pass(const char *target, const char *credential)
{
	const struct pass_entry entry = {
		.target = target,
		.credential = credential,
		.plan = "plan web \"put it into service\"\n",
		.started = 1795246000,
	};

	return journal_pass_begin(journal, &entry);
}

static void end_step(int64_t pass, long number, bool undo, const char *text, long milliseconds,
		const char *reason)
{
	const struct step_entry entry = { .number = number,
		.undo = undo,
		.text = text,
		.reason = reason,
		.milliseconds = milliseconds };

	journal_step_end(journal, pass, &entry);
}

static int64_t whole_pass(const char *target, const char *credential, const char *outcome)
{
	const int64_t pass = begin_pass(target, credential);

	journal_step_begin(journal, pass, 0, false, "publish");
	end_step(pass, 0, false, "publish", 1, NULL);
	journal_pass_end(journal, pass, outcome, NULL, -1);
	return pass;
}

static void a_pass_is_open_until_it_is_ended(void **state)
{
	const struct pass_entry *open;
	int64_t pass;

	(void)state;
	(void)whole_pass("web", "aa", "applied");
	assert_null(journal_open_pass(journal, arena, "web"));
	pass = begin_pass("web", "bb");
	commit();
	open_again();

	open = journal_open_pass(journal, arena, "web");
	assert_non_null(open);
	assert_int_equal(open->id, pass);
	assert_string_equal(open->target, "web");
	assert_string_equal(open->credential, "bb");
	assert_string_equal(open->plan, "plan web \"put it into service\"\n");
	assert_int_equal(open->started, 1795246000);
	assert_int_equal(open->ended, 0);
	assert_null(open->outcome);
	assert_int_equal(open->gap_ms, -1);
	assert_null(journal_open_pass(journal, arena, "mail"));

	journal_pass_end(journal, pass, "undone", "exit code 1", 42);
	assert_null(journal_open_pass(journal, arena, "web"));
}

static void that_a_pass_begins_is_committed_with_its_first_step(void **state)
{
	const struct pass_entry *open;
	int64_t pass;

	(void)state;
	pass = begin_pass("web", "aa11");
	assert_false(journal_pressing(journal));

	journal_step_begin(journal, pass, 2, false, "publish the files");
	assert_true(journal_pressing(journal));
	commit();
	assert_false(journal_pressing(journal));
	open_again();
	open = journal_open_pass(journal, arena, "web");
	assert_non_null(open);
	assert_int_equal(open->id, pass);
}

static void the_steps_begun_are_those_that_recovery_puts_back(void **state)
{
	const int64_t other = begin_pass("mail", "aa");
	const int64_t pass = begin_pass("web", "aa");
	struct words begun;

	(void)state;
	assert_int_equal(journal_begun(journal, arena, pass).count, 0);
	journal_step_begin(journal, other, 7, false, "not ours");
	journal_step_begin(journal, pass, 10, false, "reload");
	journal_step_begin(journal, pass, 2, false, "publish");
	end_step(pass, 2, false, "publish", 5, NULL);
	journal_step_begin(journal, pass, 3, false, "copy");
	end_step(pass, 3, false, "copy", 5, "no space");
	journal_step_begin(journal, pass, 11, true, "putting back what never began");
	commit();
	open_again();

	begun = journal_begun(journal, arena, pass);
	assert_int_equal(begun.count, 3);
	assert_string_equal(begun.items[0], "2");
	assert_string_equal(begun.items[1], "3");
	assert_string_equal(begun.items[2], "10");
}

struct told {
	char text[512];
};

static void tell_step(void *context, const struct step_entry *step)
{
	struct told *told = context;
	const size_t length = strlen(told->text);

	(void)snprintf(told->text + length, sizeof(told->text) - length, "%ld%s %s %s %ld %s; ",
			step->number, step->undo ? " undo" : "", step->text, step->result,
			step->milliseconds, step->reason ? step->reason : "-");
}

static void steps_are_told_in_their_order_and_then_back(void **state)
{
	const int64_t pass = begin_pass("web", "aa");
	struct told told = { { 0 } };

	(void)state;
	journal_step_begin(journal, pass, 1, false, "one");
	end_step(pass, 1, false, "one", 11, NULL);
	journal_step_begin(journal, pass, 2, false, "two");
	end_step(pass, 2, false, "two", 22, "no");
	journal_step_begin(journal, pass, 2, true, "two");
	end_step(pass, 2, true, "two", 3, NULL);
	journal_step_begin(journal, pass, 1, true, "one");
	journal_steps(journal, pass, tell_step, &told);
	assert_string_equal(told.text,
			"1 one done 11 -; 2 two failed 22 no; 2 undo two done 3 -; 1 undo one begun 0 -; ");
}

static void tell_pass(void *context, const struct pass_entry *entry)
{
	struct told *told = context;
	const size_t length = strlen(told->text);

	(void)snprintf(told->text + length, sizeof(told->text) - length, "%s %s %s; ",
			entry->target, entry->credential, entry->outcome ? entry->outcome : "open");
}

static void the_latest_passes_come_first(void **state)
{
	struct told all = { { 0 } }, one = { { 0 } }, few = { { 0 } };

	(void)state;
	(void)whole_pass("web", "aa", "applied");
	(void)whole_pass("mail", "bb", "undone");
	(void)begin_pass("web", "cc");
	journal_passes(journal, NULL, 10, tell_pass, &all);
	journal_passes(journal, "web", 10, tell_pass, &one);
	journal_passes(journal, NULL, 2, tell_pass, &few);
	assert_string_equal(all.text, "web cc open; mail bb undone; web aa applied; ");
	assert_string_equal(one.text, "web cc open; web aa applied; ");
	assert_string_equal(few.text, "web cc open; mail bb undone; ");
}

static void served_before_is_what_was_applied_the_latest_first(void **state)
{
	struct words before;

	(void)state;
	(void)whole_pass("web", "aa", "applied");
	(void)whole_pass("web", "bb", "applied");
	(void)whole_pass("web", "cc", "undone");
	(void)whole_pass("web", "dd", "failed");
	(void)whole_pass("web", "aa", "applied");
	(void)whole_pass("mail", "ee", "applied");
	(void)begin_pass("web", "ff");
	before = journal_served_before(journal, arena, "web");
	assert_int_equal(before.count, 2);
	assert_string_equal(before.items[0], "aa");
	assert_string_equal(before.items[1], "bb");
}

static void pruning_keeps_the_newest(void **state)
{
	struct told web = { { 0 } }, mail = { { 0 } }, kept = { { 0 } }, gone = { { 0 } };
	int64_t first, last;

	(void)state;
	first = whole_pass("web", "aa", "applied");
	(void)whole_pass("mail", "bb", "applied");
	(void)whole_pass("web", "cc", "undone");
	last = whole_pass("web", "dd", "applied");
	journal_prune(journal, "web", 2);
	commit();
	journal_passes(journal, "web", 10, tell_pass, &web);
	journal_passes(journal, "mail", 10, tell_pass, &mail);
	journal_steps(journal, first, tell_step, &gone);
	journal_steps(journal, last, tell_step, &kept);
	assert_string_equal(web.text, "web dd applied; web cc undone; ");
	assert_string_equal(mail.text, "mail bb applied; ");
	assert_string_equal(gone.text, "");
	assert_string_equal(kept.text, "0 publish done 1 -; ");
}

static void pruning_leaves_an_open_pass_its_steps(void **state)
{
	int64_t open;

	(void)state;
	open = begin_pass("web", "aa");
	journal_step_begin(journal, open, 4, false, "publish");
	for (int i = 0; i < 4; i++)
		(void)whole_pass("web", "bb", "failed");
	journal_prune(journal, "web", 1);
	assert_int_equal(journal_open_pass(journal, arena, "web")->id, open);
	assert_int_equal(journal_begun(journal, arena, open).count, 1);
}

static void pruning_keeps_what_was_parked_last(void **state)
{
	(void)state;
	journal_park(journal, "web", "aa", "once more, later on");
	journal_park(journal, "web", "bb", "the oldest");
	journal_park(journal, "mail", "cc", "of another target");
	journal_park(journal, "web", "dd", "no");
	journal_park(journal, "web", "aa", "the latest");
	journal_prune(journal, "web", 2);
	commit();
	assert_null(journal_parked(journal, arena, "web", "bb"));
	assert_string_equal(journal_parked(journal, arena, "web", "aa"), "the latest");
	assert_string_equal(journal_parked(journal, arena, "web", "dd"), "no");
	assert_string_equal(journal_parked(journal, arena, "mail", "cc"), "of another target");
	assert_string_equal(journal_last_parked(journal, arena, "web"), "aa");
}

static void take_step(int64_t pass, long number, long milliseconds, const char *why)
{
	const struct step_entry entry = {
		.number = number, .text = "a step", .reason = why, .milliseconds = milliseconds
	};

	journal_step_begin(journal, pass, number, false, "a step");
	journal_step_end(journal, pass, &entry);
}

static void what_is_done_is_neither_what_failed_nor_what_was_put_back(void **state)
{
	const struct pass_entry entry = { .target = "web", .plan = "plan" };
	const struct step_entry back = { .number = 1, .undo = true, .text = "a step" };
	const int64_t pass = journal_pass_begin(journal, &entry);
	struct words done;

	(void)state;
	assert_int_equal(journal_done(journal, arena, pass).count, 0);
	assert_int_equal(journal_done_at_ms(journal, pass, 9), 0);
	take_step(pass, 0, 5, NULL);
	take_step(pass, 1, 5, NULL);
	take_step(pass, 2, 5, "no");
	journal_step_begin(journal, pass, 3, false, "a step");
	journal_step_end(journal, pass, &back);
	done = journal_done(journal, arena, pass);
	assert_int_equal(done.count, 1);
	assert_string_equal(done.items[0], "0");
	assert_true(journal_done_at_ms(journal, pass, 0) > 1795246000000);
	assert_true(journal_done_at_ms(journal, pass, 9) >= journal_done_at_ms(journal, pass, 0));
}

static void the_longest_is_that_of_what_was_applied_lately(void **state)
{
	static const char *const outcomes[] = { "applied", "applied", "undone", "applied",
		"applied", "applied", "applied" };

	(void)state;
	assert_int_equal(journal_longest_ms(journal, "web"), 0);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
		const struct pass_entry entry = { .target = "web", .plan = "plan" };
		const int64_t pass = journal_pass_begin(journal, &entry);
		/* The first is forgotten, the third was not applied. */
		static const long took[] = { 9000, 20, 8000, 20, 300, 20, 20 };

		take_step(pass, 0, took[i], NULL);
		take_step(pass, 1, 7, NULL);
		journal_pass_end(journal, pass, outcomes[i], NULL, -1);
	}
	assert_int_equal(journal_longest_ms(journal, "web"), 307);
	assert_int_equal(journal_longest_ms(journal, "mail"), 0);
}

static void run_sql(const char *sql)
{
	sqlite3 *database = NULL;

	journal_close(journal);
	journal = NULL;
	assert_int_equal(sqlite3_open(path_of("journal.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void a_database_of_before_is_brought_up_to_date(void **state)
{
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	run_sql("ALTER TABLE target DROP COLUMN in_service; ALTER TABLE step DROP COLUMN at;"
		"PRAGMA user_version = 1;");
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, sample.wanted);
	assert_int_equal(found.in_service_since, 0);
	journal_remember(journal, "web", &sample);
	commit();
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
	assert_int_equal(found.in_service_since, sample.in_service_since);
}

static void the_latest_time_is_that_of_a_state_or_of_a_pass(void **state)
{
	const struct remembered later = { .state = "idle", .since = 4000000000 };

	(void)state;
	assert_int_equal(journal_latest_time(journal), 0);
	journal_remember(journal, "web", &sample);
	assert_int_equal(journal_latest_time(journal), sample.since);
	journal_remember(journal, "mail", &later);
	assert_int_equal(journal_latest_time(journal), 4000000000);
	journal_remember(journal, "mail", &sample);
	(void)whole_pass("web", "aa", "applied");
	assert_true(journal_latest_time(journal) >= sample.since);
}

/* ---- when the disk or somebody else is in the way ---- */

static void spoil(const char *name, long offset)
{
	static const char noise[8192] = "this is not what was written here";
	const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, noise, sizeof(noise), offset), (ssize_t)sizeof(noise));
	assert_int_equal(close(fd), 0);
}

static void expect_a_new_one(void)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct remembered found;
	struct error error;

	journal = journal_open(directory, &notice, &error);
	if (!journal)
		fail_msg("%s", error.text);
	assert_non_null(strstr(buffer_text(&notice), "is damaged ("));
	assert_non_null(strstr(buffer_text(&notice), "moved aside to"));
	assert_non_null(strstr(
			buffer_text(&notice), "a downgrade or what was put back is not noticed"));
	assert_null(strstr(buffer_text(&notice), "not an error"));
	assert_int_equal(access(path_of("journal.db.damaged"), F_OK), 0);
	assert_false(journal_target(journal, arena, "web", &found));
	journal_remember(journal, "web", &sample);
	commit();
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
}

static void what_is_no_database_is_moved_aside(void **state)
{
	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_close(journal);
	spoil("journal.db", 0);
	expect_a_new_one();
}

static void a_database_with_a_damaged_page_is_moved_aside(void **state)
{
	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_close(journal);
	spoil("journal.db", 4096);
	expect_a_new_one();
}

static int reads_until_failure;

/* Instead of the library's, for SQLite. */
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset)
{
	if (reads_until_failure > 0 && --reads_until_failure == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, bytes, length, offset);
}

static void a_read_that_failed_is_no_damage(void **state)
{
	bool failed = true;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_close(journal);
	/* Each read of an opening in turn, until there are no more. */
	for (int at = 1; failed; at++) {
		autodone(buffer) struct buffer notice = { 0 };
		struct error error;

		reads_until_failure = at;
		journal = journal_open(directory, &notice, &error);
		failed = reads_until_failure == 0;
		reads_until_failure = 0;
		assert_int_equal(notice.length, 0);
		assert_int_equal(access(path_of("journal.db.damaged"), F_OK), -1);
		journal_close(journal);
	}
	journal = NULL;
	open_again();
	assert_true(journal_target(journal, arena, "web", &(struct remembered){ 0 }));
}

static void a_second_damage_leaves_the_first_one_alone(void **state)
{
	struct stat first, later;

	(void)state;
	journal_close(journal);
	spoil("journal.db", 0);
	expect_a_new_one();
	assert_int_equal(stat(path_of("journal.db.damaged"), &first), 0);
	journal_close(journal);
	spoil("journal.db", 0);
	expect_a_new_one();
	assert_int_equal(stat(path_of("journal.db.damaged"), &later), 0);
	assert_int_equal(first.st_ino, later.st_ino);
	assert_int_equal(access(path_of("journal.db.damaged-2"), F_OK), 0);
}

static void who_only_reads_leaves_a_damaged_one_where_it_is(void **state)
{
	struct error error;

	(void)state;
	journal_close(journal);
	spoil("journal.db", 0);
	journal = journal_open(directory, NULL, &error);
	assert_null(journal);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "is damaged ("));
	assert_int_equal(access(path_of("journal.db"), F_OK), 0);
	assert_int_equal(access(path_of("journal.db.damaged"), F_OK), -1);
}

static void a_second_opener_is_refused(void **state)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;
	int status;
	pid_t other;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	other = fork();
	if (other == 0) {
		const bool refused = !journal_open(directory, &notice, &error) &&
				error.kind == ERROR_CONFIG &&
				strstr(error.text,
						"another process has it; it may be another certdrop") &&
				notice.length == 0;

		_exit(refused ? 0 : 1);
	}
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	assert_int_equal(access(path_of("journal.db"), F_OK), 0);
}

static void a_link_in_its_place_is_told(void **state)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;

	(void)state;
	journal_close(journal);
	assert_int_equal(rename(path_of("journal.db"), path_of("journal.db.damaged")), 0);
	assert_int_equal(symlink("journal.db.damaged", path_of("journal.db")), 0);
	journal = journal_open(directory, &notice, &error);
	assert_null(journal);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "it may be a symbolic link"));
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;

	(void)state;
	assert_null(journal_open(path_of("journal.db/below"), &notice, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(notice.length, 0);
}

/* As on a full disk: no file may grow beyond `bytes`. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void remember_much(size_t size)
{
	char *text = arena_alloc(arena, size + 1);
	struct remembered much = sample;

	memset(text, 'x', size);
	much.reason = text;
	much.wanted = "much";
	journal_remember(journal, "web", &much);
}

static void expect_failed_commit(void)
{
	struct error error;

	assert_false(journal_commit(journal, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_string_not_equal(error.text, "");
	assert_false(journal_pressing(journal));
}

static void expect_old_state(void)
{
	struct remembered found;

	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, "aa11");
	assert_false(journal_target(journal, arena, "small", &found));
}

static void a_full_disk_leaves_the_old_state(void **state)
{
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	limit_files(150000);
	journal_remember(journal, "small", &sample);
	remember_much(500000);
	expect_failed_commit();
	expect_old_state();
	limit_files(RLIM_INFINITY);
	expect_old_state();

	remember_much(500000);
	commit();
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, "much");
}

/* SQLite ends the transaction by itself when a write fails within it. */
static void nothing_written_after_a_failure_is_kept(void **state)
{
	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	limit_files(150000);
	remember_much(8000000);
	journal_remember(journal, "small", &sample);
	expect_failed_commit();
	limit_files(RLIM_INFINITY);
	expect_old_state();
	open_again();
	expect_old_state();
}

static void the_database_is_for_its_owner_alone(void **state)
{
	struct stat facts;

	(void)state;
	journal_close(journal);
	journal = NULL;
	assert_int_equal(unlink(path_of("journal.db")), 0);
	assert_int_equal(rmdir(directory), 0);
	(void)umask(0);
	open_again();
	(void)umask(022);
	assert_int_equal(stat(directory, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0700);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(what_is_remembered_survives_a_reopen),
		claim(what_was_not_committed_is_gone),
		claim(reading_leaves_nothing_to_commit),
		claim(what_is_parked_is_parked_for_its_target_alone),
		claim(a_pass_is_open_until_it_is_ended),
		claim(that_a_pass_begins_is_committed_with_its_first_step),
		claim(the_steps_begun_are_those_that_recovery_puts_back),
		claim(steps_are_told_in_their_order_and_then_back),
		claim(the_latest_passes_come_first),
		claim(served_before_is_what_was_applied_the_latest_first),
		claim(pruning_keeps_the_newest),
		claim(pruning_leaves_an_open_pass_its_steps),
		claim(pruning_keeps_what_was_parked_last),
		claim(what_is_done_is_neither_what_failed_nor_what_was_put_back),
		claim(the_longest_is_that_of_what_was_applied_lately),
		claim(a_database_of_before_is_brought_up_to_date),
		claim(the_latest_time_is_that_of_a_state_or_of_a_pass),
		claim(what_is_no_database_is_moved_aside),
		claim(a_database_with_a_damaged_page_is_moved_aside),
		claim(a_read_that_failed_is_no_damage),
		claim(a_second_damage_leaves_the_first_one_alone),
		claim(who_only_reads_leaves_a_damaged_one_where_it_is),
		claim(a_second_opener_is_refused),
		claim(a_link_in_its_place_is_told),
		claim(a_directory_that_cannot_be_made_is_told),
		claim(a_full_disk_leaves_the_old_state),
		claim(nothing_written_after_a_failure_is_kept),
		claim(the_database_is_for_its_owner_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
