#include "controller/base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 512, LARGEST_BLOCK = 8192, ALIGNMENT = 16, FIRST_ROOM = 8 };

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct block *blocks; /* the newest first: only that one is filled */
};

static struct block *block_new(struct block *next, size_t size)
{
	struct block *block = calloc(1, sizeof(*block) + size);

	assert(block);
	block->next = next;
	block->size = size;
	return block;
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	assert(arena);
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;

	while (arena->blocks) {
		struct block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	free(arena);
}

/* Of ten thousand targets each has several arenas with little in them; a plan fills many blocks. */
static size_t next_size(const struct block *block, size_t least)
{
	size_t size = block ? 2 * block->size : FIRST_BLOCK;

	if (size > LARGEST_BLOCK)
		size = LARGEST_BLOCK;
	return size < least ? least : size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *block = arena->blocks;
	void *start;

	assert(size < SIZE_MAX / 2);
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

	if (!block || block->size - block->used < size) {
		block = block_new(block, next_size(block, size));
		arena->blocks = block;
	}
	start = block->bytes + block->used;
	block->used += size;
	return start;
}

char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
	return text ? arena_copy_bytes(arena, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	int length;
	char *text;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	assert(length >= 0);

	text = arena_alloc(arena, (size_t)length + 1);
	va_start(arguments, format);
	(void)vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}

void *arena_with_room(struct arena *arena, void *items, size_t count, size_t *size, size_t each)
{
	void *larger;

	if (count < *size)
		return items;
	assert(count < SIZE_MAX / 4 / each);
	*size = *size ? 2 * *size : FIRST_ROOM;
	larger = arena_alloc(arena, *size * each);
	if (count > 0)
		memcpy(larger, items, count * each);
	return larger;
}
