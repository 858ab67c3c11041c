#define _GNU_SOURCE
#include "controller/certdrop/intake/route.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/buffer.h"
#include "controller/base/owned.h"

enum { LINKS_MAX = 40 };

struct route {
	int here;
	struct buffer rest;
	int links;
};

static void route_done(struct route *route)
{
	owned_close(&route->here);
	buffer_done(&route->rest);
}

static bool to_root(struct route *route)
{
	owned_close(&route->here);
	route->here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return route->here >= 0;
}

static bool next_name(struct route *route, char name[NAME_MAX + 1])
{
	const char *start = buffer_text(&route->rest) + strspn(buffer_text(&route->rest), "/");
	const size_t length = strcspn(start, "/");
	const char *after = start + length + strspn(start + length, "/");

	if (length > NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(name, start, length);
	name[length] = '\0';
	if (route->rest.length > 0) {
		memmove(route->rest.bytes, after, strlen(after) + 1);
		route->rest.length = strlen(route->rest.bytes);
	}
	return true;
}

static bool follow(struct route *route, const char *name)
{
	autodone(buffer) struct buffer joined = { 0 };
	char text[PATH_MAX];
	const ssize_t length = readlinkat(route->here, name, text, sizeof(text));

	if (length < 0)
		return false;
	if (++route->links > LINKS_MAX) {
		errno = ELOOP;
		return false;
	}
	if (text[0] == '/' && !to_root(route))
		return false;
	buffer_append(&joined, text, (size_t)length);
	buffer_printf(&joined, "/%s", buffer_text(&route->rest));
	buffer_clear(&route->rest);
	buffer_append(&route->rest, joined.bytes, joined.length);
	return true;
}

static bool step(struct route *route, const char *name, route_visit *visit, void *context)
{
	struct stat status;
	int next;

	if (strcmp(name, ".") == 0)
		return true;
	if (fstatat(route->here, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		visit(context, route->here, name);
		return false;
	}
	if (S_ISLNK(status.st_mode)) {
		visit(context, route->here, name);
		return follow(route, name);
	}
	if (route->rest.length == 0)
		visit(context, route->here, name);
	next = openat(route->here, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0)
		return false;
	owned_close(&route->here);
	route->here = next;
	return true;
}

bool route_walk(const char *path, route_visit *visit, void *context)
{
	autodone(route) struct route route = { .here = -1 };

	buffer_add(&route.rest, path);
	if (!to_root(&route))
		return false;
	for (;;) {
		char name[NAME_MAX + 1];

		if (!next_name(&route, name))
			return false;
		if (name[0] == '\0')
			return true;
		if (!step(&route, name, visit, context))
			return false;
	}
}
