#include "controller/base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 256 };

void buffer_done(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}

void buffer_clear(struct buffer *buffer)
{
	buffer_cut(buffer, 0);
}

void buffer_cut(struct buffer *buffer, size_t length)
{
	assert(length <= buffer->length);
	buffer->length = length;
	if (buffer->bytes)
		buffer->bytes[length] = '\0';
}

static void make_room(struct buffer *buffer, size_t more)
{
	size_t size = buffer->size ? buffer->size : FIRST_SIZE;

	assert(more < SIZE_MAX / 4 && buffer->length < SIZE_MAX / 4);
	while (size < buffer->length + more + 1)
		size *= 2;
	if (size == buffer->size)
		return;

	buffer->bytes = realloc(buffer->bytes, size);
	assert(buffer->bytes);
	buffer->size = size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
	make_room(buffer, length);
	if (length > 0)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
	buffer->bytes[buffer->length] = '\0';
}

void buffer_add(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	assert(length >= 0);

	make_room(buffer, (size_t)length);
	va_start(arguments, format);
	(void)vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	buffer->length += (size_t)length;
}

const char *buffer_text(const struct buffer *buffer)
{
	return buffer->bytes ? buffer->bytes : "";
}
