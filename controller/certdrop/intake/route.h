#pragma once

/*
 * A route: the way that a path takes through directories and symbolic links. Whoever wants
 * to know that it leads elsewhere must watch each link on it by name in its directory.
 */

#include <stdbool.h>

/* Called with an open directory, and the name in it that the route goes through: each
 * symbolic link, the last name, and where the way ends the first that is missing. */
typedef void route_visit(void *context, int directory, const char *name);

/* False: it leads nowhere (errno). `path` is absolute. */
bool route_walk(const char *path, route_visit *visit, void *context);
