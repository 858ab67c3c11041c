#define _GNU_SOURCE
#include "controller/certdrop/generate/deposit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/base/file.h"

/* A left-over of a crash is removed by the next one; scans pass over it. */
static const char beside[] = ".certdrop-generate.new";

void deposit_done(struct deposit *deposit)
{
	owned_close(&deposit->directory);
	deposit->directory = -1;
}

bool deposit_open(const char *path, const char *state, struct deposit *deposit, struct error *error)
{
	struct deposit opened = { .directory = -1, .owner = geteuid(), .group = getegid() };
	struct stat of;

	if (stat(state, &of) == 0) {
		if (opened.owner != 0 && opened.owner != of.st_uid)
			return fail(error, ERROR_CONFIG,
					"the service is the user with number %u, the owner of %s, and "
					"could not read the key: be that user, or root",
					(unsigned)of.st_uid, state);
		opened.owner = of.st_uid;
		opened.group = of.st_gid;
	}
	opened.directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (opened.directory < 0)
		return fail(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	*deposit = opened;
	return true;
}

static bool write_beside(const struct deposit *deposit, const void *bytes, size_t length,
		struct error *error)
{
	autoclose int fd = openat(deposit->directory, beside,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail(error, ERROR_RETRY, "create: %s", strerror(errno));
	if (fchmod(fd, 0600) < 0)
		return fail(error, ERROR_RETRY, "chmod: %s", strerror(errno));
	if (deposit->owner != geteuid() && fchown(fd, deposit->owner, deposit->group) < 0)
		return fail(error, ERROR_RETRY, "chown: %s", strerror(errno));
	if (!file_write(fd, bytes, length, error))
		return false;
	return fsync(fd) == 0 || fail(error, ERROR_RETRY, "fsync: %s", strerror(errno));
}

bool deposit_put(const struct deposit *deposit, const char *name, const void *bytes, size_t length,
		struct error *error)
{
	const int directory = deposit->directory;
	const char *why = NULL;

	(void)unlinkat(directory, beside, 0);
	if (!write_beside(deposit, bytes, length, error)) {
		(void)unlinkat(directory, beside, 0);
		return fail_while(error, "%s", name);
	}
	if (renameat2(directory, beside, directory, name, RENAME_NOREPLACE) < 0)
		why = strerror(errno);
	if (why) {
		(void)unlinkat(directory, beside, 0);
		return fail(error, ERROR_CONFIG, "%s: %s", name, why);
	}
	return fsync(directory) == 0 ||
			fail(error, ERROR_RETRY, "%s: fsync of its directory: %s", name,
					strerror(errno));
}
