#define _GNU_SOURCE
#include "controller/certdrop/state/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/base/file.h"
#include "controller/certdrop/clock.h"

enum { STATEMENTS_MAX = 40, DAMAGED_MAX = 1000 };

static const char schema[] =
		"CREATE TABLE IF NOT EXISTS target (name TEXT PRIMARY KEY, wanted TEXT, predecessor TEXT,"
		" put_back TEXT, state TEXT, reason TEXT, inputs TEXT, since INTEGER, accepted INTEGER);"
		"CREATE TABLE IF NOT EXISTS parked (target TEXT, digest TEXT, reason TEXT, at INTEGER,"
		" PRIMARY KEY (target, digest));"
		"CREATE TABLE IF NOT EXISTS pass (id INTEGER PRIMARY KEY, target TEXT, credential TEXT,"
		" plan TEXT, started INTEGER, ended INTEGER NOT NULL DEFAULT 0, outcome TEXT, reason TEXT,"
		" gap_ms INTEGER NOT NULL DEFAULT -1);"
		"CREATE INDEX IF NOT EXISTS pass_target ON pass (target, id);"
		"CREATE INDEX IF NOT EXISTS pass_open ON pass (target) WHERE ended = 0;"
		"CREATE TABLE IF NOT EXISTS step (pass INTEGER, number INTEGER, undo INTEGER, text TEXT,"
		" result TEXT, reason TEXT, milliseconds INTEGER, PRIMARY KEY (pass, number, undo));";

/* What came later. A database is brought from the version that it has to the latest. */
static const char *const upgrades[] = {
	"PRAGMA user_version = 1;",
	"ALTER TABLE target ADD COLUMN in_service INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE step ADD COLUMN at INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 2;",
};

struct journal {
	sqlite3 *database;
	bool dirty; /* a transaction is open */
	bool pressing; /* and is to be committed before anything is waited for */
	bool failed;
	struct error failure;
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} prepared[STATEMENTS_MAX];
};

/* ---- opening ---- */

static bool execute(sqlite3 *database, const char *sql, struct error *error)
{
	char *message = NULL;
	bool done = sqlite3_exec(database, sql, NULL, NULL, &message) == SQLITE_OK;

	if (!done)
		(void)fail(error, ERROR_RETRY, "%s", message ? message : sqlite3_errmsg(database));
	sqlite3_free(message);
	return done;
}

static int keep_first_column(void *context, int columns, char **values, char **names)
{
	char *kept = context;

	(void)names;
	if (columns > 0 && values[0])
		(void)snprintf(kept, 16, "%s", values[0]);
	return 0;
}

static bool is_sound(sqlite3 *database)
{
	char verdict[16] = "";

	return sqlite3_exec(database, "PRAGMA quick_check(1)", keep_first_column, verdict, NULL) ==
			SQLITE_OK &&
			strcmp(verdict, "ok") == 0;
}

static bool upgrade(sqlite3 *database, struct error *error)
{
	char version[16] = "0";

	if (sqlite3_exec(database, "PRAGMA user_version", keep_first_column, version, NULL) !=
			SQLITE_OK)
		return false;
	for (size_t i = strtoul(version, NULL, 10); i < sizeof(upgrades) / sizeof(*upgrades); i++)
		if (!execute(database, "BEGIN", error) || !execute(database, upgrades[i], error) ||
				!execute(database, "COMMIT", error))
			return false;
	return true;
}

static const char *what_happened(int code, sqlite3 *database)
{
	return code == SQLITE_BUSY ? "another process has it" : sqlite3_errmsg(database);
}

/* SQLite says what it could not do, and not why. */
static const char *what_to_do(int code)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
		return "; it may be another certdrop with the same `state`: stop it, or ask it at its "
		       "own `socket`";
	case SQLITE_CANTOPEN:
		return "; it may be a symbolic link, belong to another user than the one that runs "
		       "certdrop, or lie on a read-only file system";
	case SQLITE_IOERR:
	case SQLITE_READONLY:
		return "; see whether the file system is mounted read-only or the disk is broken, and "
		       "whether this user may write there";
	}
	return "";
}

