#include "controller/certdrop/state/journal.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "controller/base/file.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/state/beginnings.h"
#include "controller/certdrop/state/database.h"

struct journal {
	struct database *database;
	struct beginnings beginnings;
};

/* Numbers that were given must not be given again: where it cannot be read which, there is no journal. */
static bool find_last_pass(struct database *database, int64_t *last, struct error *error)
{
	*last = database_number(database, database_query(database, "SELECT max(id) FROM pass", ""));
	return database_commit(database, error);
}

struct journal *journal_open(
		const char *state_directory, struct buffer *notice, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/journal.db", state_directory);
	struct beginnings beginnings = { 0 };
	struct database *database;
	struct journal *journal;

	if (!directory_make(state_directory, 0700, error))
		return NULL;
	database = database_open(path, notice, error);
	if (!database)
		return NULL;
	if (!find_last_pass(database, &beginnings.last, error)) {
		database_close(database);
		return NULL;
	}
	journal = calloc(1, sizeof(*journal));
	assert(journal);
	journal->database = database;
	journal->beginnings = beginnings;
	return journal;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	beginnings_done(&journal->beginnings);
	database_close(journal->database);
	free(journal);
}

bool journal_pressing(const struct journal *journal)
{
	return database_pressing(journal->database);
}

bool journal_commit(struct journal *journal, struct error *error)
{
	const bool good = database_commit(journal->database, error);

	beginnings_committed(&journal->beginnings, good);
	return good;
}

bool journal_in_place(const struct journal *journal, struct error *error)
{
	return database_in_place(journal->database, error);
}

/* ---- targets ---- */

bool journal_target(struct journal *journal, struct arena *arena, const char *target,
		struct remembered *remembered)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT wanted, predecessor, put_back, state, reason, inputs, since, accepted, in_service"
			" FROM target"
			" WHERE name = ?",
			"t", target);

	if (!database_next(journal->database, row))
		return false;
	*remembered = (struct remembered){
		.wanted = database_text(arena, row, 0),
		.predecessor = database_text(arena, row, 1),
		.put_back = database_text(arena, row, 2),
		.state = database_text(arena, row, 3),
		.reason = database_text(arena, row, 4),
		.inputs = database_text(arena, row, 5),
		.since = sqlite3_column_int64(row, 6),
		.accepted_ns = sqlite3_column_int64(row, 7),
		.in_service_since = sqlite3_column_int64(row, 8),
	};
	(void)sqlite3_reset(row);
	return true;
}

void journal_remember(
		struct journal *journal, const char *target, const struct remembered *remembered)
{
	database_change(journal->database,
			"INSERT OR REPLACE INTO target (name, wanted, predecessor, put_back, state, reason,"
			" inputs, since, accepted, in_service) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"tttttttnnn", target, remembered->wanted, remembered->predecessor,
			remembered->put_back, remembered->state, remembered->reason,
			remembered->inputs, remembered->since, remembered->accepted_ns,
			remembered->in_service_since);
}

/* ---- parked ---- */

const char *journal_parked(struct journal *journal, struct arena *arena, const char *target,
		const char *digest)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT reason FROM parked WHERE target = ? AND digest = ?", "tt", target,
			digest);
	const char *reason = NULL;

	if (database_next(journal->database, row)) {
		reason = database_text(arena, row, 0);
		(void)sqlite3_reset(row);
	}
	return reason;
}

void journal_park(
		struct journal *journal, const char *target, const char *digest, const char *reason)
{
	database_change(journal->database,
			"INSERT OR REPLACE INTO parked (target, digest, reason, at) VALUES (?, ?, ?, ?)",
			"tttn", target, digest, reason, (long long)time(NULL));
}

const char *journal_last_parked(struct journal *journal, struct arena *arena, const char *target)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT digest FROM parked WHERE target = ? ORDER BY at DESC, rowid DESC LIMIT 1",
			"t", target);
	const char *digest = NULL;

	if (database_next(journal->database, row)) {
		digest = database_text(arena, row, 0);
		(void)sqlite3_reset(row);
	}
	return digest;
}

void journal_unpark(struct journal *journal, const char *target)
{
	sqlite3_stmt *row = database_query(
			journal->database, "SELECT 1 FROM parked WHERE target = ?", "t", target);
	const bool any = database_next(journal->database, row);

	if (!any)
		return;
	(void)sqlite3_reset(row);
	database_change(journal->database, "DELETE FROM parked WHERE target = ?", "t", target);
}

