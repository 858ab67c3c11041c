#define _GNU_SOURCE
#include "controller/certdrop/feed/strays.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/arena.h"
#include "controller/base/log.h"
#include "controller/base/owned.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/intake/filename.h"
#include "controller/model/option.h"

/* More directories than these are not told of: the first ones say what is wrong. */
enum { STRAYS_MAX = 20 };

struct strays {
	struct arena *arena;
	struct words sentences;
	const char *items[STRAYS_MAX];
};

struct search {
	const struct controller *controller;
	struct strays *found;
	const char **names; /* of the directories that feed targets: sorted, NULL at the end */
	size_t count;
	const char *file; /* the first one, by name, in the drop itself; NULL: none */
};

static DIR *open_directory(int above, const char *path)
{
	autoclose int fd = openat(above, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (directory)
		(void)hand_over_fd(&fd);
	return directory;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void find_names(struct search *search)
{
	const struct controller *controller = search->controller;

	search->names = arena_new_many(
			search->found->arena, const char *, controller->feed_count + 1);
	for (size_t i = 0; i < controller->feed_count; i++)
		search->names[search->count++] = feed_name(controller->feeds[i]);
	qsort(search->names, search->count, sizeof(*search->names), compare);
}

static bool has_files(int above, const char *name)
{
	DIR *directory = open_directory(above, name);
	const struct dirent *entry;
	bool any = false;

	while (directory && !any && (entry = readdir(directory)))
		any = entry->d_type != DT_DIR && !filename_ignored(entry->d_name);
	if (directory)
		(void)closedir(directory);
	return any;
}

static void add(struct search *search, const char *sentence)
{
	struct strays *found = search->found;

	if (found->sentences.count == STRAYS_MAX)
		return;
	found->items[found->sentences.count++] = sentence;
	found->sentences.items = found->items;
}

static void add_directory(struct search *search, const char *name)
{
	const char *nearest = word_nearest(search->names, name);

	add(search,
			arena_printf(search->found->arena,
					"%s/%s belongs to no target, and what lies there is not taken in%s%s%s",
					search->controller->config->drop,
					filename_shown(search->found->arena, name),
					nearest ? "; did you mean " : "", nearest ? nearest : "",
					nearest ? "?" : ""));
}

static void look_at(struct search *search, int drop, const char *name)
{
	struct stat status;

	if (filename_ignored(name) || fstatat(drop, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISREG(status.st_mode) && (!search->file || strcmp(name, search->file) < 0))
		search->file = arena_copy(search->found->arena, name);
	if (S_ISDIR(status.st_mode) &&
			!bsearch(&name, search->names, search->count, sizeof(name), compare) &&
			has_files(drop, name))
		add_directory(search, name);
}

static struct strays *find(const struct controller *controller)
{
	DIR *drop = open_directory(AT_FDCWD, controller->config->drop);
	struct strays *found = calloc(1, sizeof(*found));
	struct search search = { .controller = controller, .found = found };
	const struct dirent *entry;

	assert(found);
	found->arena = arena_new();
	find_names(&search);
	while (drop && (entry = readdir(drop)))
		look_at(&search, dirfd(drop), entry->d_name);
	if (drop)
		(void)closedir(drop);
	if (search.file)
		add(&search,
				arena_printf(found->arena,
						"%s itself belongs to no target, and %s there is not "
						"taken in: move it to the sub-directory of its target",
						controller->config->drop,
						filename_shown(found->arena, search.file)));
	return found;
}

void strays_look(struct controller *controller)
{
	struct strays *before = controller->strays;
	struct strays *found = find(controller);

	for (size_t i = 0; controller->mode == MODE_SERVICE && i < found->sentences.count; i++)
		if (!before || !words_contain(before->sentences, found->items[i]))
			log_warning("%s", found->items[i]);
	controller->strays = found;
	strays_free(before);
}

void strays_tell(const struct controller *controller, json_t *sentences)
{
	const struct strays *strays = controller->strays;

	for (size_t i = 0; strays && i < strays->sentences.count; i++)
		json_array_append_new(sentences, json_string(strays->items[i]));
}

void strays_free(struct strays *strays)
{
	if (!strays)
		return;
	arena_free(strays->arena);
	free(strays);
}