/* false with *damaged: it is there, but no database (any more). */
static bool open_database(const char *path, sqlite3 **database, bool *damaged, struct error *error)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
	struct error cause = { 0 };
	int code;

	*damaged = false;
	if (sqlite3_open_v2(path, database, flags, NULL) == SQLITE_OK &&
			execute(*database,
					"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
					"PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 200;",
					&cause) &&
			is_sound(*database) && execute(*database, schema, &cause) &&
			upgrade(*database, &cause))
		return true;

	code = sqlite3_errcode(*database);
	*damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_OK;
	if (*damaged)
		(void)fail(error, ERROR_CONFIG, "journal %s is damaged (%s)", path,
				code == SQLITE_OK ? "what is in it contradicts itself"
						  : sqlite3_errmsg(*database));
	else
		(void)fail(error, code == SQLITE_FULL ? ERROR_RETRY : ERROR_CONFIG,
				"journal %s: %s%s", path, what_happened(code, *database),
				what_to_do(code));
	(void)sqlite3_close(*database);
	*database = NULL;
	return false;
}

/* Over no other file: an earlier damage may be of use to somebody. What is not in the database yet
 * goes with it. NULL: it cannot be moved. */
static const char *move_aside(struct arena *arena, const char *path, struct error *error)
{
	for (int i = 1; i <= DAMAGED_MAX; i++) {
		const char *aside = i == 1 ? arena_printf(arena, "%s.damaged", path)
					   : arena_printf(arena, "%s.damaged-%d", path, i);

		if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0) {
			(void)rename(arena_printf(arena, "%s-wal", path),
					arena_printf(arena, "%s-wal", aside));
			return aside;
		}
		if (errno != EEXIST)
			break;
	}
	(void)fail(error, ERROR_CONFIG, "%s, and cannot be moved aside: %s", error->text,
			strerror(errno));
	return NULL;
}

/* The damaged one makes way for a new one, and `notice` says what that means. */
static bool replace_damaged(struct arena *arena, const char *path, sqlite3 **database,
		struct buffer *notice, struct error *error)
{
	const char *aside;
	bool damaged;

	if (!notice)
		return fail(error, ERROR_CONFIG,
				"%s; the service moves it aside when it starts, and begins a new one",
				error->text);
	buffer_printf(notice, "%s", error->text);
	aside = move_aside(arena, path, error);
	if (!aside)
		return false;
	buffer_printf(notice,
			": moved aside to %s, beginning a new one; lost are the history, what was "
			"parked and what was in service before, so that a downgrade or what was put "
			"back is not noticed; each target is looked at anew",
			aside);
	return open_database(path, database, &damaged, error);
}

/* SQLite tells a read that failed as damage, too: that has to be seen twice. */
static bool open_or_replace(struct arena *arena, const char *path, sqlite3 **database,
		struct buffer *notice, struct error *error)
{
	bool damaged;

	for (int looks = 0; looks < 2; looks++) {
		if (open_database(path, database, &damaged, error))
			return true;
		if (!damaged)
			return false;
	}
	return replace_damaged(arena, path, database, notice, error);
}

struct journal *journal_open(
		const char *state_directory, struct buffer *notice, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/journal.db", state_directory);
	sqlite3 *database = NULL;
	struct journal *journal;

	if (!directory_make(state_directory, 0700, error) ||
			!open_or_replace(arena, path, &database, notice, error))
		return NULL;
	journal = calloc(1, sizeof(*journal));
	assert(journal);
	journal->database = database;
	return journal;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		(void)sqlite3_finalize(journal->prepared[i].statement);
	(void)sqlite3_close(journal->database);
	free(journal);
}

/* ---- statements ---- */

static void note_failure(struct journal *journal)
{
	if (!journal->failed)
		(void)fail(&journal->failure, ERROR_RETRY, "journal: %s",
				sqlite3_errmsg(journal->database));
	journal->failed = true;
}

/* Each SQL text is a literal: it is prepared once and known by its address. */
static sqlite3_stmt *prepare(struct journal *journal, const char *sql)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		if (journal->prepared[i].sql == sql)
			return journal->prepared[i].statement;
		if (journal->prepared[i].sql)
			continue;
		if (sqlite3_prepare_v3(journal->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
				    &journal->prepared[i].statement, NULL) != SQLITE_OK) {
			note_failure(journal);
			return NULL;
		}
		journal->prepared[i].sql = sql;
		return journal->prepared[i].statement;
	}
	/* More statements than STATEMENTS_MAX. */
	abort();
}

