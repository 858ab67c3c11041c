/* A database that somebody, or a disk, has written to. It is read, or moved aside, or an error; and
 * what it remembers is text that ends. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/certdrop/state/journal.h"
#include "controller/model/plan.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/scratch.h"

static const char *const names[] = { "journal.db", "journal.db-wal", "journal.db-shm",
	"journal.db.damaged", "journal.db.damaged-wal" };

static void read_step(void *context, const struct step_entry *entry)
{
	*(size_t *)context += entry->text ? strlen(entry->text) : 0;
}

static void read_pass(void *context, const struct pass_entry *entry)
{
	autoarena struct arena *arena = arena_new();
	struct plan plan;
	struct error error;

	*(size_t *)context += entry->id != 0;
	if (entry->plan)
		(void)plan_read(arena, entry->plan, &plan, &error);
}

static void read_all(struct journal *journal)
{
	autoarena struct arena *arena = arena_new();
	const struct pass_entry *open = journal_open_pass(journal, arena, "web");
	struct remembered remembered;
	struct error error;
	size_t seen = 0;

	(void)journal_target(journal, arena, "web", &remembered);
	(void)journal_parked(journal, arena, "web", "aa11");
	(void)journal_last_parked(journal, arena, "web");
	journal_passes(journal, NULL, 100, read_pass, &seen);
	journal_steps(journal, open ? open->id : 1, read_step, &seen);
	(void)journal_begun(journal, arena, 1);
	(void)journal_done(journal, arena, 1);
	(void)journal_done_at_ms(journal, 1, 10);
	(void)journal_has_open(journal);
	(void)journal_longest_ms(journal, "web");
	(void)journal_served_before(journal, arena, "web");
	(void)journal_latest_time(journal);
	journal_remember(journal, "web", &(struct remembered){ .state = "idle" });
	journal_prune(journal, "web", 1);
	if (!journal_commit(journal, &error))
		assert(*error.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autodone(buffer) struct buffer notice = { 0 };
	char path[512];
	struct error error = { 0 };
	struct journal *journal;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", scratch(), names[i]);
		(void)unlink(path);
	}
	(void)scratch_write("journal.db", bytes, length);
	journal = journal_open(scratch(), &notice, &error);
	assert(journal || *error.text);
	if (journal)
		read_all(journal);
	journal_close(journal);
	return 0;
}
