#pragma once

/*
 * The database that the journal is written in: opening it, and statements. Only journal.c includes
 * this; journal.h tells what it promises and how.
 *
 *         row = database_query(database, "SELECT a, b FROM t WHERE c = ?", "t", text);
 *         while (database_next(database, row))
 *                 ... database_text(arena, row, 0), sqlite3_column_int64(row, 1) ...
 *
 *         database_change(database, "UPDATE t SET b = ? WHERE c = ?", "nt", (long long)number, text);
 *         database_commit(database, error)
 *
 * An SQL text must be a literal: it is prepared once, and known by its address. `types` has a letter for
 * each value that follows: t a text, or NULL; n a number, as a long long. A row that was not read to
 * the end must be reset before its statement is used again.
 */

#include <sqlite3.h>

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/error.h"

struct database;

/* The file, with the tables of the latest version. The errors, and `notice`, are those of
 * journal_open(). */
struct database *database_open(const char *path, struct buffer *notice, struct error *error);
void database_close(struct database *database);

/* NULL, which has no rows: it cannot be asked, and the next commit tells why. */
sqlite3_stmt *database_query(struct database *database, const char *sql, const char *types, ...);

/* Resets the statement behind the last row. false, too, when it cannot be read: the next commit tells
 * why, and fails. */
bool database_next(struct database *database, sqlite3_stmt *row);
const char *database_text(struct arena *arena, sqlite3_stmt *row, int column);

/* The first column of the first row, after which it is reset; 0: there is none. */
long long database_number(struct database *database, sqlite3_stmt *row);

/* A write of the transaction, which the first one begins. What is only noted is no reason to commit: it
 * goes along with the next that is. */
void database_change(struct database *database, const char *sql, const char *types, ...);
void database_note(struct database *database, const char *sql, const char *types, ...);

/* ERROR_CONFIG: the path does not lead to it any more, or not to its log, so that nobody would find again
 * what is written. It may be put back. */
bool database_in_place(const struct database *database, struct error *error) must_check;

bool database_pressing(const struct database *database);
bool database_commit(struct database *database, struct error *error) must_check;
