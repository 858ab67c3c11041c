/*
 * certdrop-manual: writes a manual page, while certdrop is built, from a page in which lines stand for what
 * the program itself knows:
 *
 *         certdrop-manual certdrop.conf.5.in DIRECTORY-OF-EXAMPLES certdrop.conf.5 DEPENDENCIES
 *
 *         @version             the line with the program's version
 *         @commands            items of a list, from commands.h
 *         @options             items of a list, from commands.h
 *         @settings            of the service (config_options)
 *         @target-settings     of every target (target_options)
 *         @products            a section for each product, from its reconciler and its example
 *         @example NAME        a file of the directory of examples
 *
 * All else is mdoc(7). Into DEPENDENCIES go the examples that were read, as a rule for ninja. Exits with 1,
 * which ends the build, when it does not know a line.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "controller/base/file.h"
#include "controller/base/owned.h"
#include "controller/certdrop/commands/commands.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/manual/page.h"
#include "controller/certdrop/manual/settings.h"
#include "reconcilers/reconciler.h"

enum { FILE_LIMIT = 1 << 20 };

struct manual {
	struct buffer page;
	struct buffer used; /* the examples that were read, each after a blank */
	const char *examples; /* directory */
};

/* ---- the parts ---- */

static bool write_version(struct manual *manual, const char *argument, struct error *error)
{
	(void)argument;
	(void)error;
	page_macro(&manual->page, ".Os certdrop %s", CERTDROP_VERSION);
	return true;
}

/* Behind a macro "[TARGET]" would lose its last bracket. */
static const char *argument_of(struct arena *arena, const char *text)
{
	return text && *text ? arena_printf(arena, "Ar %s\\&", text) : NULL;
}

static bool write_commands(struct manual *manual, const char *argument, struct error *error)
{
	autoarena struct arena *arena = arena_new();

	(void)argument;
	(void)error;
	for (const struct command *command = commands; command->name; command++) {
		page_item(&manual->page, command->name, argument_of(arena, command->arguments));
		page_text(&manual->page, command->manual);
	}
	return true;
}

static bool write_options(struct manual *manual, const char *argument, struct error *error)
{
	autoarena struct arena *arena = arena_new();

	(void)argument;
	(void)error;
	for (const struct flag *flag = flags; flag->name; flag++) {
		const char *words = arena_printf(arena, "--%s", flag->name);

		if (flag->letter)
			words = arena_printf(arena, "-%c, %s", flag->letter, words);
		page_item(&manual->page, words, argument_of(arena, flag->argument));
		page_text(&manual->page, flag->manual);
	}
	return true;
}

static bool write_settings(struct manual *manual, const char *argument, struct error *error)
{
	(void)argument;
	(void)error;
	options_check(config_options);
	settings_write(&manual->page, config_options);
	return true;
}

static bool write_target_settings(struct manual *manual, const char *argument, struct error *error)
{
	(void)argument;
	(void)error;
	options_check(target_options);
	settings_write(&manual->page, target_options);
	return true;
}

static bool write_example(struct manual *manual, const char *name, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer example = { 0 };
	const char *path = arena_printf(arena, "%s/%s", manual->examples, name);

	if (!file_read(AT_FDCWD, path, FILE_LIMIT, &example, error))
		return false;
	buffer_printf(&manual->used, " %s", path);
	page_display(&manual->page, buffer_text(&example));
	return true;
}

static const char *listed(struct arena *arena, const char *const *words)
{
	const char *list = *words;

	while (*++words)
		list = arena_printf(arena, "%s, %s", list, *words);
	return list;
}

