#include "controller/certdrop/config/surroundings.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "controller/base/program.h"

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
	return form == FORM_USER ? "user" : form == FORM_GROUP ? "group" : "program";
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
	case FORM_ANY:
	case FORM_ADDRESS:
	case FORM_COVERED:
	case FORM_USAGE:
	case FORM_TARGET:
		break;
	}
	return true;
}

static void look_at(void *context, const struct settings *settings, const struct option *option)
{
	struct search *search = context;
	const struct place place = setting_place(settings, option->name);
	const char *name;

	if (option->form == FORM_ANY)
		return;
	if (option->kind == OPTION_WORDS) {
		const struct words words = setting_words(settings, option->name);

		name = words.count > 0 ? words.items[0] : NULL;
	} else {
		name = setting_text(settings, option->name);
	}
	if (!name || is_here(search, option->form, name))
		return;
	search->count++;
	buffer_printf(search->lines, "%s:%u: %s: there is no %s \"%s\" here\n", place.file,
			place.line, option->name, kind_of(option->form), name);
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
