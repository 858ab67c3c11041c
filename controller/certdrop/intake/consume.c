#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/intake/inlet.h"

enum removal { REMOVED, REPLACED, GONE, FAILED };

static enum removal remove_entry(int directory, const struct entry *entry)
{
	struct stat status;
	struct identity now;

	if (fstatat(directory, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? GONE : FAILED;
	now = identity_of(&status);
	if (!identity_equal(&now, &entry->identity))
		return REPLACED;
	if (unlinkat(directory, entry->name, 0) < 0)
		return errno == ENOENT ? GONE : FAILED;
	return REMOVED;
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
		return fail(error, ERROR_RETRY, "%s: %zu of %zu files cannot be removed: %s",
				inlet->path, failed, count, strerror(why));
	if (stayed)
		*stayed = replaced;
	return true;
}
