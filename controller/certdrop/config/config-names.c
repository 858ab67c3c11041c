#include "controller/certdrop/config/config-names.h"

#include <stdlib.h>
#include <string.h>

struct check {
	const char **names; /* of all targets, sorted; NULL at the end */
	size_t count;
	const struct target *target;
	struct mistakes *mistakes;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_there(const struct check *check, const char *name)
{
	return bsearch(&name, check->names, check->count, sizeof(*check->names), compare_names);
}

static void tell(const struct check *check, const struct settings *settings,
		const struct option *option, const char *name)
{
	const char *nearest = word_nearest(check->names, name);

	mistakes_add(check->mistakes, setting_place(settings, option->name),
			"\"%s\" in target \"%s\": there is no target \"%s\"%s%s%s", option->name,
			check->target->name, name, nearest ? "; did you mean \"" : "",
			nearest ? nearest : "", nearest ? "\"?" : "");
}

static void look_at(void *context, const struct settings *settings, const struct option *option)
{
	const struct check *check = context;
	struct words names;

	if (option->form != FORM_TARGET)
		return;
	names = setting_words(settings, option->name);
	for (size_t i = 0; i < names.count; i++)
		if (!is_there(check, names.items[i]))
			tell(check, settings, option, names.items[i]);
}

void names_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes)
{
	struct check check = { .names = arena_new_many(arena, const char *, count + 1),
		.count = count,
		.mistakes = mistakes };

	for (size_t i = 0; i < count; i++)
		check.names[i] = targets[i].name;
	if (count > 0)
		qsort(check.names, count, sizeof(*check.names), compare_names);
	for (size_t i = 0; i < count; i++) {
		check.target = &targets[i];
		settings_visit(targets[i].settings, look_at, &check);
	}
}
