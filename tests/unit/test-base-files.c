#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/digest.h"
#include "controller/base/file.h"
#include "controller/base/owned.h"
#include "controller/base/secret.h"

static char path[64];
static int directory = -1;

static int begin(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test-files-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	(void)unlinkat(directory, "a", 0);
	(void)unlinkat(directory, "a", AT_REMOVEDIR);
	(void)close(directory);
	return rmdir(path);
}

static void put(const char *content, mode_t mode)
{
	struct error error;

	if (!file_replace(directory, "a", content, strlen(content), mode, &error))
		fail_msg("%s", error.text);
}

static void assert_content(const char *expected)
{
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	assert_true(file_read(directory, "a", 1000, &text, &error));
	assert_string_equal(buffer_text(&text), expected);
}

static size_t entries(void)
{
	DIR *list = opendir(path);
	size_t count = 0;

	assert_non_null(list);
	for (const struct dirent *entry; (entry = readdir(list));)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(list);
	return count;
}

static const char *below(const char *name)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "%s/%s", path, name);
	return text;
}

/* ---- replacing ---- */

static void a_file_is_replaced_as_a_whole_and_with_its_mode(void **state)
{
	struct stat before, after;

	(void)state;
	put("one", 0600);
	assert_int_equal(fstatat(directory, "a", &before, 0), 0);
	assert_int_equal(before.st_mode & 07777, 0600);
	(void)umask(077);
	put("another", 0644);
	(void)umask(022);
	assert_int_equal(fstatat(directory, "a", &after, 0), 0);
	assert_int_equal(after.st_mode & 07777, 0644);
	assert_true(before.st_ino != after.st_ino);
	assert_content("another");
	assert_int_equal(entries(), 1);
}

