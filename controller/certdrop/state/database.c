#define _GNU_SOURCE
#include "controller/certdrop/state/database.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/file.h"
#include "controller/certdrop/state/whereabouts.h"

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

struct database {
	sqlite3 *handle;
	struct whereabouts file, log;
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

/* Why a call of the file's failed last; of its log, where what is new is written first. 0: none did. */
static int last_errno(sqlite3 *handle)
{
	sqlite3_file *log = NULL;
	int number = 0;

	(void)sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (log && log->pMethods)
		(void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
	if (number == 0)
		(void)sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

/* SQLite has one sentence for nearly all that a disk may say. */
static void explain(sqlite3 *handle, const char *message, struct error *error)
{
	const bool disk = (sqlite3_errcode(handle) & 0xff) == SQLITE_IOERR;
	const int number = disk ? last_errno(handle) : 0;

	(void)fail(error, ERROR_RETRY, "%s%s%s", message, number ? ": " : "",
			number ? strerror(number) : "");
}

static bool execute(sqlite3 *handle, const char *sql, struct error *error)
{
	char *message = NULL;
	bool done = sqlite3_exec(handle, sql, NULL, NULL, &message) == SQLITE_OK;

	if (!done)
		explain(handle, message ? message : sqlite3_errmsg(handle), error);
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

static bool is_sound(sqlite3 *handle)
{
	char verdict[16] = "";

	return sqlite3_exec(handle, "PRAGMA quick_check(1)", keep_first_column, verdict, NULL) ==
			SQLITE_OK &&
			strcmp(verdict, "ok") == 0;
}

static bool upgrade(sqlite3 *handle, struct error *error)
{
	char version[16] = "0";

	if (sqlite3_exec(handle, "PRAGMA user_version", keep_first_column, version, NULL) !=
			SQLITE_OK)
		return false;
	for (size_t i = strtoul(version, NULL, 10); i < sizeof(upgrades) / sizeof(*upgrades); i++)
		if (!execute(handle, "BEGIN", error) || !execute(handle, upgrades[i], error) ||
				!execute(handle, "COMMIT", error))
			return false;
	return true;
}

static const char *what_happened(int code, sqlite3 *handle)
{
	return code == SQLITE_BUSY ? "another process has it" : sqlite3_errmsg(handle);
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
static bool open_database(const char *path, sqlite3 **handle, bool *damaged, struct error *error)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
	struct error cause = { 0 };
	int code;

	*damaged = false;
	if (sqlite3_open_v2(path, handle, flags, NULL) == SQLITE_OK &&
			execute(*handle,
					"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
					"PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 200;",
					&cause) &&
			is_sound(*handle) && execute(*handle, schema, &cause) &&
			upgrade(*handle, &cause))
		return true;

	code = sqlite3_errcode(*handle);
	*damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_OK;
	if (*damaged)
		(void)fail(error, ERROR_CONFIG, "journal %s is damaged (%s)", path,
				code == SQLITE_OK ? "what is in it contradicts itself"
						  : sqlite3_errmsg(*handle));
	else
		(void)fail(error, code == SQLITE_FULL ? ERROR_RETRY : ERROR_CONFIG,
				"journal %s: %s%s", path, what_happened(code, *handle),
				what_to_do(code));
	(void)sqlite3_close(*handle);
	*handle = NULL;
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
static bool replace_damaged(struct arena *arena, const char *path, sqlite3 **handle,
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
	return open_database(path, handle, &damaged, error);
}

/* SQLite tells a read that failed as damage, too: that has to be seen twice. */
static bool open_or_replace(struct arena *arena, const char *path, sqlite3 **handle,
		struct buffer *notice, struct error *error)
{
	bool damaged;

	for (int looks = 0; looks < 2; looks++) {
		if (open_database(path, handle, &damaged, error))
			return true;
		if (!damaged)
			return false;
	}
	return replace_damaged(arena, path, handle, notice, error);
}

struct database *database_open(const char *path, struct buffer *notice, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	sqlite3 *handle = NULL;
	struct database *database;

	if (!open_or_replace(arena, path, &handle, notice, error))
		return NULL;
	database = calloc(1, sizeof(*database));
	assert(database);
	database->handle = handle;
	database->file = whereabouts_of(path, "it");
	database->log = whereabouts_of(arena_printf(arena, "%s-wal", path), "its log");
	return database;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		(void)sqlite3_finalize(database->prepared[i].statement);
	(void)sqlite3_close(database->handle);
	whereabouts_done(&database->file);
	whereabouts_done(&database->log);
	free(database);
}

/* ---- statements ---- */

static void note_failure(struct database *database)
{
	if (!database->failed)
		explain(database->handle, sqlite3_errmsg(database->handle), &database->failure);
	database->failed = true;
}

/* Each SQL text is a literal: it is prepared once and known by its address. */
static sqlite3_stmt *prepare(struct database *database, const char *sql)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		if (database->prepared[i].sql == sql)
			return database->prepared[i].statement;
		if (database->prepared[i].sql)
			continue;
		if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
				    &database->prepared[i].statement, NULL) != SQLITE_OK) {
			note_failure(database);
			return NULL;
		}
		database->prepared[i].sql = sql;
		return database->prepared[i].statement;
	}
	/* More statements than STATEMENTS_MAX. */
	abort();
}

/* Binds by the letters of `types`: t a text (or NULL), n a number (long long). */
static sqlite3_stmt *bind(
		struct database *database, const char *sql, const char *types, va_list values)
{
	sqlite3_stmt *statement = prepare(database, sql);

