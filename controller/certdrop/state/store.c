#include "controller/certdrop/state/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/digest.h"
#include "controller/base/file.h"
#include "controller/base/log.h"
#include "controller/base/secret.h"

/* A file that is written, but maybe not yet on disk. */
struct unflushed {
	int fd;
	struct digest name;
	bool refused; /* by the disk: it has to be written again */
};

struct store {
	char *path;
	int directory;
	struct unflushed *unflushed;
	size_t unflushed_count;
};

struct store *store_open(const char *state_directory, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/store", state_directory);
	struct store *store;
	int directory;

	if (!directory_make(path, 0700, error))
		return NULL;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory < 0) {
		(void)fail(error, ERROR_CONFIG, "store %s: %s", path, strerror(errno));
		return NULL;
	}
	store = calloc(1, sizeof(*store));
	assert(store);
	store->directory = directory;
	store->path = strdup(path);
	assert(store->path);
	return store;
}

static void forget_unflushed(struct store *store)
{
	for (size_t i = 0; i < store->unflushed_count; i++)
		owned_close(&store->unflushed[i].fd);
	store->unflushed_count = 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	forget_unflushed(store);
	owned_close(&store->directory);
	free(store->path);
	free(store->unflushed);
	free(store);
}

/* ---- writing ---- */

static bool write_copy(struct store *store, const char *name, const struct secret *text, int *fd,
		struct error *error)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	autoclose int copy = openat(store->directory, name, flags, 0600);

	if (copy < 0)
		return fail(error, ERROR_RETRY, "create: %s", strerror(errno));
	if (!file_write(copy, text->bytes, text->length, error))
		return false;
	*fd = hand_over_fd(&copy);
	return true;
}

static void remember_unflushed(struct store *store, int fd, const char *digest)
{
	const size_t size = (store->unflushed_count + 1) * sizeof(struct unflushed);
	struct unflushed *unflushed = realloc(store->unflushed, size);

	assert(unflushed);
	store->unflushed = unflushed;
	unflushed += store->unflushed_count++;
	*unflushed = (struct unflushed){ .fd = fd };
	(void)snprintf(unflushed->name.hex, sizeof(unflushed->name.hex), "%s", digest);
}

/* Is it there, and whole? A file that a power cut left short must be written again. */
static bool is_there(const struct store *store, const char *digest)
{
	autoarena struct arena *arena = arena_new();
	struct credential facts;
	struct error ignored;

	return store_facts(store, digest, arena, &facts, &ignored);
}

/* Under another name first, so that a crash leaves none that is cut short. */
static bool write_whole(struct store *store, const struct secret *text, const char *digest, int *fd,
		struct error *error)
{
	autoclose int copy = -1;
	char beside[80];

	(void)snprintf(beside, sizeof(beside), ".%s", digest);
	(void)unlinkat(store->directory, beside, 0);
	if (!write_copy(store, beside, text, &copy, error)) {
		(void)unlinkat(store->directory, beside, 0);
		return fail_while(error, "store credential %.16s in %s", digest, store->path);
	}
	if (renameat(store->directory, beside, store->directory, digest) < 0) {
		(void)fail(error, ERROR_RETRY, "store credential %.16s in %s: %s", digest,
				store->path, strerror(errno));
		(void)unlinkat(store->directory, beside, 0);
		return false;
	}
	*fd = hand_over_fd(&copy);
	return true;
}

