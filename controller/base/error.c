#include "controller/base/error.h"

#include <stdio.h>
#include <string.h>

#include "controller/base/names.h"

static const char *const kind_names[] = {
	[ERROR_RETRY] = "retry",
	[ERROR_INPUT] = "input",
	[ERROR_CONFIG] = "configuration",
	[ERROR_INTERNAL] = "internal",
};

/* snprintf() cuts anywhere; half a UTF-8 character at the end would spoil a JSON receipt.
 */
static void drop_half_character(char *text)
{
	size_t length = strlen(text);
	size_t start = length;

	if (length < ERROR_TEXT_SIZE - 1)
		return;
	while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
		start--;
	if (start > 0 && ((unsigned char)text[start - 1] & 0x80))
		text[start - 1] = '\0';
}

bool(vfail)(struct error *error, enum error_kind kind, const char *format, va_list arguments)
{
	char text[ERROR_TEXT_SIZE];

	/* The arguments may point into error->text. */
	(void)vsnprintf(text, sizeof(text), format, arguments);
	error->kind = kind;
	memcpy(error->text, text, sizeof(text));
	drop_half_character(error->text);
	return false;
}

bool(fail)(struct error *error, enum error_kind kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vfail(error, kind, format, arguments);
	va_end(arguments);
	return false;
}

bool(fail_while)(struct error *error, const char *format, ...)
{
	char doing[ERROR_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(doing, sizeof(doing), format, arguments);
	va_end(arguments);

	return fail(error, error->kind, "%s: %s", doing, error->text);
}

const char *error_kind_name(enum error_kind kind)
{
	return kind_names[kind];
}

bool error_kind_read(const char *name, enum error_kind *kind)
{
	size_t index;

	if (!NAME_FIND(kind_names, name, &index))
		return false;
	*kind = (enum error_kind)index;
	return true;
}
