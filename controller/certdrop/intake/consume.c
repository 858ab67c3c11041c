#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/intake/inlet.h"
#include "controller/certdrop/intake/take.h"

/* TAKEN: it is still what was taken. */
enum removal { TAKEN, REMOVED, REPLACED, GONE, FAILED };

/* Names with a leading dot are left alone by scans. */
static const char aside_prefix[] = ".certdrop-aside.";

static bool is_same_file(const struct stat *status, const struct identity *wanted)
{
	return S_ISREG(status->st_mode) && status->st_dev == wanted->device &&
			status->st_ino == wanted->inode && status->st_size == wanted->size;
}

static long long modified_ns(const struct stat *status)
{
	return status->st_mtim.tv_sec * 1000000000LL + status->st_mtim.tv_nsec;
}

/* A later time is another writer's, who may have written the same: a key, say, to go with another
 * certificate. An earlier one is no news: tar and install set it last. And where a file system
 * counts in seconds, another content may bear the same time. */
static enum removal what_it_is(int directory, const char *name, const struct entry *entry)
{
	autoclose int fd = openat(
			directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	struct digest now;

	if (fd < 0 && errno == ELOOP)
		return REPLACED;
	if (fd < 0)
		return errno == ENOENT ? GONE : FAILED;
	if (fstat(fd, &status) < 0)
		return FAILED;
	if (!is_same_file(&status, &entry->identity) ||
			modified_ns(&status) > entry->identity.modified_ns)
		return REPLACED;
	if (!take_digest(fd, (size_t)status.st_size, &now))
		return FAILED;
	return strcmp(now.hex, entry->digest.hex) == 0 ? TAKEN : REPLACED;
}

static enum removal unlink_name(int directory, const char *name)
{
	if (unlinkat(directory, name, 0) < 0)
		return errno == ENOENT ? GONE : FAILED;
	return REMOVED;
}

/* What cannot be unlinked gets its name back: it is not to lie there unseen. */
static enum removal unlink_aside(int directory, const char *aside, const char *name)
{
	const enum removal removal = unlink_name(directory, aside);
	const int why = errno;

	if (removal == FAILED)
		(void)renameat2(directory, aside, directory, name, RENAME_NOREPLACE);
	errno = why;
	return removal;
}

/* Between a look at a name and unlink(2) another file may be given that name, and would vanish
 * unseen. So the file is moved aside first, where nobody gives names, and looked at there. Where
 * that cannot be (a file system without RENAME_NOREPLACE, a name that gets too long) it is taken
 * away as it is. */
static enum removal remove_by_way_of(int directory, const struct entry *entry, const char *aside)
{
	struct stat status;

	if (renameat2(directory, entry->name, directory, aside, RENAME_NOREPLACE) < 0)
		return errno == ENOENT ? GONE : unlink_name(directory, entry->name);
	if (fstatat(directory, aside, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return FAILED;
	if (is_same_file(&status, &entry->identity) && what_it_is(directory, aside, entry) == TAKEN)
		return unlink_aside(directory, aside, entry->name);
	if (renameat2(directory, aside, directory, entry->name, RENAME_NOREPLACE) == 0)
		return REPLACED;
	/* A third file has the name by now: whoever put it there has replaced this one. */
	return errno == EEXIST && unlinkat(directory, aside, 0) == 0 ? REPLACED : FAILED;
}

static enum removal remove_entry(int directory, const struct entry *entry)
{
	char aside[NAME_MAX + sizeof(aside_prefix)];
	struct stat status;
	enum removal now;

	if (fstatat(directory, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? GONE : FAILED;
	if (!is_same_file(&status, &entry->identity))
		return REPLACED;
	now = what_it_is(directory, entry->name, entry);
	if (now != TAKEN)
		return now;
	(void)snprintf(aside, sizeof(aside), "%s%s", aside_prefix, entry->name);
	return remove_by_way_of(directory, entry, aside);
}

static bool is_forbidden(int number)
{
	return number == EACCES || number == EPERM || number == EROFS;
}

bool inlet_consume(struct inlet *inlet, const struct entry *entries, size_t count, size_t *stayed,
		struct error *error)
{
	size_t removed = 0, failed = 0, replaced = 0;
	int why = 0;

	if (!inlet->drop)
		return fail(error, ERROR_CONFIG, "%s is a source: nothing is removed there",
				inlet->path);
	if (inlet->held < 0)
		return fail(error, ERROR_RETRY, "%s is gone", inlet->path);
	for (size_t i = 0; i < count; i++) {
		const enum removal removal = remove_entry(inlet->held, &entries[i]);

		why = removal == FAILED ? errno : why;
		removed += removal == REMOVED;
		replaced += removal == REPLACED;
		failed += removal == FAILED;
	}
	if (removed > 0 && fsync(inlet->held) < 0)
		return fail(error, ERROR_RETRY, "%s: fsync: %s", inlet->path, strerror(errno));
	if (failed > 0)
		return fail(error, is_forbidden(why) ? ERROR_CONFIG : ERROR_RETRY,
				"%s: %zu of %zu files cannot be removed: %s", inlet->path, failed,
				count, strerror(why));
	if (stayed)
		*stayed = replaced;
	return true;
}

/* Its name may be another's by now: then it comes back under its longer name without the dot. */
static void bring_back(int directory, const char *aside)
{
	const char *name = aside + sizeof(aside_prefix) - 1;

	if (renameat2(directory, aside, directory, name, RENAME_NOREPLACE) < 0 && errno == EEXIST)
		(void)renameat2(directory, aside, directory, aside + 1, RENAME_NOREPLACE);
}

void inlet_bring_back(const struct inlet *inlet)
{
	const int fd = openat(inlet->held, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(directory)))
		if (strncmp(entry->d_name, aside_prefix, sizeof(aside_prefix) - 1) == 0 &&
				entry->d_name[sizeof(aside_prefix) - 1])
			bring_back(fd, entry->d_name);
	(void)closedir(directory);
}
