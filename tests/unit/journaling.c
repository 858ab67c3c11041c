#include "tests/unit/unit.h"

#include "tests/unit/journaling.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char directory[64];
struct journal *journal;
struct arena *arena;

const struct remembered sample = {
	.wanted = "aa11",
	.predecessor = "bb22",
	.state = "failed",
	.reason = "it's \"quoted\"; \xC3\xA4",
	.inputs = "input a.pem cc33\n",
	.since = 1795246000,
	.accepted_ns = 1795246000123456789,
	.in_service_since = 1795246001,
};

const char *path_of(const char *name)
{
	return arena_printf(arena, "%s/%s", directory, name);
}

void open_again(void)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;

	journal_close(journal);
	journal = journal_open(directory, &notice, &error);
	if (!journal)
		fail_msg("%s", error.text);
	assert_string_equal(buffer_text(&notice), "");
}

void commit(void)
{
	struct error error;

	if (!journal_commit(journal, &error))
		fail_msg("%s", error.text);
	assert_false(journal_pressing(journal));
}

int journaling_begin(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/test-journal-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	arena = arena_new();
	open_again();
	return 0;
}

int journaling_end(void **state)
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