static void what_a_crash_left_beside_is_no_obstacle(void **state)
{
	int left;

	(void)state;
	left = openat(directory, ".a.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(left >= 0);
	assert_int_equal(write(left, "half of somethi", 15), 15);
	put("one", 0600);
	assert_int_equal(close(left), 0);
	assert_content("one");
	assert_int_equal(entries(), 1);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_leaves_the_old_file_and_nothing_beside(void **state)
{
	struct error error;

	(void)state;
	put("one", 0600);
	limit_files(4);
	assert_false(file_replace(directory, "a", "longer than that", 16, 0600, &error));
	limit_files(RLIM_INFINITY);
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_non_null(strstr(error.text, "a: write: "));
	assert_content("one");
	assert_int_equal(entries(), 1);
}

static void a_name_that_cannot_be_replaced_leaves_nothing_beside(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(mkdirat(directory, "a", 0700), 0);
	assert_false(file_replace(directory, "a", "one", 3, 0600, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_int_equal(entries(), 1);
}

static void a_name_that_is_too_long_is_told(void **state)
{
	char name[300];
	struct error error;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_false(file_replace(directory, name, "one", 3, 0600, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(entries(), 0);
}

/* ---- reading ---- */

static void a_file_of_just_the_limit_is_read(void **state)
{
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	(void)state;
	put("12345", 0600);
	buffer_add(&text, "before ");
	assert_true(file_read(directory, "a", 5, &text, &error));
	assert_string_equal(buffer_text(&text), "before 12345");
}

static void what_cannot_be_read_leaves_the_text_as_it_was(void **state)
{
	autodone(buffer) struct buffer text = { 0 };
	char large[9001] = { 0 };
	struct error error;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	put(large, 0600);
	buffer_add(&text, "before");
	assert_false(file_read(directory, "a", 8999, &text, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text, "a: more than 8999 bytes");
	assert_string_equal(buffer_text(&text), "before");
	assert_false(file_read(directory, "none", 10, &text, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text, "none: No such file or directory");
	assert_string_equal(buffer_text(&text), "before");
}

static void directories_are_made_down_to_the_last(void **state)
{
	struct stat facts;
	struct error error;

	(void)state;
	assert_true(directory_make(below("a/b/c/"), 0700, &error));
	assert_true(directory_make(below("a/b/c"), 0700, &error));
	assert_int_equal(stat(below("a/b/c"), &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0700);
	assert_int_equal(rmdir(below("a/b/c")), 0);
	assert_int_equal(rmdir(below("a/b")), 0);
	assert_int_equal(rmdir(below("a")), 0);

	put("a file", 0600);
	assert_false(directory_make(below("a/b"), 0700, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
}

/* ---- digests ---- */

#define OF_NOTHING     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_ABC         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OF_A_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

/* The values are those of FIPS 180-2, appendix B. */
static void digests_are_those_of_sha_256(void **state)
{
	static char million[1000001];
	struct error error;
	struct digest digest;
	autoclose int fd = -1;

	(void)state;
	memset(million, 'a', 1000000);
	assert_string_equal(digest_of("", 0).hex, OF_NOTHING);
	assert_string_equal(digest_of("abc", 3).hex, OF_ABC);
	assert_string_equal(digest_of(million, 1000000).hex, OF_A_MILLION_A);

	put(million, 0600);
	fd = openat(directory, "a", O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 17, SEEK_SET), 17);
	assert_true(digest_of_file(fd, &digest, &error));
	assert_string_equal(digest.hex, OF_A_MILLION_A);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 17);
	assert_false(digest_of_file(directory, &digest, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
}

static void only_64_lower_case_digits_are_a_digest(void **state)
{
	(void)state;
	assert_true(digest_is_valid(OF_ABC));
	assert_false(digest_is_valid(""));
	assert_false(digest_is_valid("../../etc/shadow"));
	assert_false(digest_is_valid(OF_ABC "0"));
	assert_false(digest_is_valid(&OF_ABC[1]));
	assert_false(digest_is_valid(
			"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
}

/* ---- secrets ---- */

/* Does the line of flags of the mapping at `address` have this one? See proc(5), smaps. */
static bool has_flag(const void *address, const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[4096], start[32];
	bool here = false, found = false;

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		char *rest;
		const unsigned long from = strtoul(line, &rest, 16);

		/* "FROM-TO ..." begins the lines of a mapping. */
		if (*rest == '-')
			here = (unsigned long)(uintptr_t)address >= from &&
					(unsigned long)(uintptr_t)address <
							strtoul(rest + 1, NULL, 16);
		(void)snprintf(start, sizeof(start), " %s ", flag);
		found = here && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, start);
	}
	(void)fclose(maps);
	return found;
}

static void a_secret_is_in_no_core_dump_however_large(void **state)
{
	autodone(secret) struct secret secret = { 0 };
	char more[1000];

	(void)state;
	memset(more, 's', sizeof(more));
	for (int i = 0; i < 20; i++) {
		secret_append(&secret, more, sizeof(more));
		assert_true(has_flag(secret.bytes, "dd"));
		assert_int_equal(secret.length, 1000 * (size_t)(i + 1));
		assert_int_equal(secret.bytes[secret.length], 0);
		assert_int_equal(secret.bytes[secret.length - 1], 's');
		assert_int_equal(secret.bytes[0], 's');
	}
	secret_done(&secret);
	assert_null(secret.bytes);
	assert_int_equal(secret.length, 0);
}

static void a_secret_is_read_up_to_its_limit(void **state)
{
	autodone(secret) struct secret secret = { 0 };
	autoclose int fd = -1;
	char content[5000] = { 0 };
	struct error error;

	(void)state;
	memset(content, 'k', sizeof(content) - 1);
	put(content, 0600);
	fd = openat(directory, "a", O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
	assert_true(secret_read(&secret, fd, 4999, &error));
	assert_int_equal(secret.length, 4999);
	assert_string_equal((char *)secret.bytes, content);
	assert_true(has_flag(secret.bytes, "dd"));
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);

	assert_false(secret_read(&secret, fd, 4998, &error));
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_int_equal(secret.length, 4999);
	assert_false(secret_read(&secret, directory, 10, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
}

static void assert_first_line(const char *content, const char *expected)
{
	autodone(secret) struct secret secret = { 0 };
	struct error error;

	put(content, 0600);
	if (!secret_read_line(&secret, below("a"), &error))
		fail_msg("%s", error.text);
	assert_string_equal((char *)secret.bytes, expected);
	assert_int_equal(secret.length, strlen(expected));
}

static void a_passphrase_is_the_first_line(void **state)
{
	(void)state;
	assert_first_line("opensesame", "opensesame");
	assert_first_line("open sesame \nand more\n", "open sesame ");
	assert_first_line("windows\r\n", "windows");
}

static void assert_no_line(const char *content, const char *why)
{
	autodone(secret) struct secret secret = { 0 };
	struct error error;

	put(content, 0600);
	assert_false(secret_read_line(&secret, below("a"), &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, why));
	assert_null(secret.bytes);
}

static void a_file_without_a_passphrase_is_a_mistake(void **state)
{
	autodone(secret) struct secret secret = { 0 };
	char large[1026] = { 0 };
	struct error error;

	(void)state;
	memset(large, 'x', 1025);
	assert_no_line("", "empty");
	assert_no_line("\nsecond", "empty");
	assert_no_line(large, "more than 1024 bytes");
	assert_false(secret_read_line(&secret, below("none"), &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(a_file_is_replaced_as_a_whole_and_with_its_mode),
		claim(what_a_crash_left_beside_is_no_obstacle),
		claim(a_full_disk_leaves_the_old_file_and_nothing_beside),
		claim(a_name_that_cannot_be_replaced_leaves_nothing_beside),
		claim(a_name_that_is_too_long_is_told),
		claim(a_file_of_just_the_limit_is_read),
		claim(what_cannot_be_read_leaves_the_text_as_it_was),
		claim(directories_are_made_down_to_the_last),
		claim(digests_are_those_of_sha_256),
		claim(only_64_lower_case_digits_are_a_digest),
		claim(a_secret_is_in_no_core_dump_however_large),
		claim(a_secret_is_read_up_to_its_limit),
		claim(a_passphrase_is_the_first_line),
		claim(a_file_without_a_passphrase_is_a_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
