#define _GNU_SOURCE
#include "controller/apply/publish/place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
	*place = open;
	return true;
}

/* Links lead through the store, so others must be able to pass, but not to list it. */
bool place_make_store(struct place *place, struct error *error)
{
	const mode_t mode = place->method == METHOD_LINK ? 0711 : 0700;

	if (place->store >= 0)
		return true;
	if (mkdirat(place->parent, place->store_name, 0700) < 0 && errno != EEXIST)
		return fail(error, errno == EACCES || errno == EROFS ? ERROR_CONFIG : ERROR_RETRY,
				"create %s beside %s: %s", place->store_name, place->publish,
				strerror(errno));
	place->store = open_directory(place->parent, place->store_name, O_NOFOLLOW);
	if (place->store < 0 || fchmod(place->store, mode) < 0 || fsync(place->parent) < 0)
		return fail(error, ERROR_RETRY, "%s: %s", place->store_name, strerror(errno));
	return true;
}

int place_open_entry(const struct place *place, const char *name)
{
	return open_directory(place->store, name, O_NOFOLLOW);
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
static const char *foreign_names(struct arena *arena, int directory, struct words names)
{
	autodone(buffer) struct buffer text = { 0 };

	for (size_t i = 0; i < names.count; i++)
		buffer_printf(&text, "%s %s\n", names.items[i],
				entry_describe(arena, directory, names.items[i]));
	return arena_printf(arena, "foreign:%s", digest_of(buffer_text(&text), text.length).hex);
}

static bool found_foreign(struct arena *arena, const struct place *place, struct found *found,
		struct error *error)
{
	autoclose int fd = open_directory(place->parent, place->base, O_NOFOLLOW);
	const struct words itself = { .items = (const char *[]){ place->base }, .count = 1 };
	struct words names;

	found->state = FOUND_FOREIGN;
	if (fd < 0) {
		found->replaces = foreign_names(arena, place->parent, itself);
		found->directory = open_directory(place->parent, place->base, 0);
		return true;
	}
	if (!directory_list(arena, fd, &names, error))
		return fail_while(error, "%s", place->publish);
	found->replaces = foreign_names(arena, fd, names);
	found->directory = hand_over_fd(&fd);
	return true;
}

/* The generation that our link leads to; NULL when it is not ours. */
static const char *linked_generation(struct arena *arena, const struct place *place)
{
	const size_t length = strlen(place->store_name);
	char text[PATH_MAX];
	const ssize_t size = readlinkat(place->parent, place->base, text, sizeof(text) - 1);

	if (size < 0)
		return NULL;
	text[size] = '\0';
	if (strncmp(text, place->store_name, length) != 0 || text[length] != '/' ||
			strchr(text + length + 1, '/') || text[length + 1] == '.')
		return NULL;
	return arena_copy(arena, text + length + 1);
}

static bool look_link(struct arena *arena, const struct place *place, struct found *found,
		struct error *error)
{
	const char *generation = linked_generation(arena, place);
	autoclose int fd = generation ? place_open_entry(place, generation) : -1;

	if (fd < 0 || !manifest_read(arena, fd, &found->manifest))
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
	autoclose int fd = open_directory(place->parent, place->base, O_NOFOLLOW);

	if (fd < 0 || !manifest_read(arena, fd, &found->manifest))
		return found_foreign(arena, place, found, error);
	found->state = FOUND_PUBLISHED;
	found->generation = found->manifest.generation;
	found->replaces = found->generation;
	found->directory = hand_over_fd(&fd);
	return true;
}

static bool read_current(struct arena *arena, const struct place *place, struct found *found)
{
	const char *text = place->store < 0 ? "missing"
					    : entry_describe(arena, place->store, "current");
	autoclose int fd = -1;

	if (strncmp(text, "link ", 5) != 0 || strchr(text + 5, '/'))
		return false;
	fd = place_open_entry(place, text + 5);
	if (fd < 0 || !manifest_read(arena, fd, &found->manifest))
		return false;
	found->generation = text + 5;
	return true;
}

/* Whoever writes here does so file by file, so what is there is named by what each file
 * is, unless that is just what the generation put there. */
static bool look_fixed(struct arena *arena, const struct place *place, struct words names,
		struct found *found, struct error *error)
{
	bool published = read_current(arena, place, found);
	bool holds = published, empty = true;

	found->directory = open_directory(place->parent, place->base, 0);
	if (found->directory < 0)
		return fail(error, ERROR_CONFIG, "directory %s: %s", place->publish,
				strerror(errno));
	for (size_t i = 0; i < names.count; i++) {
		const char *is = entry_describe(arena, found->directory, names.items[i]);

		empty = empty && strcmp(is, "missing") == 0;
		holds = holds &&
				strcmp(is,
						entry_expected(arena,
								manifest_find(&found->manifest,
										names.items[i]))) ==
						0;
	}
	found->state = published ? FOUND_PUBLISHED : empty ? FOUND_NOTHING : FOUND_FOREIGN;
	found->replaces = holds               ? found->generation
			: empty && !published ? "nothing"
					      : foreign_names(arena, found->directory, names);
	return true;
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