	for (int i = 1; statement && *types; i++, types++) {
		if (*types == 't')
			(void)sqlite3_bind_text(statement, i, va_arg(values, const char *), -1,
					SQLITE_TRANSIENT);
		else
			(void)sqlite3_bind_int64(statement, i, va_arg(values, long long));
	}
	return statement;
}

sqlite3_stmt *database_query(struct database *database, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement;
	va_list values;

	va_start(values, types);
	statement = bind(database, sql, types, values);
	va_end(values);
	return statement;
}

static void write_row(struct database *database, const char *sql, const char *types, va_list values)
{
	sqlite3_stmt *statement;

	if (!database->dirty && !execute(database->handle, "BEGIN", &database->failure))
		database->failed = true;
	database->dirty = true;
	/* SQLite may have ended the transaction with the failure: this would be kept on its own. */
	if (database->failed)
		return;

	statement = bind(database, sql, types, values);
	if (!statement)
		return;
	if (sqlite3_step(statement) != SQLITE_DONE)
		note_failure(database);
	(void)sqlite3_reset(statement);
}

void database_change(struct database *database, const char *sql, const char *types, ...)
{
	va_list values;

	database->pressing = true;
	va_start(values, types);
	write_row(database, sql, types, values);
	va_end(values);
}

void database_note(struct database *database, const char *sql, const char *types, ...)
{
	va_list values;

	va_start(values, types);
	write_row(database, sql, types, values);
	va_end(values);
}

bool database_next(struct database *database, sqlite3_stmt *row)
{
	int code;

	if (!row)
		return false;
	code = sqlite3_step(row);
	if (code == SQLITE_ROW)
		return true;
	if (code != SQLITE_DONE)
		note_failure(database);
	(void)sqlite3_reset(row);
	return false;
}

long long database_number(struct database *database, sqlite3_stmt *row)
{
	long long number = 0;

	if (database_next(database, row)) {
		number = sqlite3_column_int64(row, 0);
		(void)sqlite3_reset(row);
	}
	return number;
}

const char *database_text(struct arena *arena, sqlite3_stmt *row, int column)
{
	return arena_copy(arena, (const char *)sqlite3_column_text(row, column));
}

/* ---- committing ---- */

bool database_pressing(const struct database *database)
{
	return database->pressing;
}

static bool is_in_place(const struct database *database, struct error *error)
{
	return whereabouts_hold(&database->file, error) && whereabouts_hold(&database->log, error);
}

bool database_in_place(const struct database *database, struct error *error)
{
	return is_in_place(database, error) || fail_while(error, "journal %s", database->file.path);
}

bool database_commit(struct database *database, struct error *error)
{
	if (!database->dirty && !database->failed)
		return true;
	database->dirty = database->pressing = false;
	if (!database->failed && is_in_place(database, &database->failure) &&
			execute(database->handle, "COMMIT", &database->failure))
		return true;

	database->failed = false;
	(void)fail(error, ERROR_RETRY, "journal %s: %s", database->file.path,
			database->failure.text);
	(void)sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
	return false;
}