static bool is_where_it_was(const struct store *store)
{
	struct stat held, found;

	return fstat(store->directory, &held) == 0 && stat(store->path, &found) == 0 &&
			held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

static int make_anew(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Nothing is written into a directory that nobody would find again. What was not flushed yet goes into the
 * new one with the next flush; what was is lost, unless somebody puts it back. */
static bool see_that_it_is_there(struct store *store, struct error *error)
{
	autoclose int anew = -1, above = -1;

	if (is_where_it_was(store))
		return true;
	anew = make_anew(store->path);
	if (anew < 0)
		return fail(error, ERROR_RETRY,
				"the store %s was removed and cannot be made again: %s; see to it that "
				"the directory above it is there, and may be written",
				store->path, strerror(errno));
	above = openat(anew, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0 || fsync(above) < 0)
		return fail(error, ERROR_RETRY, "store %s: fsync: %s", store->path,
				strerror(errno));
	owned_close(&store->directory);
	store->directory = hand_over_fd(&anew);
	for (size_t i = 0; i < store->unflushed_count; i++)
		store->unflushed[i].refused = true;
	log_warning("the store %s was removed while it was in use, and is made again: what was kept in it "
		    "for putting back is gone",
			store->path);
	return true;
}

bool store_put(struct store *store, int fd, const char *digest, struct error *error)
{
	autodone(secret) struct secret text = { 0 };
	int copy = -1;

	assert(digest_is_valid(digest));
	if (!see_that_it_is_there(store, error))
		return false;
	if (is_there(store, digest))
		return true;
	if (!secret_read(&text, fd, CREDENTIAL_FILE_MAX, error))
		return fail_while(error, "store");
	if (!write_whole(store, &text, digest, &copy, error))
		return false;
	remember_unflushed(store, copy, digest);
	return true;
}

/* After a failed fsync the pages count as clean, and look whole for as long as they are in memory: the
 * next fsync would lie. So a new file is written from them. */
static bool write_again(struct store *store, struct unflushed *unflushed, struct error *error)
{
	autodone(secret) struct secret text = { 0 };
	int copy = -1;

	if (!secret_read(&text, unflushed->fd, CREDENTIAL_FILE_MAX, error) ||
			!write_whole(store, &text, unflushed->name.hex, &copy, error))
		return false;
	owned_close(&unflushed->fd);
	unflushed->fd = copy;
	unflushed->refused = false;
	return true;
}

static bool flush_one(struct store *store, struct unflushed *unflushed, struct error *error)
{
	if (unflushed->refused && !write_again(store, unflushed, error))
		return false;
	unflushed->refused = fdatasync(unflushed->fd) < 0;
	return !unflushed->refused ||
			fail(error, ERROR_RETRY, "store %s: fsync: %s", store->path,
					strerror(errno));
}

bool store_flush(struct store *store, struct error *error)
{
	bool done = true;

	if (store->unflushed_count == 0)
		return true;
	for (size_t i = 0; i < store->unflushed_count; i++)
		done = flush_one(store, &store->unflushed[i], error) && done;
	if (done && fsync(store->directory) < 0) {
		for (size_t i = 0; i < store->unflushed_count; i++)
			store->unflushed[i].refused = true;
		done = fail(error, ERROR_RETRY, "store %s: fsync: %s", store->path,
				strerror(errno));
	}
	if (done)
		forget_unflushed(store);
	return done;
}

/* ---- reading ---- */

bool store_get(const struct store *store, const char *digest, int *fd, struct error *error)
{
	const int found = openat(store->directory, digest, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (found < 0)
		return fail(error, ERROR_INPUT, "credential %.16s is not in the store: %s", digest,
				strerror(errno));
	*fd = found;
	return true;
}

bool store_facts(const struct store *store, const char *digest, struct arena *arena,
		struct credential *facts, struct error *error)
{
	autodone(secret) struct secret text = { 0 };
	autoclose int fd = -1;
	const char *parts;
	struct credential found;

	if (!store_get(store, digest, &fd, error) ||
			!secret_read(&text, fd, CREDENTIAL_FILE_MAX, error))
		return false;
	if (!text.bytes ||
			!credential_file_read(
					arena, (const char *)text.bytes, &found, &parts, error))
		return fail(error, ERROR_INPUT, "credential %.16s is damaged in the store", digest);
	if (strcmp(found.digest, digest) != 0)
		return fail(error, ERROR_INPUT, "credential %.16s is stored under another name",
				digest);
	*facts = found;
	return true;
}

struct words store_list(const struct store *store, struct arena *arena)
{
	const int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct words found = { 0 };
	const struct dirent *entry;
	size_t size = 0;

	while (entries && (entry = readdir(entries))) {
		if (!digest_is_valid(entry->d_name))
			continue;
		found.items = arena_with_room(
				arena, found.items, found.count, &size, sizeof(*found.items));
		found.items[found.count++] = arena_copy(arena, entry->d_name);
	}
	if (entries)
		(void)closedir(entries);
	return found;
}

long long store_arrival(const struct store *store, const char *digest)
{
	struct stat facts;

	if (fstatat(store->directory, digest, &facts, AT_SYMLINK_NOFOLLOW) < 0)
		return (long long)time(NULL);
	return (long long)facts.st_mtime;
}

void store_remove(struct store *store, const char *digest)
{
	(void)unlinkat(store->directory, digest, 0);
}