/* Binds by the letters of `types`: t a text (or NULL), n a number (long long). */
static sqlite3_stmt *bind(
		struct journal *journal, const char *sql, const char *types, va_list values)
{
	sqlite3_stmt *statement = prepare(journal, sql);

	for (int i = 1; statement && *types; i++, types++) {
		if (*types == 't')
			(void)sqlite3_bind_text(statement, i, va_arg(values, const char *), -1,
					SQLITE_TRANSIENT);
		else
			(void)sqlite3_bind_int64(statement, i, va_arg(values, long long));
	}
	return statement;
}

static sqlite3_stmt *query(struct journal *journal, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list values;

	va_start(values, types);
	statement = bind(journal, sql, types, values);
	va_end(values);
	return statement;
}

static void change(struct journal *journal, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list values;

	if (!journal->dirty && !execute(journal->database, "BEGIN", &journal->failure))
		journal->failed = true;
	journal->dirty = journal->pressing = true;
	/* SQLite may have ended the transaction with the failure: this would be kept on its own. */
	if (journal->failed)
		return;

	va_start(values, types);
	statement = bind(journal, sql, types, values);
	va_end(values);
	if (!statement)
		return;
	if (sqlite3_step(statement) != SQLITE_DONE)
		note_failure(journal);
	(void)sqlite3_reset(statement);
}

static bool next_row(sqlite3_stmt *statement)
{
	if (!statement)
		return false;
	if (sqlite3_step(statement) == SQLITE_ROW)
		return true;
	(void)sqlite3_reset(statement);
	return false;
}

static const char *text_at(struct arena *arena, sqlite3_stmt *statement, int column)
{
	return arena_copy(arena, (const char *)sqlite3_column_text(statement, column));
}

bool journal_pressing(const struct journal *journal)
{
	return journal->pressing;
}

