#include "tests/fuzz/scratch.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/base/file.h"

const char *scratch(void)
{
	static char path[256];
	const char *where = getenv("TMPDIR");

	if (*path)
		return path;
	(void)snprintf(path, sizeof(path), "%s/certdrop-fuzz-XXXXXX", where ? where : "/tmp");
	if (!mkdtemp(path))
		abort();
	return path;
}

const char *scratch_write(const char *name, const uint8_t *bytes, size_t length)
{
	static char path[512];
	struct error error;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", scratch(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0);
	assert(file_write(fd, bytes, length, &error));
	(void)close(fd);
	return path;
}
