#pragma once

/*
 * Memory for one pass over one target: everything allocated from an arena lives until the
 * arena is freed, so reconcilers, plans and answers free nothing one by one.
 *
 * Allocation never fails: out of memory ends the process (recovery is the same code as
 * after a crash). Memory is zeroed. Not for secrets: see secret.h.
 */

#include <stddef.h>

#include "controller/base/error.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is allowed */

void *arena_alloc(struct arena *arena, size_t size);
char *arena_copy(struct arena *arena, const char *text); /* NULL gives NULL */
char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t length); /* adds NUL */
char *arena_printf(struct arena *arena, const char *format, ...) printf_like(2, 3);

/* A list that grows: `items` with room for one more, be it the same or a larger copy. `count` of
 * them are in use, `*size` have room, each of `each` bytes. Begins with NULL, 0, 0.
 *
 *         list->items = arena_with_room(arena, list->items, list->count, &list->size,
 *                         sizeof(*list->items));
 *         list->items[list->count++] = item; */
void *arena_with_room(struct arena *arena, void *items, size_t count, size_t *size,
		size_t each) must_check;

#define arena_new_of(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define arena_new_many(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

static inline void owned_arena(struct arena **arena)
{
	arena_free(*arena);
}
#define autoarena __attribute__((cleanup(owned_arena)))
