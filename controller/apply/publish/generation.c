#define _GNU_SOURCE
#include "controller/apply/publish/generation.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/apply/publish/flush.h"
#include "controller/base/file.h"

enum { FILE_WORDS = 5, LOOKUP_SIZE = 16 * 1024, NAMES_TRIED = 1000 };

/* ---- planning ---- */

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static bool find_owner(const char *name, uid_t *owner, struct error *error)
{
	char memory[LOOKUP_SIZE];
	struct passwd entry, *found;

	if (strcmp(name, "-") == 0)
		return true;
	if (is_number(name)) {
		*owner = (uid_t)strtoul(name, NULL, 10);
		return true;
	}
	if (getpwnam_r(name, &entry, memory, sizeof(memory), &found) != 0 || !found)
		return fail(error, ERROR_CONFIG, "there is no user \"%s\"", name);
	*owner = found->pw_uid;
	return true;
}

static bool find_group(const char *name, gid_t *group, struct error *error)
{
	char memory[LOOKUP_SIZE];
	struct group entry, *found;

	if (strcmp(name, "-") == 0)
		return true;
	if (is_number(name)) {
		*group = (gid_t)strtoul(name, NULL, 10);
		return true;
	}
	if (getgrnam_r(name, &entry, memory, sizeof(memory), &found) != 0 || !found)
		return fail(error, ERROR_CONFIG, "there is no group \"%s\"", name);
	*group = found->gr_gid;
	return true;
}

static bool read_mode(const char *text, mode_t *mode, struct error *error)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 8);

	if (!isdigit((unsigned char)*text) || *end || number > 07777)
		return fail(error, ERROR_CONFIG, "\"%s\" is no mode", text);
	*mode = (mode_t)number;
	return true;
}

/* "As is" without the right to give files away means: our own, like any new file. What we published
 * ourselves is to be as we published it, not as somebody has made it since: the next private key
 * would be that user's. */
static void inherit_owner(const struct found *found, struct manifest_file *file)
{
	const struct manifest_file *published = found->state == FOUND_PUBLISHED
			? manifest_find(&found->manifest, file->name)
			: NULL;
	struct stat facts;

	file->owner = geteuid();
	file->group = getegid();
	if (geteuid() != 0 || found->directory < 0)
		return;
	if (published) {
		file->owner = published->owner;
		file->group = published->group;
		return;
	}
	if (fstatat(found->directory, file->name, &facts, 0) == 0) {
		file->owner = facts.st_uid;
		file->group = facts.st_gid;
	}
}

static bool plan_file_entry(struct words row, struct contents *contents, const struct found *found,
		struct manifest_file *file, struct error *error)
{
	struct content content;

	if (row.count != FILE_WORDS)
		return fail(error, ERROR_INTERNAL,
				"a file needs name, content, mode, owner, group");
	file->name = row.items[0];
	if (!*file->name || strchr(file->name, '/') || *file->name == '.')
		return fail(error, ERROR_CONFIG, "a file cannot be called \"%s\"", file->name);
	inherit_owner(found, file);
	if (!read_mode(row.items[2], &file->mode, error) ||
			!find_owner(row.items[3], &file->owner, error) ||
			!find_group(row.items[4], &file->group, error) ||
			!contents_get(contents, row.items[1], &content, error))
		return fail_while(error, "%s", file->name);
	file->digest = digest_of(content.bytes, content.length);
	return true;
}

bool generation_plan(struct arena *arena, const struct file_step *step, struct contents *contents,
		const struct found *found, struct manifest *manifest, struct error *error)
{
	*manifest = (struct manifest){
		.generation = step->generation,
		.layout = step->layout,
		.files = arena_new_many(arena, struct manifest_file, step->files.count + 1),
		.count = step->files.count,
	};
	if (!step->generation || !*step->generation || strchr(step->generation, '/') ||
			*step->generation == '.')
		return fail(error, ERROR_INTERNAL, "a generation without a usable name");
	for (size_t i = 0; i < step->files.count; i++)
		if (!plan_file_entry(step->files.items[i], contents, found, &manifest->files[i],
				    error))
			return false;
	return true;
}

