#include "tests/unit/unit.h"

#include "tests/unit/configuring.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/file.h"

/* ---- a product of our own ---- */

static const struct option disk_file_options[] = {
	{ "name", OPTION_TEXT, .required = true, .help = "The file's name." },
	{ "mode", OPTION_MODE, .fallback = "0600", .help = "Its mode." },
	{ "owner", OPTION_TEXT, FORM_USER, .help = "Its owner." },
	{ "copies", OPTION_WORDS, FORM_TARGET, .help = "Who has it, too." },
	{ NULL },
};

static const char *const disk_methods[] = { "link", "exchange", "fixed", NULL };

static const struct option disk_options[] = {
	{ "publish", OPTION_PATH, FORM_PUBLISHED, .required = true, .unique = true,
			.help = "The place." },
	{ "method", OPTION_CHOICE, .fallback = "link", .choices = disk_methods, .help = "How." },
	{ "reload", OPTION_WORDS, FORM_COMMAND, .help = "The command." },
	{ "files", OPTION_GROUPS, .members = disk_file_options, .help = "The files." },
	{ "times", OPTION_NUMBER, .fallback = "3", .min = 1, .max = 9, .help = "How often." },
	{ "labels", OPTION_WORDS, FORM_FILE, .help = "Files to be there." },
	{ "rack", OPTION_PATH, FORM_DIRECTORY, .help = "A directory to be there." },
	{ "tray", OPTION_PATH, FORM_PASSABLE, .help = "One for the user." },
	{ "user", OPTION_TEXT, FORM_USER, .help = "The user." },
	{ "slots", OPTION_WORDS, .help = "What no two disks have." },
	{ NULL },
};

static bool disk_check(const struct target *target, struct error *error)
{
	if (setting_words(target->settings, "reload").count > 2)
		return fail(error, ERROR_CONFIG, "reload is too long for a disk");
	return true;
}

static struct words disk_replaces(const struct target *target, struct arena *arena)
{
	(void)arena;
	return setting_words(target->settings, "slots");
}

static struct words disk_advise(const struct target *target, struct arena *arena)
{
	static const char *const advice[] = { "turn it once" };
	const bool often = setting_number(target->settings, "times") == 9;
	const struct words words = { (const char **)(size_t)advice, often ? 1 : 0 };

	return words_copy(arena, words);
}

const struct reconciler disk = {
	.product = "disk",
	.options = disk_options,
	.disturbs = 1U << DISRUPTION_RELOAD,
	.check = disk_check,
	.replaces = disk_replaces,
	.advise = disk_advise,
};

/* Another one of the same kind. */
static const struct reconciler tape = {
	.product = "tape", .options = disk_options, .replaces = disk_replaces
};

const struct reconciler *const reconcilers[] = { &disk, &tape, NULL };

const struct reconciler *reconciler_find(const char *product)
{
	if (strcmp(product, "tape") == 0)
		return &tape;
	return strcmp(product, "disk") == 0 ? &disk : NULL;
}

/* ---- a directory for each test ---- */

char directory[64];
char main_file[128];

void write_file(const char *name, const char *text)
{
	char path[256];
	struct error error;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(file_write(fd, text, strlen(text), &error));
	assert_int_equal(close(fd), 0);
}

int configuring_begin(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/test-config-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/targets.d", directory);
	(void)snprintf(main_file, sizeof(main_file), "%s/main.conf", directory);
	return mkdir(path, 0700);
}

int configuring_end(void **state)
{
	static const char *const names[] = { "main.conf", "more.conf", "targets.d/a.conf",
		"targets.d/b.conf", "targets.d/.hidden.conf", "targets.d/c.conf~", "targets.d",
		"" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)remove(path);
	}
	return access(directory, F_OK) == 0 ? -1 : 0;
}
