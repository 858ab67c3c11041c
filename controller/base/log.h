#pragma once

/*
 * One event, one line, on standard error, by a service with a <priority>
 * prefix as sd-daemon(3) defines it. Control characters are shown as '?', so that a
 * file's name cannot forge a line. Never key material, never a password.
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

/* From now on lines begin with <priority>: standard error goes to the service manager.
 * Until then, and on a terminal, they do not. */
void log_with_priority(void);

/* What is less urgent than `level` is dropped; LOG_LEVEL_INFO unless told. */
void log_limit(enum log_level level);

void log_line(enum log_level level, const char *format, ...) printf_like(2, 3);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
