#define _GNU_SOURCE
#include "controller/apply/publish/place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "controller/base/owned.h"

enum { ENTRIES_MAX = 10000 };

/* ---- the place ---- */

void place_done(struct place *place)
{
	owned_close(&place->parent);
	owned_close(&place->store);
	*place = (struct place){ .parent = -1, .store = -1 };
}

static bool read_method(const char *name, enum method *method, struct error *error)
{
	static const char *const names[] = {
		[METHOD_LINK] = "link",
		[METHOD_EXCHANGE] = "exchange",
		[METHOD_FIXED] = "fixed",
	};

	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0) {
			*method = (enum method)i;
			return true;
		}
	}
	return fail(error, ERROR_CONFIG, "unknown method \"%s\"", name ? name : "");
}

static int open_directory(int directory, const char *name, int more)
{
	return openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | more);
}

bool place_open(struct arena *arena, const char *publish, const char *method, struct place *place,
		struct error *error)
{
	struct place open = { .publish = publish, .parent = -1, .store = -1 };
	char *path = arena_copy(arena, publish ? publish : "");
	char *slash;

	if (!read_method(method, &open.method, error))
		return false;
	for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
		path[end - 1] = '\0';
	slash = strrchr(path, '/');
	if (*path != '/' || !slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return fail(error, ERROR_CONFIG, "\"%s\" is no place to publish at", path);

	*slash = '\0';
	open.base = slash + 1;
	open.store_name = arena_printf(arena, ".%s.certdrop", open.base);
	open.parent = open_directory(AT_FDCWD, *path ? path : "/", 0);
	if (open.parent < 0)
		return fail(error, ERROR_CONFIG, "directory %s: %s", *path ? path : "/",
				strerror(errno));
	open.store = open_directory(open.parent, open.store_name, O_NOFOLLOW);
	if (open.store < 0 && !is_finding(errno)) {
		const int why = errno;

		owned_close(&open.parent);
		return fail(error, ERROR_RETRY, "%s beside %s: %s", open.store_name, publish,
				strerror(why));
	}
	*place = open;
	return true;
}

int place_open_entry(const struct place *place, const char *name)
{
	return open_directory(place->store, name, O_NOFOLLOW);
}

/* Whoever asked would close it once more, and then maybe another one. */
static void close_and_forget(int *fd)
{
	owned_close(fd);
	*fd = -1;
}

bool place_open_generation(struct arena *arena, const struct place *place, const char *name,
		int *fd, struct manifest *manifest, struct error *error)
{
	bool there = false;

	*fd = -1;
	if (place->store < 0)
		return true;
	*fd = place_open_entry(place, name);
	if (*fd < 0)
		return is_finding(errno) ||
				fail(error, ERROR_RETRY, "generation %s: %s", name,
						strerror(errno));
	if (!manifest_read(arena, *fd, manifest, &there, error)) {
		close_and_forget(fd);
		return fail_while(error, "generation %s", name);
	}
	if (!there)
		close_and_forget(fd);
	return true;
}

bool is_generation(const char *actual, const char *wanted)
{
	const size_t length = strlen(wanted);
	const char *rest = actual + length;

	if (strncmp(actual, wanted, length) != 0)
		return false;
	if (!*rest)
		return true;
	return rest[0] == '.' && isdigit((unsigned char)rest[1]) &&
			strspn(rest + 1, "0123456789") == strlen(rest + 1);
}

/* Kernels before 5.8 do not tell. */
bool place_is_mount_point(const struct place *place)
{
	struct statx facts;

	return statx(place->parent, place->base, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &facts) == 0 &&
			facts.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

bool place_can_swap(const struct place *place)
{
	struct statfs facts;

	return fstatfs(place->parent, &facts) < 0 || facts.f_type != OVERLAYFS_SUPER_MAGIC;
}

/* ---- directories ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void closedir_done(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

bool directory_list(struct arena *arena, int directory, struct words *names, struct error *error)
{
	/* A descriptor of its own: the reading position belongs to the open file. */
	autoclose int fd = open_directory(directory, ".", 0);
	autodone(closedir) DIR *open = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!open)
		return fail(error, ERROR_RETRY, "list a directory: %s", strerror(errno));
	(void)hand_over_fd(&fd);
	names->items = arena_new_many(arena, const char *, ENTRIES_MAX);
	names->count = 0;
	while ((entry = readdir(open))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count == ENTRIES_MAX)
			return fail(error, ERROR_CONFIG, "a directory with more than %d entries",
					ENTRIES_MAX);
		names->items[names->count++] = arena_copy(arena, entry->d_name);
	}
	qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return true;
}

