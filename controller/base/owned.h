#pragma once

/*
 * Ownership by attribute: what is declared with one of these is released when its scope
 * ends, on every path out of it.
 *
 *         autoclose int fd = open(...);
 *         autofree char *name = strdup(...);
 *         ...
 *         return hand_over_fd(&fd);
 *
 * Types of ours declare their own with AUTO_DONE (embedded) next to their prototypes.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void owned_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void owned_close(const int *fd)
{
	const int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

#define autofree  __attribute__((cleanup(owned_free)))
#define autoclose __attribute__((cleanup(owned_close)))

/* `autodone(buffer) struct buffer text = { 0 };` calls buffer_done(&text). */
#define autodone(type) __attribute__((cleanup(type##_done)))

/* The descriptor changes owner: the variable forgets it. */
static inline int hand_over_fd(int *fd)
{
	const int given = *fd;

	*fd = -1;
	return given;
}