/* ---- passes ---- */

int64_t journal_pass_begin(struct journal *journal, const struct pass_entry *entry)
{
	return beginnings_write(&journal->beginnings, journal->database, entry);
}

void journal_pass_end(struct journal *journal, int64_t pass, const char *outcome,
		const char *reason, long gap_ms)
{
	beginnings_restore(&journal->beginnings, journal->database);
	beginnings_end(&journal->beginnings, pass);
	database_change(journal->database,
			"UPDATE pass SET ended = ?, outcome = ?, reason = ?, gap_ms = ? WHERE id = ?",
			"nttnn", (long long)time(NULL), outcome, reason, (long long)gap_ms,
			(long long)pass);
}

void journal_step_begin(
		struct journal *journal, int64_t pass, long number, bool undo, const char *text)
{
	beginnings_restore(&journal->beginnings, journal->database);
	database_change(journal->database,
			"INSERT OR REPLACE INTO step (pass, number, undo, text, result, at) VALUES (?, ?, ?, ?,"
			" 'begun', ?)",
			"nnntn", (long long)pass, (long long)number, (long long)undo, text,
			clock_now_ms());
}

void journal_step_end(struct journal *journal, int64_t pass, const struct step_entry *entry)
{
	database_note(journal->database,
			"INSERT OR REPLACE INTO step (pass, number, undo, text, result, milliseconds, reason, at)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			"nnnttntn", (long long)pass, (long long)entry->number,
			(long long)entry->undo, entry->text, entry->reason ? "failed" : "done",
			(long long)entry->milliseconds, entry->reason, clock_now_ms());
}

static struct pass_entry pass_at(struct arena *arena, sqlite3_stmt *row)
{
	return (struct pass_entry){
		.id = sqlite3_column_int64(row, 0),
		.target = database_text(arena, row, 1),
		.credential = database_text(arena, row, 2),
		.plan = database_text(arena, row, 3),
		.started = sqlite3_column_int64(row, 4),
		.ended = sqlite3_column_int64(row, 5),
		.outcome = database_text(arena, row, 6),
		.reason = database_text(arena, row, 7),
		.gap_ms = (long)sqlite3_column_int64(row, 8),
	};
}

const struct pass_entry *journal_open_pass(
		struct journal *journal, struct arena *arena, const char *target)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT id, target, credential, plan, started, ended, outcome, reason, gap_ms FROM pass"
			" WHERE target = ? AND ended = 0 ORDER BY id DESC LIMIT 1",
			"t", target);
	struct pass_entry *entry;

	if (!database_next(journal->database, row))
		return NULL;
	entry = arena_new_of(arena, struct pass_entry);
	*entry = pass_at(arena, row);
	(void)sqlite3_reset(row);
	return entry;
}

static struct words numbers(struct journal *journal, struct arena *arena, sqlite3_stmt *row)
{
	const char **items = arena_new_many(arena, const char *, 1024);
	struct words found = { .items = items };

	while (found.count < 1023 && database_next(journal->database, row))
		items[found.count++] = database_text(arena, row, 0);
	if (row)
		(void)sqlite3_reset(row);
	return found;
}

struct words journal_begun(struct journal *journal, struct arena *arena, int64_t pass)
{
	return numbers(journal, arena,
			database_query(journal->database,
					"SELECT number FROM step WHERE pass = ? AND undo = 0"
					" ORDER BY number",
					"n", (long long)pass));
}

struct words journal_done(struct journal *journal, struct arena *arena, int64_t pass)
{
	return numbers(journal, arena,
			database_query(journal->database,
					"SELECT number FROM step WHERE pass = ?1 AND undo = 0"
					" AND result = 'done' AND number NOT IN"
					" (SELECT number FROM step WHERE pass = ?1 AND undo = 1)"
					" ORDER BY number",
					"n", (long long)pass));
}

long long journal_done_at_ms(struct journal *journal, int64_t pass, long number)
{
	return database_number(journal->database,
			database_query(journal->database,
					"SELECT max(at) FROM step WHERE pass = ? AND number <= ? AND undo = 0"
					" AND result = 'done'",
					"nn", (long long)pass, (long long)number));
}

long long journal_begun_at_ms(struct journal *journal, int64_t pass, long number)
{
	return database_number(journal->database,
			database_query(journal->database,
					"SELECT at FROM step WHERE pass = ? AND number = ? AND undo = 0"
					" AND result = 'begun'",
					"nn", (long long)pass, (long long)number));
}

