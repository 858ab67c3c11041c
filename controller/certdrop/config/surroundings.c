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

/* A number is an account, too, whether it has a name or not. */
static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static const char *kind_of(enum option_form form)
{
	switch (form) {
	case FORM_USER:
		return "user";
	case FORM_GROUP:
		return "group";
	case FORM_FILE:
		return "file";
	case FORM_DIRECTORY:
	case FORM_PASSABLE:
		return "directory";
	case FORM_COMMAND:
	case FORM_PROGRAM:
	case FORM_ANY:
	case FORM_ADDRESS:
	case FORM_COVERED:
	case FORM_USAGE:
	case FORM_TARGET:
		break;
	}
	return "program";
}

/* What cannot be looked at may well be there, for a worker with other rights. */
static bool is_there(const char *path, bool directory)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return S_ISDIR(status.st_mode) == directory;
}

static bool is_here(struct search *search, enum option_form form, const char *name)
{
	switch (form) {
	case FORM_COMMAND:
	case FORM_PROGRAM:
		return program_find(search->arena, name) != NULL;
	case FORM_USER:
		return is_number(name) || getpwnam(name) != NULL;
	case FORM_GROUP:
		return is_number(name) || getgrnam(name) != NULL;
	case FORM_FILE:
		return is_there(name, false);
	case FORM_DIRECTORY:
	case FORM_PASSABLE:
		return is_there(name, true);
	case FORM_ANY:
	case FORM_ADDRESS:
	case FORM_COVERED:
	case FORM_USAGE:
	case FORM_TARGET:
		break;
	}
	return true;
}

static void look_for(struct search *search, const struct settings *settings,
		const struct option *option, const char *name)
{
	const struct place place = setting_place(settings, option->name);
	const char *user;

	if (!is_here(search, option->form, name)) {
		search->count++;
		buffer_printf(search->lines, "%s:%u: %s: there is no %s \"%s\" here\n", place.file,
				place.line, option->name, kind_of(option->form), name);
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
