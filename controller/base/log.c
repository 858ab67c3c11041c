#include "controller/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/printable.h"

enum { LINE_SIZE = 2048 };

static enum log_level limit = LOG_LEVEL_INFO;
static bool with_priority;

/* The service manager tells which file it connected to standard error; whatever else is there
 * now, a terminal, a pipe, somebody's file, is read by people. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char text[64];

	if (!stream || fstat(fd, &status) < 0)
		return false;
	(void)snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)status.st_dev,
			(unsigned long long)status.st_ino);
	return strcmp(stream, text) == 0;
}

void log_for_service(void)
{
	with_priority = is_journal(STDERR_FILENO);
}

void log_limit(enum log_level level)
{
	limit = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[LINE_SIZE];
	va_list arguments;

	if (level > limit)
		return;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printable_in_place(text);

	/* One call, one line: lines of several processes do not mix. A log that cannot be
	 * written is no reason to stop. */
	if (with_priority)
		(void)dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, text);
	else
		(void)dprintf(STDERR_FILENO, "%s\n", text);
}