bool journal_has_open(struct journal *journal)
{
	return database_number(journal->database,
			       database_query(journal->database,
					       "SELECT 1 FROM pass WHERE ended = 0 LIMIT 1", "")) !=
			0;
}

struct words journal_open_targets(struct journal *journal, struct arena *arena)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT DISTINCT target FROM pass WHERE ended = 0 ORDER BY target LIMIT 64",
			"");
	const char **items = arena_new_many(arena, const char *, 64);
	struct words found = { .items = items };

	while (database_next(journal->database, row))
		items[found.count++] = database_text(arena, row, 0);
	return found;
}

/* By their steps, because a pass that a crash has cut short was not busy all the time. */
long long journal_longest_ms(struct journal *journal, const char *target)
{
	return database_number(journal->database,
			database_query(journal->database,
					"SELECT max(took) FROM (SELECT sum(milliseconds) AS took FROM pass JOIN step"
					" ON step.pass = pass.id WHERE target = ? AND outcome = 'applied' AND undo = 0"
					" GROUP BY pass.id ORDER BY pass.id DESC LIMIT 5)",
					"t", target));
}

void journal_passes(struct journal *journal, const char *target, int limit, journal_pass_fn *told,
		void *context)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT id, target, credential, plan, started, ended, outcome, reason, gap_ms FROM pass"
			" WHERE ?1 IS NULL OR target = ?1 ORDER BY id DESC LIMIT ?2",
			"tn", target, (long long)limit);

	while (database_next(journal->database, row)) {
		autoarena struct arena *arena = arena_new();
		const struct pass_entry entry = pass_at(arena, row);

		told(context, &entry);
	}
}

void journal_steps(struct journal *journal, int64_t pass, journal_step_fn *told, void *context)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT number, undo, text, result, reason, milliseconds FROM step WHERE pass = ?"
			" ORDER BY undo, CASE WHEN undo THEN -number ELSE number END",
			"n", (long long)pass);

	while (database_next(journal->database, row)) {
		autoarena struct arena *arena = arena_new();
		const struct step_entry entry = {
			.number = (long)sqlite3_column_int64(row, 0),
			.undo = sqlite3_column_int64(row, 1) != 0,
			.text = database_text(arena, row, 2),
			.result = database_text(arena, row, 3),
			.reason = database_text(arena, row, 4),
			.milliseconds = (long)sqlite3_column_int64(row, 5),
		};

		told(context, &entry);
	}
}

struct words journal_served_before(struct journal *journal, struct arena *arena, const char *target)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT credential FROM pass WHERE target = ? AND outcome = 'applied'"
			" GROUP BY credential ORDER BY max(id) DESC LIMIT 255",
			"t", target);
	const char **items = arena_new_many(arena, const char *, 256);
	struct words found = { .items = items };

	while (database_next(journal->database, row))
		items[found.count++] = database_text(arena, row, 0);
	return found;
}

static void prune_parked(struct journal *journal, const char *target, int keep)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT count(*) FROM parked WHERE target = ?", "t", target);

	if (database_number(journal->database, row) <= keep)
		return;
	database_change(journal->database,
			"DELETE FROM parked WHERE target = ? AND rowid NOT IN (SELECT rowid FROM parked"
			" WHERE target = ? ORDER BY at DESC, rowid DESC LIMIT ?)",
			"ttn", target, target, (long long)keep);
}

void journal_prune(struct journal *journal, const char *target, int keep)
{
	sqlite3_stmt *row = database_query(journal->database,
			"SELECT id FROM pass WHERE target = ? AND ended > 0 ORDER BY id DESC LIMIT 1 OFFSET ?",
			"tn", target, (long long)keep);
	long long last;

	prune_parked(journal, target, keep);
	if (!database_next(journal->database, row))
		return;
	last = sqlite3_column_int64(row, 0);
	(void)sqlite3_reset(row);
	database_change(journal->database,
			"DELETE FROM step WHERE pass IN (SELECT id FROM pass WHERE target = ? AND id <= ?"
			" AND ended > 0)",
			"tn", target, last);
	database_change(journal->database,
			"DELETE FROM pass WHERE target = ? AND id <= ? AND ended > 0", "tn", target,
			last);
}

long long journal_latest_time(struct journal *journal)
{
	return database_number(journal->database,
			database_query(journal->database,
					"SELECT max(coalesce((SELECT max(since) FROM target), 0),"
					" coalesce((SELECT max(ended) FROM pass), 0))",
					""));
}
