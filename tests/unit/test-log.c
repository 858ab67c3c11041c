#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/buffer.h"
#include "controller/base/log.h"
#include "controller/base/owned.h"
#include "controller/base/printable.h"

/* Standard error for as long as a line takes, and that line. */
struct heard {
	int fd, before;
	char line[256];
};

static void listen_to(struct heard *heard)
{
	heard->before = dup(STDERR_FILENO);
	heard->fd = memfd_create("standard error", MFD_CLOEXEC);
	assert_int_equal(dup2(heard->fd, STDERR_FILENO), STDERR_FILENO);
}

static const char *said(struct heard *heard)
{
	ssize_t got;

	assert_int_equal(dup2(heard->before, STDERR_FILENO), STDERR_FILENO);
	got = pread(heard->fd, heard->line, sizeof(heard->line) - 1, 0);
	assert_true(got >= 0);
	heard->line[got] = '\0';
	(void)close(heard->before);
	(void)close(heard->fd);
	return heard->line;
}

/* As the service manager says it of the file at `fd`, or of the one after it. */
static void say_journal_is(int fd, int beside)
{
	struct stat status;
	char text[64];

	assert_int_equal(fstat(fd, &status), 0);
	(void)snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)status.st_dev,
			(unsigned long long)status.st_ino + (unsigned long long)beside);
	assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
}

static void only_the_journal_is_told_a_priority(void **state)
{
	struct heard journal, file, nothing;

	(void)state;
	listen_to(&journal);
	say_journal_is(STDERR_FILENO, 0);
	log_for_service();
	log_warning("%s", "a");
	assert_string_equal(said(&journal), "<4>a\n");

	listen_to(&file);
	say_journal_is(STDERR_FILENO, 1);
	log_for_service();
	log_warning("%s", "b");
	assert_string_equal(said(&file), "b\n");

	listen_to(&nothing);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	log_for_service();
	log_warning("%s", "c");
	assert_string_equal(said(&nothing), "c\n");
}

static void a_name_cannot_forge_a_line(void **state)
{
	struct heard heard;

	(void)state;
	listen_to(&heard);
	log_warning("%s", "a\nweb: in service\x1b[2J\xff \xc3\xa4 \xe2\x80\xae");
	assert_string_equal(said(&heard), "a?web: in service?[2J? \xc3\xa4 ?\n");
}

static void what_is_long_is_cut_between_characters(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer text = { 0 };
	const char *shown;

	(void)state;
	for (int i = 0; i < PRINTABLE_MAX; i++)
		buffer_add(&text, "\xc3\xa4");
	shown = printable(arena, buffer_text(&text), text.length);
	assert_in_range(strlen(shown), PRINTABLE_MAX - 5, PRINTABLE_MAX);
	assert_string_equal(shown + strlen(shown) - 5, "\xc3\xa4...");

	buffer_clear(&text);
	for (int i = 0; i <= PRINTABLE_MAX; i++)
		buffer_add(&text, "\xff");
	shown = printable(arena, buffer_text(&text), text.length);
	assert_int_equal(strspn(shown, "?") + 3, strlen(shown));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_journal_is_told_a_priority),
		cmocka_unit_test(a_name_cannot_forge_a_line),
		cmocka_unit_test(what_is_long_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
