#include "controller/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static enum log_level limit = LOG_LEVEL_INFO;
static bool with_priority;

void log_with_priority(void)
{
	with_priority = !isatty(STDERR_FILENO);
}

void log_limit(enum log_level level)
{
	limit = level;
}

static void hide_control_characters(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
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
	hide_control_characters(text);

	/* One call, one line: lines of several processes do not mix. A log that cannot be
	 * written is no reason to stop. */
	if (with_priority)
		(void)dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, text);
	else
		(void)dprintf(STDERR_FILENO, "%s\n", text);
}
