#include "controller/certdrop/state/whereabouts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct whereabouts whereabouts_of(const char *path, const char *called)
{
	struct whereabouts file = { .path = strdup(path), .called = called };

	assert(file.path);
	file.known = stat(path, &file.facts) == 0;
	return file;
}

void whereabouts_done(struct whereabouts *file)
{
	free(file->path);
	*file = (struct whereabouts){ 0 };
}

bool whereabouts_hold(const struct whereabouts *file, struct error *error)
{
	struct stat now;

	if (!file->known)
		return true;
	if (stat(file->path, &now) < 0)
		return fail(error, ERROR_CONFIG,
				"%s was removed while it was in use; put %s back, or restart certdrop, "
				"which begins a new one, without the history",
				file->called, file->path);
	if (now.st_dev == file->facts.st_dev && now.st_ino == file->facts.st_ino)
		return true;
	return fail(error, ERROR_CONFIG,
			"%s was replaced while it was in use, perhaps by another certdrop with the "
			"same `state`: stop that one, and put %s back or restart this one, which "
			"goes on with what is there now",
			file->called, file->path);
}