/* ---- writing ---- */

static bool give(int fd, const struct manifest_file *file, struct error *error)
{
	if (file->owner != geteuid() || file->group != getegid()) {
		if (fchown(fd, file->owner, file->group) < 0)
			return fail(error, errno == EPERM ? ERROR_CONFIG : ERROR_RETRY,
					"give it to %u:%u: %s", file->owner, file->group,
					strerror(errno));
	}
	if (fchmod(fd, file->mode) < 0)
		return fail(error, ERROR_RETRY, "chmod: %s", strerror(errno));
	return true;
}

/* The disk is told to begin, so that several files take little longer than one. */
static bool write_new(int directory, const char *name, const struct manifest_file *file,
		const struct content *content, int *written, struct error *error)
{
	autoclose int fd = openat(directory, name,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail(error, errno == EACCES || errno == EROFS ? ERROR_CONFIG : ERROR_RETRY,
				"create: %s", strerror(errno));
	if (!file_write(fd, content->bytes, content->length, error) || !give(fd, file, error))
		return false;
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	*written = hand_over_fd(&fd);
	return true;
}

static bool flush(int fd, struct error *error)
{
	return fsync(fd) == 0 || fail(error, ERROR_RETRY, "fsync: %s", strerror(errno));
}

bool generation_write_file(int directory, const char *name, const struct manifest_file *file,
		const struct content *content, struct error *error)
{
	autoclose int fd = -1;

	if (write_new(directory, name, file, content, &fd, error) && flush(fd, error))
		return true;
	(void)unlinkat(directory, name, 0);
	return fail_while(error, "write %s", file->name);
}

/* Files that are written, but maybe not yet on disk. */
struct unflushed {
	int *fds;
	size_t count;
};

static void unflushed_done(struct unflushed *unflushed)
{
	for (size_t i = 0; i < unflushed->count; i++)
		owned_close(&unflushed->fds[i]);
	free(unflushed->fds);
}

static bool add_file(int directory, const struct manifest_file *file, const struct content *content,
		struct unflushed *unflushed, struct error *error)
{
	if (!write_new(directory, file->name, file, content, &unflushed->fds[unflushed->count],
			    error))
		return fail_while(error, "write %s", file->name);
	unflushed->count++;
	return true;
}

static bool add_manifest(int directory, const struct manifest *manifest,
		struct unflushed *unflushed, struct error *error)
{
	const struct manifest_file file = {
		.name = manifest_name,
		.mode = 0600,
		.owner = geteuid(),
		.group = getegid(),
	};
	autodone(buffer) struct buffer text = { 0 };
	struct content content;

	manifest_print(manifest, &text);
	content = (struct content){ .bytes = text.bytes, .length = text.length };
	return add_file(directory, &file, &content, unflushed, error);
}

/* What it is like once it has that mode; a bit that the kernel leaves out is not missed later. Until
 * it is filled we have what rights it takes, and nobody else has any. */
static bool try_mode(int directory, mode_t mode, struct manifest_directory *is, struct error *error)
{
	struct stat facts;

	if (fchmod(directory, mode) < 0 || fstat(directory, &facts) < 0 ||
			fchmod(directory, 0700) < 0)
		return fail(error, ERROR_RETRY, "chmod of the directory: %s", strerror(errno));
	*is = (struct manifest_directory){
		.known = true,
		.mode = facts.st_mode & 07777,
		.owner = facts.st_uid,
		.group = facts.st_gid,
	};
	return true;
}

/* All files first, and only then the disk is waited for, once. */
static bool fill(int directory, const struct place *place, const struct file_step *step,
		struct contents *contents, const struct manifest *manifest, struct error *error)
{
	autodone(unflushed) struct unflushed files = {
		.fds = calloc(manifest->count + 2, sizeof(int)),
	};
	struct manifest whole = *manifest;
	mode_t mode = 0755;

	assert(files.fds);
	/* clang-tidy 14 does not know that autodone frees. */
	if (step->directory_mode && !read_mode(step->directory_mode, &mode, error))
		return false; /* NOLINT(clang-analyzer-unix.Malloc) */
	if (place->method != METHOD_FIXED && !try_mode(directory, mode, &whole.directory, error))
		return false;
	for (size_t i = 0; place->method != METHOD_FIXED && i < manifest->count; i++) {
		const struct manifest_file *file = &manifest->files[i];
		struct content content;

		if (!contents_get(contents, step->files.items[i].items[1], &content, error) ||
				!add_file(directory, file, &content, &files, error))
			return false;
	}
	if (!add_manifest(directory, &whole, &files, error))
		return false;
	if (fchmod(directory, mode) < 0)
		return fail(error, ERROR_RETRY, "chmod of the directory: %s", strerror(errno));
	files.fds[files.count] = directory; /* not its to close */
	return flush_together(files.fds, files.count + 1, error);
}

static bool build_beside(struct arena *arena, const struct place *place,
		const struct file_step *step, struct contents *contents,
		const struct manifest *manifest, struct error *error)
{
	const char *name = arena_printf(arena, "%s.building", manifest->generation);
	autoclose int directory = -1;

	/* A left-over of a crash. */
	if (!entry_remove(place->store, name, error))
		return false;
	if (mkdirat(place->store, name, 0700) < 0)
		return fail(error, ERROR_RETRY, "create %s: %s", name, strerror(errno));
	directory = place_open_entry(place, name);
	if (directory < 0)
		return fail(error, ERROR_RETRY, "open %s: %s", name, strerror(errno));
	if (!fill(directory, place, step, contents, manifest, error))
		return false;
	if (renameat2(place->store, name, place->store, manifest->generation, RENAME_NOREPLACE) < 0)
		return fail(error, ERROR_RETRY, "rename %s: %s", name, strerror(errno));
	if (fsync(place->store) < 0)
		return fail(error, ERROR_RETRY, "fsync of %s: %s", place->store_name,
				strerror(errno));
	return true;
}

enum fit { FIT_FREE, FIT_SAME, FIT_TAKEN };

/* May the generation be called, or is it already there as, `name`? */
static enum fit try_name(struct arena *arena, const struct place *place,
		const struct manifest *manifest, const char *name)
{
	autoclose int directory = place_open_entry(place, name);
	struct manifest found;
	struct error error;
	bool there = false;

	if (directory < 0)
		return errno == ENOENT ? FIT_FREE : FIT_TAKEN;
	if (!manifest_read(arena, directory, &found, &there, &error) || !there ||
			strcmp(found.generation, name) != 0 || !manifest_equal(&found, manifest))
		return FIT_TAKEN;
	if (place->method != METHOD_FIXED && !manifest_holds(arena, &found, directory, NULL))
		return FIT_TAKEN;
	return FIT_SAME;
}

bool generation_build(struct arena *arena, struct place *place, const struct file_step *step,
		struct contents *contents, struct manifest *manifest, struct error *error)
{
	const char *in_service = NULL;

	/* A swapped directory is not in the store: its name is taken all the same. */
	if (place->method == METHOD_EXCHANGE && step->replaces)
		in_service = step->replaces;
	for (int i = 0; i < NAMES_TRIED; i++) {
		const char *name = i == 0 ? step->generation
					  : arena_printf(arena, "%s.%d", step->generation, i);
		const enum fit fit = in_service && strcmp(name, in_service) == 0
				? FIT_TAKEN
				: try_name(arena, place, manifest, name);

		manifest->generation = name;
		if (fit == FIT_SAME)
			return true;
		if (fit == FIT_FREE)
			return build_beside(arena, place, step, contents, manifest, error) ||
					fail_while(error, "generation %s", name);
	}
	return fail(error, ERROR_INTERNAL, "generation %s: %d spoiled ones are in the way",
			step->generation, NAMES_TRIED);
}
