#pragma once

/*
 * Words for the values of an enum: a table indexed by it, read backwards.
 *
 *         static const char *const state_names[] = { [STATE_IDLE] = "idle", ... };
 *
 *         if (!NAME_FIND(state_names, word, &index)) ...
 */

#include <stdbool.h>
#include <stddef.h>

/* false: none of the names is `name`; `index` is untouched then. */
bool name_find(const char *const *names, size_t count, const char *name, size_t *index);

#define NAME_FIND(names, name, index) \
	name_find((names), sizeof(names) / sizeof(*(names)), (name), (index))