static void write_profiles(struct buffer *page, const struct profile *profiles)
{
	autoarena struct arena *arena = arena_new();

	if (!profiles || !profiles->name)
		return;
	page_macro(page, ".Pp");
	page_text(page, "`certdrop generate` knows these profiles:");
	page_macro(page, ".Bl -tag -width Ds");
	for (; profiles->name; profiles++) {
		page_item(page, profiles->name, NULL);
		page_text(page, profiles->help);
		page_text(page,
				arena_printf(arena,
						"The key is of the first of these kinds that the "
						"target's settings allow: %s.",
						listed(arena, profiles->keys)));
		if (profiles->name_option)
			page_text(page,
					arena_printf(arena,
							"Its name is that of `%s`, or of `names`.",
							profiles->name_option));
		if (profiles->when_option)
			page_text(page,
					arena_printf(arena,
							"It is for targets with `%s` = %s only.",
							profiles->when_option, profiles->when));
		page_text(page,
				arena_printf(arena,
						"A self-signed certificate is valid for %ld days.",
						profiles->days));
	}
	page_macro(page, ".El");
}

static bool write_product(
		struct manual *manual, const struct reconciler *reconciler, struct error *error)
{
	autoarena struct arena *arena = arena_new();
	struct buffer *page = &manual->page;

	options_check(reconciler->options);
	page_macro(page, ".Ss Product \\(dq%s\\(dq", reconciler->product);
	page_text(page, reconciler->summary);
	page_text(page, "Its settings are:");
	settings_write(page, reconciler->options);
	page_macro(page, ".Pp");
	page_text(page, "What is accepted:");
	rules_describe(page, reconciler->rules);
	write_profiles(page, reconciler->profiles);
	page_macro(page, ".Pp");
	page_text(page, "Examples:");
	return write_example(manual, arena_printf(arena, "%s.conf", reconciler->product), error);
}

static bool write_products(struct manual *manual, const char *argument, struct error *error)
{
	(void)argument;
	for (size_t i = 0; reconcilers[i]; i++)
		if (!write_product(manual, reconcilers[i], error))
			return false;
	return true;
}

static const struct {
	const char *word;
	bool (*write)(struct manual *manual, const char *argument, struct error *error);
} parts[] = {
	{ "version", write_version },
	{ "commands", write_commands },
	{ "options", write_options },
	{ "settings", write_settings },
	{ "target-settings", write_target_settings },
	{ "products", write_products },
	{ "example", write_example },
};

/* ---- the page ---- */

static bool write_part(struct manual *manual, char *line, struct error *error)
{
	char *argument = line;
	const char *word = strsep(&argument, " ");

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strcmp(parts[i].word, word) == 0)
			return parts[i].write(manual, argument ? argument : "", error);
	return fail(error, ERROR_INPUT, "there is no part called \"@%s\"", word);
}

static bool write_page(struct manual *manual, char *text, struct error *error)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (*line == '@') {
			if (!write_part(manual, line + 1, error))
				return false;
		} else if (*line) {
			buffer_printf(&manual->page, "%s\n", line);
		}
	}
	return true;
}

static bool write_file(const char *path, const char *text, struct error *error)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail(error, ERROR_RETRY, "%s: %s", path, strerror(errno));
	return file_write(fd, text, strlen(text), error);
}

static bool make(char **paths, struct error *error)
{
	autodone(buffer) struct buffer text = { 0 }, rule = { 0 };
	struct manual manual = { .examples = paths[1] };
	bool made = file_read(AT_FDCWD, paths[0], FILE_LIMIT, &text, error) &&
			write_page(&manual, text.bytes, error) &&
			write_file(paths[2], buffer_text(&manual.page), error);

	buffer_printf(&rule, "%s:%s\n", paths[2], buffer_text(&manual.used));
	made = made && write_file(paths[3], buffer_text(&rule), error);
	buffer_done(&manual.page);
	buffer_done(&manual.used);
	return made;
}

int main(int argc, char **argv)
{
	struct error error;

	if (argc != 5) {
		(void)fprintf(stderr,
				"usage: certdrop-manual PAGE.in DIRECTORY-OF-EXAMPLES PAGE DEPENDENCIES\n");
		return 1;
	}
	if (make(argv + 1, &error))
		return 0;
	(void)fprintf(stderr, "certdrop-manual: %s: %s\n", argv[1], error.text);
	return 1;
}
