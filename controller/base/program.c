#include "controller/base/program.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

const char *program_find(struct arena *arena, const char *name)
{
	if (strchr(name, '/'))
		return is_program(name) ? name : NULL;
	for (const char *at = PROGRAM_PATH; at; at = strchr(at, ':')) {
		const char *path;

		at += *at == ':';
		path = arena_printf(arena, "%.*s/%s", (int)strcspn(at, ":"), at, name);
		if (is_program(path))
			return path;
	}
	return NULL;
}