bool entry_remove(int directory, const char *name, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	autoclose int fd = open_directory(directory, name, O_NOFOLLOW);
	struct words names = { 0 };

	if (fd < 0) {
		if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
			return fail(error, ERROR_RETRY, "remove %s: %s", name, strerror(errno));
		return true;
	}
	if (!directory_list(arena, fd, &names, error))
		return false;
	for (size_t i = 0; i < names.count; i++)
		if (unlinkat(fd, names.items[i], 0) < 0 && errno != ENOENT)
			return fail(error, ERROR_RETRY, "remove %s/%s: %s", name, names.items[i],
					strerror(errno));
	if (unlinkat(directory, name, AT_REMOVEDIR) < 0)
		return fail(error, ERROR_RETRY, "remove %s: %s", name, strerror(errno));
	return true;
}

/* ---- looking ---- */

void found_done(struct found *found)
{
	owned_close(&found->directory);
	found->directory = -1;
}

/* "foreign:" and the digest of what the entries are. */
static bool foreign_names(struct arena *arena, int directory, struct words names,
		struct found *found, struct error *error)
{
	autodone(buffer) struct buffer text = { 0 };

	for (size_t i = 0; i < names.count; i++) {
		const char *is;

		if (!entry_describe(arena, directory, names.items[i], &is, error))
			return false;
		buffer_printf(&text, "%s %s\n", names.items[i], is);
	}
	found->replaces = arena_printf(
			arena, "foreign:%s", digest_of(buffer_text(&text), text.length).hex);
	return true;
}

/* A directory, or -1 where there is something else. */
static bool open_base(const struct place *place, int more, int *fd, struct error *error)
{
	*fd = open_directory(place->parent, place->base, more);
	return *fd >= 0 || is_finding(errno) ||
			fail(error, ERROR_RETRY, "%s: %s", place->publish, strerror(errno));
}

static bool found_foreign(struct arena *arena, const struct place *place, struct found *found,
		struct error *error)
{
	const struct words itself = { .items = (const char *[]){ place->base }, .count = 1 };
	autoclose int fd = -1;
	struct words names;

	found->state = FOUND_FOREIGN;
	if (!open_base(place, O_NOFOLLOW, &fd, error))
		return false;
	if (fd < 0)
		return foreign_names(arena, place->parent, itself, found, error) &&
				open_base(place, 0, &found->directory, error);
	if (!directory_list(arena, fd, &names, error) ||
			!foreign_names(arena, fd, names, found, error))
		return fail_while(error, "%s", place->publish);
	found->directory = hand_over_fd(&fd);
	return true;
}

/* The generation that our link leads to; NULL when it is not ours. */
static bool linked_generation(struct arena *arena, const struct place *place,
		const char **generation, struct error *error)
{
	const size_t length = strlen(place->store_name);
	char text[PATH_MAX];
	const ssize_t size = readlinkat(place->parent, place->base, text, sizeof(text) - 1);

	*generation = NULL;
	if (size < 0)
		return is_finding(errno) ||
				fail(error, ERROR_RETRY, "the link %s: %s", place->publish,
						strerror(errno));
	text[size] = '\0';
	if (strncmp(text, place->store_name, length) == 0 && text[length] == '/' &&
			!strchr(text + length + 1, '/') && text[length + 1] != '.')
		*generation = arena_copy(arena, text + length + 1);
	return true;
}

