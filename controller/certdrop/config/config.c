#include "controller/certdrop/config/config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/certdrop/config/config-places.h"
#include "controller/certdrop/config/config-targets.h"
#include "controller/certdrop/config/config-tree.h"

/* What is being made: all of it is thrown away at the first mistake's end. */
struct loading {
	struct config *config;
	struct mistakes mistakes;
	struct targets *targets;
	size_t file_size;
};

static void add_file(struct loading *loading, const char *file)
{
	struct words *files = &loading->config->files;

	files->items = arena_with_room(loading->config->arena, files->items, files->count,
			&loading->file_size, sizeof(*files->items));
	files->items[files->count++] = file;
}

/* ---- the main file ---- */

static size_t choice_index(const struct option *options, const char *name, const char *value)
{
	const char *const *choices = option_find(options, name)->choices;
	size_t i = 0;

	while (strcmp(choices[i], value) != 0)
		i++;
	return i;
}

static enum log_level log_level_of(const struct settings *settings)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
		LOG_LEVEL_DEBUG };

	return levels[choice_index(config_options, "log", setting_text(settings, "log"))];
}

static void fill_in(struct config *config, const struct settings *settings)
{
	config->settings = settings;
	config->drop = setting_text(settings, "drop");
	config->state = setting_text(settings, "state");
	config->socket = setting_text(settings, "socket");
	config->inspect_program = setting_text(settings, "inspect-program");
	config->apply_program = setting_text(settings, "apply-program");
	config->worker = setting_text(settings, "worker");
	config->log_level = log_level_of(settings);
	config->clock = (enum clock_policy)choice_index(
			config_options, "clock", setting_text(settings, "clock"));
	config->rescan_ms = setting_number(settings, "rescan");
	config->check_ms = setting_number(settings, "check");
	config->retry_first_ms = setting_number(settings, "retry-first");
	config->retry_cap_ms = setting_number(settings, "retry-cap");
	config->expiry_warning_ms = setting_number(settings, "expiry-warning");
	config->keep = (size_t)setting_number(settings, "keep");
	config->workers = (size_t)setting_number(settings, "workers");
	config->drop_owners = setting_words(settings, "drop-owners");
	config->insecure_drop = setting_flag(settings, "insecure-drop");
}

static void check_together(const struct config *config, struct mistakes *mistakes)
{
	const struct settings *settings = config->settings;

	if (config->retry_first_ms > config->retry_cap_ms)
		mistakes_add(mistakes, setting_place(settings, "retry-first"),
				"\"retry-first\" must not be longer than \"retry-cap\"");
	if (path_is_below(config->state, config->drop))
		mistakes_add(mistakes, setting_place(settings, "state"),
				"\"state\" must not be \"drop\" or lie below it");
}

/* A drop's files are taken away, those of a source never. */
static void check_sources(const struct config *config, struct mistakes *mistakes)
{
	for (size_t i = 0; i < config->target_count; i++) {
		const struct target *target = &config->targets[i];
		const char *source = setting_text(target->settings, "source");

		if (source && path_is_below(source, config->drop))
			mistakes_add(mistakes, setting_place(target->settings, "source"),
					"\"source\" in target \"%s\" must not be \"drop\" or lie "
					"below it, where files are taken away; a target is fed from "
					"there by \"from\"",
					target->name);
	}
}

/* The directory of more targets, or NULL when the main file cannot be read. */
static const char *read_main_file(struct loading *loading)
{
	struct config *config = loading->config;
	const struct place place = { .file = config->path, .line = 1 };
	autodone(tree) struct tree tree;
	struct settings *settings;

	if (!tree_read(&tree, config->arena, config->path, &loading->mistakes))
		return NULL;
	settings = settings_new(config->arena, config_options, place, tree.directory);
	tree_settings(&tree, config_root_setting(&tree.parsed), settings, "", "targets", false);
	fill_in(config, settings);
	check_together(config, &loading->mistakes);
	targets_read(loading->targets, &tree);

	if (setting_given(settings, "targets-dir"))
		return setting_text(settings, "targets-dir");
	return arena_printf(config->arena, "%s/targets.d", tree.directory);
}

/* ---- the others ---- */

static bool is_config_file(const char *name)
{
	const size_t length = strlen(name);

	return *name != '.' && length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* The usual directory need not be there; one that was named must. */
static void list_files(struct loading *loading, const char *path)
{
	__attribute__((cleanup(close_directory))) DIR *directory = opendir(path);
	const struct settings *settings = loading->config->settings;
	const struct dirent *entry;

	if (!directory && (errno != ENOENT || setting_given(settings, "targets-dir")))
		mistakes_add(&loading->mistakes, setting_place(settings, "targets-dir"),
				"directory of targets %s: %s", path, strerror(errno));
	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (is_config_file(entry->d_name))
			add_file(loading,
					arena_printf(loading->config->arena, "%s/%s", path,
							entry->d_name));
}

static void read_targets_file(struct loading *loading, const char *file)
{
	static const struct option no_options[] = { { NULL } };
	autodone(tree) struct tree tree;
	struct arena *arena = loading->config->arena;
	const struct place place = { .file = file, .line = 1 };
	struct settings *none;

	if (!tree_read(&tree, arena, file, &loading->mistakes))
		return;
	none = settings_new(arena, no_options, place, tree.directory);
	tree_settings(&tree, config_root_setting(&tree.parsed), none,
			" in a file of targets (settings of all stand in the main file)", "targets",
			false);
	targets_read(loading->targets, &tree);
}

static void read_other_files(struct loading *loading, const char *directory)
{
	struct words *files = &loading->config->files;

	list_files(loading, directory);
	qsort(files->items + 1, files->count - 1, sizeof(*files->items), compare_names);
	for (size_t i = 1; i < files->count; i++)
		read_targets_file(loading, files->items[i]);
}

/* ---- all ---- */

static const char *absolute(struct arena *arena, const char *path)
{
	autofree char *directory = NULL;

	if (*path == '/')
		return arena_copy(arena, path);
	directory = realpath(".", NULL);
	return directory ? arena_printf(arena, "%s/%s", directory, path) : arena_copy(arena, path);
}

bool config_load(const char *path, struct config **config, struct buffer *mistakes)
{
	struct arena *arena = arena_new();
	struct config *made = arena_new_of(arena, struct config);
	struct loading loading = { .config = made, .mistakes = { .text = mistakes } };
	const char *directory;

	options_check(config_options);
	made->arena = arena;
	made->path = absolute(arena, path);
	loading.targets = targets_new(arena, &loading.mistakes);
	add_file(&loading, made->path);
	directory = read_main_file(&loading);
	if (directory)
		read_other_files(&loading, directory);
	targets_finish(loading.targets, &made->targets, &made->target_count);
	check_sources(made, &loading.mistakes);
	if (loading.mistakes.count == 0)
		places_check(made, &loading.mistakes);

	if (loading.mistakes.count > CONFIG_MISTAKES_MAX)
		buffer_printf(mistakes, "and %zu more mistakes\n",
				loading.mistakes.count - CONFIG_MISTAKES_MAX);
	if (loading.mistakes.count > 0) {
		config_free(made);
		return false;
	}
	*config = made;
	return true;
}

void config_free(struct config *config)
{
	if (config)
		arena_free(config->arena);
}

const struct target *config_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->target_count; i++)
		if (strcmp(config->targets[i].name, name) == 0)
			return &config->targets[i];
	return NULL;
}

long long config_check_ms(const struct config *config, const struct target *target)
{
	const long long own = setting_number(target->settings, "check");

	return own ? own : config->check_ms;
}
