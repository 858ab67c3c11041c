#include "controller/certdrop/config/surroundings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/base/program.h"
#include "controller/certdrop/config/config-places.h"
#include "controller/certdrop/config/passage.h"
#include "reconcilers/reconciler.h"

struct search {
	struct arena *arena;
	struct buffer *lines;
	size_t count;
};

/* ---- what a setting may name ---- */

static bool is_program(struct arena *arena, const char *name)
{
	return program_find(arena, name) != NULL;
}

/* A number is an account, too, whether it has a name or not. */
static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool is_user(struct arena *arena, const char *name)
{
	(void)arena;
	return is_number(name) || getpwnam(name) != NULL;
}

static bool is_group(struct arena *arena, const char *name)
{
	(void)arena;
	return is_number(name) || getgrnam(name) != NULL;
}

/* What cannot be looked at may well be there, for a worker with other rights. */
static bool is_there(const char *path, bool directory)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return S_ISDIR(status.st_mode) == directory;
}

static bool is_file(struct arena *arena, const char *path)
{
	(void)arena;
	return is_there(path, false);
}

static bool is_directory(struct arena *arena, const char *path)
{
	(void)arena;
	return is_there(path, true);
}

/* Forms that are not here name nothing that could be missing. */
static const struct kind {
	const char *name;
	bool (*is_here)(struct arena *arena, const char *name);
} kinds[] = {
	[FORM_COMMAND] = { "program", is_program },
	[FORM_PROGRAM] = { "program", is_program },
	[FORM_USER] = { "user", is_user },
	[FORM_GROUP] = { "group", is_group },
	[FORM_FILE] = { "file", is_file },
	[FORM_DIRECTORY] = { "directory", is_directory },
	[FORM_PASSABLE] = { "directory", is_directory },
};

/* NULL: see above. */
static const struct kind *kind_of(enum option_form form)
{
	return form < sizeof(kinds) / sizeof(*kinds) && kinds[form].name ? &kinds[form] : NULL;
}

/* ---- where to publish ---- */

static const char *directory_above(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? "/" : arena_copy_bytes(arena, path, (size_t)(slash - path));
}

/* Why nothing can be published there as things are; NULL: it can, or that cannot be told from here. */
static const char *why_unfit(struct arena *arena, const char *path, const char *method)
{
	const char *above = directory_above(arena, path);
	const bool fixed = strcmp(method, "fixed") == 0;
	struct stat status;

	if (!is_there(above, true))
		return arena_printf(arena, "there is no directory \"%s\" here", above);
	if (lstat(path, &status) < 0)
		return fixed && errno == ENOENT
				? arena_printf(arena, "there is no directory \"%s\" here", path)
				: NULL;
	if (strcmp(method, "link") == 0 && !S_ISLNK(status.st_mode))
		return arena_printf(arena,
				"\"%s\" is no symbolic link: move it away, or use method "
				"\"exchange\" or \"fixed\"",
				path);
	if (!S_ISDIR(status.st_mode) && strcmp(method, "exchange") == 0)
		return arena_printf(arena,
				"\"%s\" is no directory: move it away, or use method \"link\"",
				path);
	return NULL;
}

/* ---- looking ---- */

static void tell(struct search *search, struct place place, const char *what, const char *why)
{
	search->count++;
	buffer_printf(search->lines, "%s:%u: %s: %s\n", place.file, place.line, what, why);
}

static const char *why_impassable(
		struct arena *arena, const struct settings *settings, const char *directory)
{
	const char *user = setting_text(settings, "user");

	if (!user || passage_is_open(user, directory))
		return NULL;
	return arena_printf(arena, "the user \"%s\" cannot pass into \"%s\"", user, directory);
}

static void look_for(struct search *search, const struct settings *settings,
		const struct option *option, const char *name)
{
	const struct kind *kind = kind_of(option->form);
	struct arena *arena = search->arena;
	const char *why = NULL;

	if (kind && !kind->is_here(arena, name))
		why = arena_printf(arena, "there is no %s \"%s\" here", kind->name, name);
	else if (option->form == FORM_PASSABLE)
		why = why_impassable(arena, settings, name);
	else if (option->form == FORM_PUBLISHED)
		why = why_unfit(arena, name, setting_text(settings, "method"));
	if (why)
		tell(search, setting_place(settings, option->name), option->name, why);
}

static void look_at(void *context, const struct settings *settings, const struct option *option)
{
	struct words words;

	if (option->form == FORM_ANY)
		return;
	if (option->kind != OPTION_WORDS) {
		look_for(context, settings, option, setting_text(settings, option->name));
		return;
	}
	words = setting_words(settings, option->name);
	/* The rest of a command is for the program. */
	if (option->form == FORM_COMMAND && words.count > 1)
		words.count = 1;
	for (size_t i = 0; i < words.count; i++)
		look_for(context, settings, option, words.items[i]);
}

static void look_at_own(struct search *search, const struct config *config, const char *name)
{
	if (!setting_given(config->settings, name))
		look_at(search, config->settings, option_find(config_options, name));
}

static void look_at_advice(struct search *search, const struct target *target)
{
	struct words words = { 0 };

	if (target->reconciler->advise)
		words = target->reconciler->advise(target, search->arena);
	for (size_t i = 0; i < words.count; i++)
		tell(search, setting_place(target->settings, "name"), target->name, words.items[i]);
}

size_t surroundings_lack(const struct config *config, struct buffer *lines)
{
	autoarena struct arena *arena = arena_new();
	struct search search = { .arena = arena, .lines = lines };
	struct mistakes compared = { .text = lines };

	look_at_own(&search, config, "inspect-program");
	if (!config->worker)
		look_at_own(&search, config, "apply-program");
	settings_visit(config->settings, look_at, &search);
	for (size_t i = 0; i < config->target_count; i++) {
		settings_visit(config->targets[i].settings, look_at, &search);
		look_at_advice(&search, &config->targets[i]);
	}
	places_compare(config, &compared);
	return search.count + compared.count;
}