static bool look_link(struct arena *arena, const struct place *place, struct found *found,
		struct error *error)
{
	const char *generation;
	autoclose int fd = -1;

	if (!linked_generation(arena, place, &generation, error) ||
			(generation &&
					!place_open_generation(arena, place, generation, &fd,
							&found->manifest, error)))
		return false;
	if (fd < 0)
		return found_foreign(arena, place, found, error);
	found->state = FOUND_PUBLISHED;
	found->generation = generation;
	found->replaces = generation;
	found->directory = hand_over_fd(&fd);
	return true;
}

static bool look_exchange(struct arena *arena, const struct place *place, struct found *found,
		struct error *error)
{
	autoclose int fd = -1;
	bool published = false;

	if (!open_base(place, O_NOFOLLOW, &fd, error))
		return false;
	if (fd >= 0 && !manifest_read(arena, fd, &found->manifest, &published, error))
		return fail_while(error, "%s", place->publish);
	if (!published)
		return found_foreign(arena, place, found, error);
	found->state = FOUND_PUBLISHED;
	found->generation = found->manifest.generation;
	found->replaces = found->generation;
	found->directory = hand_over_fd(&fd);
	return true;
}

/* The generation that "current" leads to, if any. */
static bool read_current(struct arena *arena, const struct place *place, struct found *found,
		struct error *error)
{
	const char *text = "missing";
	autoclose int fd = -1;

	if (place->store >= 0 && !entry_describe(arena, place->store, "current", &text, error))
		return false;
	if (strncmp(text, "link ", 5) != 0 || strchr(text + 5, '/'))
		return true;
	if (!place_open_generation(arena, place, text + 5, &fd, &found->manifest, error))
		return false;
	if (fd >= 0)
		found->generation = text + 5;
	/* A generation that was published by a link before; the directory here is not ours. */
	found->manifest.directory.known = false;
	return true;
}

/* Whoever writes here does so file by file, so what is there is named by what each file
 * is, unless that is just what the generation put there. */
static bool look_fixed(struct arena *arena, const struct place *place, struct words names,
		struct found *found, struct error *error)
{
	bool holds, published, empty = true;

	if (!read_current(arena, place, found, error))
		return false;
	holds = published = found->generation != NULL;
	found->directory = open_directory(place->parent, place->base, 0);
	if (found->directory < 0)
		return fail(error, is_finding(errno) ? ERROR_CONFIG : ERROR_RETRY,
				"directory %s: %s", place->publish, strerror(errno));
	for (size_t i = 0; i < names.count; i++) {
		const struct manifest_file *file = manifest_find(&found->manifest, names.items[i]);
		const char *is;

		if (!entry_describe(arena, found->directory, names.items[i], &is, error))
			return fail_while(error, "%s", place->publish);
		empty = empty && strcmp(is, "missing") == 0;
		holds = holds && strcmp(is, entry_expected(arena, file)) == 0;
	}
	found->state = published ? FOUND_PUBLISHED : empty ? FOUND_NOTHING : FOUND_FOREIGN;
	found->replaces = holds ? found->generation : "nothing";
	return holds || (empty && !published) ||
			foreign_names(arena, found->directory, names, found, error);
}

bool place_look(struct arena *arena, const struct place *place, struct words names,
		struct found *found, struct error *error)
{
	struct stat facts;

	*found = (struct found){ .directory = -1 };
	if (place->method == METHOD_FIXED)
		return look_fixed(arena, place, names, found, error);
	if (fstatat(place->parent, place->base, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
		found->state = FOUND_NOTHING;
		found->replaces = "nothing";
		return errno == ENOENT ||
				fail(error, ERROR_CONFIG, "%s: %s", place->publish,
						strerror(errno));
	}
	return place->method == METHOD_LINK ? look_link(arena, place, found, error)
					    : look_exchange(arena, place, found, error);
}
