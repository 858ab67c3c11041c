#include "controller/certdrop/config/surroundings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/base/program.h"
#include "controller/certdrop/config/passage.h"

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

/* ---- looking ---- */

static void look_for(struct search *search, const struct settings *settings,
		const struct option *option, const char *name)
{
	const struct place place = setting_place(settings, option->name);
	const struct kind *kind = kind_of(option->form);
	const char *user;

	if (kind && !kind->is_here(search->arena, name)) {
		search->count++;
		buffer_printf(search->lines, "%s:%u: %s: there is no %s \"%s\" here\n", place.file,
				place.line, option->name, kind->name, name);
		return;
	}
	user = option->form == FORM_PASSABLE ? setting_text(settings, "user") : NULL;
	if (!user || passage_is_open(user, name))
		return;
	search->count++;
	buffer_printf(search->lines, "%s:%u: %s: the user \"%s\" cannot pass into \"%s\"\n",
			place.file, place.line, option->name, user, name);
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

size_t surroundings_lack(const struct config *config, struct buffer *lines)
{
	autoarena struct arena *arena = arena_new();
	struct search search = { .arena = arena, .lines = lines };

	look_at_own(&search, config, "inspect-program");
	if (!config->worker)
		look_at_own(&search, config, "apply-program");
	settings_visit(config->settings, look_at, &search);
	for (size_t i = 0; i < config->target_count; i++)
		settings_visit(config->targets[i].settings, look_at, &search);
	return search.count;
}
