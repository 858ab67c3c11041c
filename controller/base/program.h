#pragma once

/*
 * Programs by name, as commands of plans are found: never by the PATH of whoever started us, which
 * is another one in a terminal than in a service.
 */

#include "controller/base/arena.h"

#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The file that would be executed: `name` itself if there is a slash in it, or the first of that
 * name in PROGRAM_PATH. NULL: there is none that this process can see and execute. */
const char *program_find(struct arena *arena, const char *name);