bool journal_commit(struct journal *journal, struct error *error)
{
	if (!journal->dirty)
		return true;
	journal->dirty = journal->pressing = false;
	if (!journal->failed && execute(journal->database, "COMMIT", &journal->failure))
		return true;

	journal->failed = false;
	(void)fail(error, ERROR_RETRY, "%s", journal->failure.text);
	(void)sqlite3_exec(journal->database, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

/* ---- targets ---- */

bool journal_target(struct journal *journal, struct arena *arena, const char *target,
		struct remembered *remembered)
{
	sqlite3_stmt *row = query(journal,
			"SELECT wanted, predecessor, put_back, state, reason, inputs, since, accepted, in_service"
			" FROM target"
			" WHERE name = ?",
			"t", target);

	if (!next_row(row))
		return false;
	*remembered = (struct remembered){
		.wanted = text_at(arena, row, 0),
		.predecessor = text_at(arena, row, 1),
		.put_back = text_at(arena, row, 2),
		.state = text_at(arena, row, 3),
		.reason = text_at(arena, row, 4),
		.inputs = text_at(arena, row, 5),
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
	change(journal,
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
	sqlite3_stmt *row =
			query(journal, "SELECT reason FROM parked WHERE target = ? AND digest = ?",
					"tt", target, digest);
	const char *reason = NULL;

	if (next_row(row)) {
		reason = text_at(arena, row, 0);
		(void)sqlite3_reset(row);
	}
	return reason;
}

void journal_park(
		struct journal *journal, const char *target, const char *digest, const char *reason)
{
	change(journal, "INSERT OR REPLACE INTO parked (target, digest, reason, at) VALUES (?, ?, ?, ?)",
			"tttn", target, digest, reason, (long long)time(NULL));
}

const char *journal_last_parked(struct journal *journal, struct arena *arena, const char *target)
{
	sqlite3_stmt *row = query(journal,
			"SELECT digest FROM parked WHERE target = ? ORDER BY at DESC, rowid DESC LIMIT 1",
			"t", target);
	const char *digest = NULL;

	if (next_row(row)) {
		digest = text_at(arena, row, 0);
		(void)sqlite3_reset(row);
	}
	return digest;
}

void journal_unpark(struct journal *journal, const char *target)
{
	sqlite3_stmt *row = query(journal, "SELECT 1 FROM parked WHERE target = ?", "t", target);
	const bool any = next_row(row);

	if (!any)
		return;
	(void)sqlite3_reset(row);
	change(journal, "DELETE FROM parked WHERE target = ?", "t", target);
}

/* ---- passes ---- */

int64_t journal_pass_begin(struct journal *journal, const struct pass_entry *entry)
{
	const bool pressing = journal->pressing;

	change(journal, "INSERT INTO pass (target, credential, plan, started) VALUES (?, ?, ?, ?)",
			"tttn", entry->target, entry->credential, entry->plan, entry->started);
	journal->pressing = pressing;
	return sqlite3_last_insert_rowid(journal->database);
}

void journal_pass_end(struct journal *journal, int64_t pass, const char *outcome,
		const char *reason, long gap_ms)
{
	change(journal, "UPDATE pass SET ended = ?, outcome = ?, reason = ?, gap_ms = ? WHERE id = ?",
			"nttnn", (long long)time(NULL), outcome, reason, (long long)gap_ms,
			(long long)pass);
}

void journal_step_begin(
		struct journal *journal, int64_t pass, long number, bool undo, const char *text)
{
	change(journal,
			"INSERT OR REPLACE INTO step (pass, number, undo, text, result) VALUES (?, ?, ?, ?,"
			" 'begun')",
			"nnnt", (long long)pass, (long long)number, (long long)undo, text);
}

void journal_step_end(struct journal *journal, int64_t pass, const struct step_entry *entry)
{
	const bool pressing = journal->pressing;

	change(journal,
			"INSERT OR REPLACE INTO step (pass, number, undo, text, result, milliseconds, reason, at)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			"nnnttntn", (long long)pass, (long long)entry->number,
			(long long)entry->undo, entry->text, entry->reason ? "failed" : "done",
			(long long)entry->milliseconds, entry->reason, clock_now_ms());
	journal->pressing = pressing;
}

static struct pass_entry pass_at(struct arena *arena, sqlite3_stmt *row)
{
	return (struct pass_entry){
		.id = sqlite3_column_int64(row, 0),
		.target = text_at(arena, row, 1),
		.credential = text_at(arena, row, 2),
		.plan = text_at(arena, row, 3),
		.started = sqlite3_column_int64(row, 4),
		.ended = sqlite3_column_int64(row, 5),
		.outcome = text_at(arena, row, 6),
		.reason = text_at(arena, row, 7),
		.gap_ms = (long)sqlite3_column_int64(row, 8),
	};
}

const struct pass_entry *journal_open_pass(
		struct journal *journal, struct arena *arena, const char *target)
{
	sqlite3_stmt *row = query(journal,
			"SELECT id, target, credential, plan, started, ended, outcome, reason, gap_ms FROM pass"
			" WHERE target = ? AND ended = 0 ORDER BY id DESC LIMIT 1",
			"t", target);
	struct pass_entry *entry;

	if (!next_row(row))
		return NULL;
	entry = arena_new_of(arena, struct pass_entry);
	*entry = pass_at(arena, row);
	(void)sqlite3_reset(row);
	return entry;
}

static struct words numbers(struct arena *arena, sqlite3_stmt *row)
{
	const char **items = arena_new_many(arena, const char *, 1024);
	struct words found = { .items = items };

	while (found.count < 1023 && next_row(row))
		items[found.count++] = text_at(arena, row, 0);
	if (row)
		(void)sqlite3_reset(row);
	return found;
}

struct words journal_begun(struct journal *journal, struct arena *arena, int64_t pass)
{
	return numbers(arena,
			query(journal,
					"SELECT number FROM step WHERE pass = ? AND undo = 0"
					" ORDER BY number",
					"n", (long long)pass));
}

struct words journal_done(struct journal *journal, struct arena *arena, int64_t pass)
{
	return numbers(arena,
			query(journal,
					"SELECT number FROM step WHERE pass = ?1 AND undo = 0"
					" AND result = 'done' AND number NOT IN"
					" (SELECT number FROM step WHERE pass = ?1 AND undo = 1)"
					" ORDER BY number",
					"n", (long long)pass));
}

static long long one_number(sqlite3_stmt *row)
{
	long long number = 0;

	if (next_row(row)) {
		number = sqlite3_column_int64(row, 0);
		(void)sqlite3_reset(row);
	}
	return number;
}

long long journal_done_at_ms(struct journal *journal, int64_t pass, long number)
{
	return one_number(query(journal,
			"SELECT max(at) FROM step WHERE pass = ? AND number <= ? AND undo = 0"
			" AND result = 'done'",
			"nn", (long long)pass, (long long)number));
}

bool journal_has_open(struct journal *journal)
{
	return one_number(query(journal, "SELECT 1 FROM pass WHERE ended = 0 LIMIT 1", "")) != 0;
}

/* By their steps, because a pass that a crash has cut short was not busy all the time. */
long long journal_longest_ms(struct journal *journal, const char *target)
{
	return one_number(query(journal,
			"SELECT max(took) FROM (SELECT sum(milliseconds) AS took FROM pass JOIN step"
			" ON step.pass = pass.id WHERE target = ? AND outcome = 'applied' AND undo = 0"
			" GROUP BY pass.id ORDER BY pass.id DESC LIMIT 5)",
			"t", target));
}

void journal_passes(struct journal *journal, const char *target, int limit, journal_pass_fn *told,
		void *context)
{
	sqlite3_stmt *row = query(journal,
			"SELECT id, target, credential, plan, started, ended, outcome, reason, gap_ms FROM pass"
			" WHERE ?1 IS NULL OR target = ?1 ORDER BY id DESC LIMIT ?2",
			"tn", target, (long long)limit);

	while (next_row(row)) {
		autoarena struct arena *arena = arena_new();
		const struct pass_entry entry = pass_at(arena, row);

		told(context, &entry);
	}
}

void journal_steps(struct journal *journal, int64_t pass, journal_step_fn *told, void *context)
{
	sqlite3_stmt *row = query(journal,
			"SELECT number, undo, text, result, reason, milliseconds FROM step WHERE pass = ?"
			" ORDER BY undo, CASE WHEN undo THEN -number ELSE number END",
			"n", (long long)pass);

	while (next_row(row)) {
		autoarena struct arena *arena = arena_new();
		const struct step_entry entry = {
			.number = (long)sqlite3_column_int64(row, 0),
			.undo = sqlite3_column_int64(row, 1) != 0,
			.text = text_at(arena, row, 2),
			.result = text_at(arena, row, 3),
			.reason = text_at(arena, row, 4),
			.milliseconds = (long)sqlite3_column_int64(row, 5),
		};

		told(context, &entry);
	}
}

struct words journal_served_before(struct journal *journal, struct arena *arena, const char *target)
{
	sqlite3_stmt *row = query(journal,
			"SELECT credential FROM pass WHERE target = ? AND outcome = 'applied'"
			" GROUP BY credential ORDER BY max(id) DESC LIMIT 255",
			"t", target);
	const char **items = arena_new_many(arena, const char *, 256);
	struct words found = { .items = items };

	while (next_row(row))
		items[found.count++] = text_at(arena, row, 0);
	return found;
}

static void prune_parked(struct journal *journal, const char *target, int keep)
{
	sqlite3_stmt *row =
			query(journal, "SELECT count(*) FROM parked WHERE target = ?", "t", target);

	if (one_number(row) <= keep)
		return;
	change(journal,
			"DELETE FROM parked WHERE target = ? AND rowid NOT IN (SELECT rowid FROM parked"
			" WHERE target = ? ORDER BY at DESC, rowid DESC LIMIT ?)",
			"ttn", target, target, (long long)keep);
}

void journal_prune(struct journal *journal, const char *target, int keep)
{
	sqlite3_stmt *row = query(journal,
			"SELECT id FROM pass WHERE target = ? AND ended > 0 ORDER BY id DESC LIMIT 1 OFFSET ?",
			"tn", target, (long long)keep);
	long long last;

	prune_parked(journal, target, keep);
	if (!next_row(row))
		return;
	last = sqlite3_column_int64(row, 0);
	(void)sqlite3_reset(row);
	change(journal,
			"DELETE FROM step WHERE pass IN (SELECT id FROM pass WHERE target = ? AND id <= ?"
			" AND ended > 0)",
			"tn", target, last);
	change(journal, "DELETE FROM pass WHERE target = ? AND id <= ? AND ended > 0", "tn", target,
			last);
}

long long journal_latest_time(struct journal *journal)
{
	return one_number(query(journal,
			"SELECT max(coalesce((SELECT max(since) FROM target), 0),"
			" coalesce((SELECT max(ended) FROM pass), 0))",
			""));
}
