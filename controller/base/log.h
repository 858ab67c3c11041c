#pragma once

/*
 * One event, one line, on standard error; where the service manager's journal reads it, with a
 * <priority> prefix as sd-daemon(3) defines it. What cannot be shown (printable.h) becomes '?',
 * so that a file's name cannot forge a line. Never key material, never a password.
 *
 * A function either logs or returns an error, not both. A failure says what happens next.
 */

#include "controller/base/error.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* From now on lines begin with <priority> if standard error is the journal's, by JOURNAL_STREAM
 * as systemd.exec(5) defines it; in a terminal, a pipe or a file they never do. */
void log_for_service(void);

/* What is less urgent than `level` is dropped; LOG_LEVEL_INFO unless told. */
void log_limit(enum log_level level);

void log_line(enum log_level level, const char *format, ...) printf_like(2, 3);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
