#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "tests/unit/controlling.h"

static struct store *store;
static bool disk_is_broken;

/* Instead of the library's. */
int fdatasync(int fd)
{
	if (!disk_is_broken)
		return fsync(fd);
	errno = EIO;
	return -1;
}

static int begin(void **state)
{
	struct error error;

	if (controlling_begin(state) != 0)
		return -1;
	store = store_open(in_directory("state"), &error);
	return store ? 0 : -1;
}

static int end(void **state)
{
	store_close(store);
	return controlling_end(state);
}

static const char *path_of(const char *digest)
{
	return in_directory(arena_printf(here.arena, "state/store/%s", digest));
}

static const struct credential *put(const char *name)
{
	const struct credential *facts;
	autoclose int fd = credential_file(name, &facts);
	struct error error;

	if (!store_put(store, fd, facts->digest, &error) || !store_flush(store, &error))
		fail_msg("%s", error.text);
	return facts;
}

static bool is_whole(const char *digest)
{
	struct credential facts;
	struct error error = { .kind = ERROR_INPUT };

	if (store_facts(store, digest, here.arena, &facts, &error)) {
		assert_string_equal(facts.digest, digest);
		return true;
	}
	assert_int_equal(error.kind, ERROR_INPUT);
	return false;
}

static size_t files(void)
{
	DIR *list = opendir(path_of(""));
	size_t count = 0;

	assert_non_null(list);
	for (const struct dirent *entry; (entry = readdir(list));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(list);
	return count;
}

static void what_is_put_is_there_after_a_reopen(void **state)
{
	const struct credential *put_in = put("web");
	struct credential facts;
	autodone(buffer) struct buffer kept = { 0 }, given = { 0 };
	autoclose int fd = -1, original = credential_file("web", &put_in);
	struct error error;

	(void)state;
	store_close(store);
	store = store_open(in_directory("state"), &error);
	assert_non_null(store);
	assert_true(store_facts(store, put_in->digest, here.arena, &facts, &error));
	assert_string_equal(facts.digest, put_in->digest);
	assert_string_equal(facts.subject, "CN=web");
	assert_int_equal(facts.not_after, 4000000000);

	assert_true(store_get(store, put_in->digest, &fd, &error));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(file_read(AT_FDCWD, arena_printf(here.arena, "/proc/self/fd/%d", fd), 10000,
			&kept, &error));
	assert_true(file_read(AT_FDCWD, arena_printf(here.arena, "/proc/self/fd/%d", original),
			10000, &given, &error));
	assert_string_equal(buffer_text(&kept), buffer_text(&given));
}

static void only_the_owner_can_read_it(void **state)
{
	const struct credential *facts = put("web");
	struct stat file, directory;

	(void)state;
	assert_int_equal(stat(path_of(facts->digest), &file), 0);
	assert_int_equal(stat(path_of(""), &directory), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(directory.st_mode & 07777, 0700);
}

static void what_is_there_is_not_written_again(void **state)
{
	const struct credential *facts = put("web");
	struct stat before, after;

	(void)state;
	assert_int_equal(stat(path_of(facts->digest), &before), 0);
	(void)put("web");
	assert_int_equal(stat(path_of(facts->digest), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(files(), 1);
}

static void a_damaged_file_is_not_there_and_is_written_again(void **state)
{
	const struct credential *facts = put("web");

	(void)state;
	assert_true(is_whole(facts->digest));
	assert_int_equal(truncate(path_of(facts->digest), 300), 0);
	assert_false(is_whole(facts->digest));
	(void)put("web");
	assert_true(is_whole(facts->digest));
	assert_int_equal(truncate(path_of(facts->digest), 0), 0);
	assert_false(is_whole(facts->digest));
	(void)put("web");
	assert_true(is_whole(facts->digest));
	assert_int_equal(files(), 1);
}

static void a_file_under_another_name_does_not_count(void **state)
{
	const struct credential *web = put("web");
	const struct credential *mail = put("mail");

	(void)state;
	assert_int_equal(rename(path_of(web->digest), path_of(mail->digest)), 0);
	assert_false(is_whole(mail->digest));
	assert_false(is_whole(web->digest));
}

static void a_link_is_not_followed(void **state)
{
	const struct credential *facts = put("web");
	struct error error;
	int fd = -1;

	(void)state;
	assert_int_equal(rename(path_of(facts->digest), in_directory("elsewhere")), 0);
	assert_int_equal(symlink(in_directory("elsewhere"), path_of(facts->digest)), 0);
	assert_false(store_get(store, facts->digest, &fd, &error));
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_int_equal(fd, -1);
}

static void the_list_has_digests_alone(void **state)
{
	struct words list;

	(void)state;
	assert_int_equal(store_list(store, here.arena).count, 0);
	for (int i = 0; i < 40; i++)
		(void)put(arena_printf(here.arena, "web%d", i));
	assert_int_equal(symlink("nowhere", path_of(".left-over")), 0);
	assert_int_equal(symlink("nowhere", path_of("notes.txt")), 0);
	list = store_list(store, here.arena);
	assert_int_equal(list.count, 40);
	for (size_t i = 0; i < 40; i++)
		assert_true(is_whole(list.items[i]));
}

static void what_is_removed_is_gone(void **state)
{
	const struct credential *web = put("web");
	const struct credential *mail = put("mail");

	(void)state;
	store_remove(store, web->digest);
	store_remove(store, web->digest);
	assert_false(is_whole(web->digest));
	assert_true(is_whole(mail->digest));
	assert_int_equal(files(), 1);
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
	const struct credential *facts;
	autoclose int fd = credential_file("web", &facts);
	struct error error;

	(void)state;
	limit_files(100);
	assert_false(store_put(store, fd, facts->digest, &error));
	limit_files(0);
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_int_equal(files(), 0);
	assert_true(store_flush(store, &error));
	(void)put("web");
	assert_true(is_whole(facts->digest));
}

static ino_t inode_of(const char *digest)
{
	struct stat status;

	assert_int_equal(stat(path_of(digest), &status), 0);
	return status.st_ino;
}

/* What the disk refused looks whole for as long as it is in memory. */
static void what_did_not_reach_the_disk_is_written_again(void **state)
{
	const struct credential *facts;
	autoclose int fd = credential_file("web", &facts), held = -1;
	struct error error;
	ino_t first;

	(void)state;
	assert_true(store_put(store, fd, facts->digest, &error));
	first = inode_of(facts->digest);
	/* Its number is not given again. */
	held = open(path_of(facts->digest), O_RDONLY | O_CLOEXEC);
	disk_is_broken = true;
	assert_false(store_flush(store, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_false(store_flush(store, &error));
	disk_is_broken = false;
	assert_true(store_flush(store, &error));
	assert_int_not_equal(inode_of(facts->digest), first);
	assert_true(is_whole(facts->digest));
	assert_int_equal(files(), 1);
}

static void a_name_that_is_taken_leaves_nothing_behind(void **state)
{
	const struct credential *facts;
	autoclose int fd = credential_file("web", &facts);
	struct error error;

	(void)state;
	assert_int_equal(mkdir(path_of(facts->digest), 0700), 0);
	assert_false(store_put(store, fd, facts->digest, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_int_equal(files(), 1);
}

static void arrival_is_when_the_file_was_written(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1234567890 }, { .tv_sec = 1234567890 } };
	const struct credential *facts = put("web");

	(void)state;
	assert_int_equal(utimensat(AT_FDCWD, path_of(facts->digest), times, 0), 0);
	assert_int_equal(store_arrival(store, facts->digest), 1234567890);
	store_remove(store, facts->digest);
	assert_true(store_arrival(store, facts->digest) > 1700000000);
}

static void a_store_that_cannot_be_made_is_told(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(symlink("/dev/null", in_directory("null")), 0);
	assert_null(store_open(in_directory("null"), &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
}

/* ---- removed while it is in use ---- */

static void a_store_that_was_removed_is_made_again(void **state)
{
	const struct credential *before = put("before"), *after;

	(void)state;
	assert_int_equal(unlink(path_of(before->digest)), 0);
	assert_int_equal(rmdir(in_directory("state/store")), 0);
	after = put("after");
	assert_int_equal(access(path_of(after->digest), F_OK), 0);
	assert_true(is_whole(after->digest));
	put("before");
	assert_true(is_whole(before->digest));
}

static void what_was_not_flushed_follows_into_the_new_one(void **state)
{
	const struct credential *first;
	autoclose int fd = credential_file("first", &first);
	struct error error;

	(void)state;
	if (!store_put(store, fd, first->digest, &error))
		fail_msg("%s", error.text);
	assert_int_equal(rename(in_directory("state/store"), in_directory("away")), 0);
	put("second");
	assert_int_equal(access(path_of(first->digest), F_OK), 0);
	assert_true(is_whole(first->digest));
}

static void a_state_that_is_gone_is_told_as_that(void **state)
{
	const struct credential *facts;
	autoclose int fd = credential_file("web", &facts);
	struct error error;

	(void)state;
	assert_int_equal(rename(in_directory("state"), in_directory("away")), 0);
	assert_false(store_put(store, fd, facts->digest, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_non_null(strstr(error.text, in_directory("state/store was removed")));
	assert_non_null(strstr(error.text, "see to it that the directory above it is there"));
	assert_int_equal(access(in_directory("state"), F_OK), -1);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(what_is_put_is_there_after_a_reopen),
		claim(only_the_owner_can_read_it),
		claim(what_is_there_is_not_written_again),
		claim(a_damaged_file_is_not_there_and_is_written_again),
		claim(a_file_under_another_name_does_not_count),
		claim(a_link_is_not_followed),
		claim(the_list_has_digests_alone),
		claim(what_is_removed_is_gone),
		claim(a_full_disk_leaves_nothing_behind),
		claim(what_did_not_reach_the_disk_is_written_again),
		claim(a_name_that_is_taken_leaves_nothing_behind),
		claim(arrival_is_when_the_file_was_written),
		claim(a_store_that_cannot_be_made_is_told),
		claim(a_store_that_was_removed_is_made_again),
		claim(what_was_not_flushed_follows_into_the_new_one),
		claim(a_state_that_is_gone_is_told_as_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
