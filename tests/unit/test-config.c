#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/config/surroundings.h"
#include "reconcilers/reconciler.h"

/* ---- a product of our own ---- */

static const struct option disk_file_options[] = {
	{ "name", OPTION_TEXT, .required = true, .help = "The file's name." },
	{ "mode", OPTION_MODE, .fallback = "0600", .help = "Its mode." },
	{ "owner", OPTION_TEXT, FORM_USER, .help = "Its owner." },
	{ "copies", OPTION_WORDS, FORM_TARGET, .help = "Who has it, too." },
	{ NULL },
};

static const struct option disk_options[] = {
	{ "publish", OPTION_PATH, .required = true, .unique = true, .help = "The place." },
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

static const struct reconciler disk = {
	.product = "disk", .options = disk_options, .check = disk_check, .replaces = disk_replaces
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

static char directory[64];
static char main_file[128];

static void write_file(const char *name, const char *text)
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

static int make_directory(void **state)
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

static int remove_directory(void **state)
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

/* The mistakes in main.conf with this text, the directory's name left out. */
static void mistakes_of(const char *text, struct buffer *mistakes)
{
	autodone(buffer) struct buffer all = { 0 };
	struct config *config = NULL;
	const char *rest, *found;

	write_file("main.conf", text);
	assert_false(config_load(main_file, &config, &all));
	assert_null(config);
	for (rest = buffer_text(&all); (found = strstr(rest, directory));
			rest = found + strlen(directory) + 1)
		buffer_append(mistakes, rest, (size_t)(found - rest));
	buffer_add(mistakes, rest);
}

static struct config *load(void)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	struct config *config = NULL;

	if (!config_load(main_file, &config, &mistakes))
		fail_msg("%s", buffer_text(&mistakes));
	return config;
}

/* ---- what is sound ---- */

static void nothing_written_is_sound_and_means_the_fallbacks(void **state)
{
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf", "# nothing\n");
	config = load();
	assert_string_equal(config->drop, "/var/lib/certdrop/drop");
	assert_string_equal(config->state, "/var/lib/certdrop");
	assert_string_equal(config->socket, "/run/certdrop/control.sock");
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->clock, CLOCK_FLOOR);
	assert_int_equal(config->rescan_ms, 30000);
	assert_int_equal(config->check_ms, 300000);
	assert_int_equal(config->retry_first_ms, 5000);
	assert_int_equal(config->retry_cap_ms, 3600000);
	assert_int_equal(config->expiry_warning_ms, 30LL * 24 * 3600 * 1000);
	assert_int_equal(config->keep, 3);
	assert_int_equal(config->workers, 4);
	assert_int_equal(config->target_count, 0);
	assert_non_null(strstr(config->inspect_program, "/certdrop-inspect"));
}

static void every_setting_arrives(void **state)
{
	autoconfig struct config *config = NULL;
	const struct target *web;
	char expected[160];

	(void)state;
	write_file("main.conf",
			"drop = \"./drop\"; log = \"debug\"; clock = \"synchronized\";\n"
			"drop-owners = [ \"upload\", \"1000\" ];\n"
			"targets = (\n"
			"  { name = \"web\"; product = \"disk\"; publish = \"/etc/ssl/web/\";\n"
			"    reload = \"reload-it\"; times = 5; check = \"1h\";\n"
			"    files = ( { name = \"a.pem\"; mode = \"0644\"; },\n"
			"              { name = \"b.pem\"; } ); },\n"
			"  { name = \"db\"; product = \"disk\"; publish = \"/etc/ssl/db\";\n"
			"    source = \"/srv/git/current/db\"; source-root = \"/srv/git\"; } );\n");
	config = load();
	(void)snprintf(expected, sizeof(expected), "%s/drop", directory);
	assert_string_equal(config->drop, expected);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->clock, CLOCK_SYNCHRONIZED);
	assert_string_equal(config->drop_owners.items[1], "1000");
	assert_int_equal(config->target_count, 2);

	web = config_find(config, "web");
	assert_ptr_equal(web, &config->targets[0]);
	assert_ptr_equal(web->reconciler, &disk);
	assert_string_equal(setting_text(web->settings, "publish"), "/etc/ssl/web");
	assert_string_equal(setting_words(web->settings, "reload").items[0], "reload-it");
	assert_int_equal(setting_number(web->settings, "times"), 5);
	assert_int_equal(setting_count(web->settings, "files"), 2);
	assert_string_equal(setting_text(setting_item(web->settings, "files", 1), "mode"), "0600");
	assert_string_equal(target_drop(web), "web");
	assert_null(target_source_root(web));
	assert_int_equal(config_check_ms(config, web), 3600000);
	(void)snprintf(expected, sizeof(expected), "%s:4", main_file);
	assert_string_equal(settings_place(web->settings), expected);

	assert_null(target_drop(&config->targets[1]));
	assert_string_equal(target_source_root(&config->targets[1]), "/srv/git");
	assert_int_equal(config_check_ms(config, &config->targets[1]), 300000);
	assert_null(config_find(config, "mail"));
}

static void other_files_follow_in_the_order_of_their_names(void **state)
{
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"targets = ( { name = \"m\"; product = \"disk\"; publish = \"/m\"; } );");
	write_file("targets.d/b.conf",
			"targets = ( { name = \"b\"; product = \"disk\"; publish = \"/b\"; } );");
	write_file("targets.d/a.conf",
			"targets = ( { name = \"a\"; product = \"disk\"; publish = \"./a\"; } );");
	write_file("targets.d/.hidden.conf", "nonsense");
	write_file("targets.d/c.conf~", "nonsense");
	config = load();
	assert_int_equal(config->target_count, 3);
	assert_string_equal(config->targets[0].name, "m");
	assert_string_equal(config->targets[1].name, "a");
	assert_string_equal(config->targets[2].name, "b");
	assert_non_null(strstr(
			setting_text(config->targets[1].settings, "publish"), "/targets.d/a"));
	assert_int_equal(config->files.count, 3);
	assert_string_equal(config->files.items[0], config->path);
}

static void one_directory_may_feed_two_targets(void **state)
{
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"targets = ( { name = \"a\"; product = \"disk\"; publish = \"/a\"; },\n"
			"{ name = \"b\"; product = \"disk\"; publish = \"/b\"; from = \"a\"; } );");
	config = load();
	assert_string_equal(target_drop(&config->targets[1]), "a");
}

static void included_files_are_named_in_mistakes(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	write_file("more.conf", "\nkepe = 3;\n");
	mistakes_of("@include \"more.conf\"\nworkers = 0;\n", &mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"more.conf:2: unknown setting \"kepe\"; did you mean \"keep\"?\n"
			"main.conf:2: \"workers\" must be from 1 to 64, not 0\n");
}

/* ---- mistakes ---- */

static void mistakes_name_place_and_remedy(void **state)
{
	static const struct {
		const char *text, *mistakes;
	} cases[] = {
		{ "drp = \"/x\";",
				"main.conf:1: unknown setting \"drp\"; did you mean \"drop\"?\n" },
		{ "colour = 1;", "main.conf:1: unknown setting \"colour\"\n" },
		{ "keep = \"3\";", "main.conf:1: \"keep\" must be a whole number\n" },
		{ "keep = 3.5;", "main.conf:1: \"keep\" must be a whole number\n" },
		{ "\nrescan = 30;",
				"main.conf:2: \"rescan\" must be a duration such as \"30s\"\n" },
		{ "drop = { };", "main.conf:1: \"drop\" must be an absolute path, as a string\n" },
		{ "drop-owners = ( 1 );",
				"main.conf:1: \"drop-owners\" must be a string or a list of strings\n" },
		{ "retry-first = \"2h\";",
				"main.conf:1: \"retry-first\" must not be longer than "
				"\"retry-cap\"\n" },
		{ "drop = \"/srv/certdrop\";\nstate = \"/srv/certdrop/state\";",
				"main.conf:2: \"state\" must not be \"drop\" or lie below it\n" },
		{ "\ntargets-dir = \"/nonexistent\";",
				"main.conf:2: directory of targets /nonexistent: No such file or "
				"directory\n" },
		{ "drop = ;", "main.conf:1: syntax error\n" },
		{ "targets = \"web\";",
				"main.conf:1: \"targets\" must be a list of groups: ( { ... }, { ... "
				"} )\n" },
		{ "targets = ( \"web\" );",
				"main.conf:1: \"targets\" must be a list of groups: ( { ... }, { ... "
				"} )\n" },
		{ "targets = (\n{ name = \"web\"; product = \"dsik\"; any = 1; } );",
				"main.conf:2: unknown product \"dsik\" in target \"web\"; did you mean "
				"\"disk\"?\n" },
		{ "targets = (\n{ } );",
				"main.conf:2: missing setting \"name\" in a target without a name\n"
				"main.conf:2: missing setting \"product\" in a target without a "
				"name\n" },
		{ "targets = ( { name = \"../x\"; product = \"disk\"; publish = \"/x\"; } );",
				"main.conf:1: \"name\" in target \"../x\" must be at most 64 letters, "
				"digits, dots, dashes and underscores, not beginning with a dot\n" },
		{ "targets = ( { name = \"x\"; product = \"disk\"; publish = \"/x\";\n"
		  "from = \"y\";\nsource = \"/y\"; source-root = \"/z\"; } );",
				"main.conf:2: target \"x\" is fed by \"from\" or by \"source\", not by "
				"both\n"
				"main.conf:3: \"source-root\" in target \"x\" must be at or above "
				"\"source\"\n" },
		{ "targets = ( { name = \"x\"; product = \"disk\"; publish = \"/x\";\n"
		  "reload = [ \"a\", \"b\", \"c\" ]; } );",
				"main.conf:1: target \"x\": reload is too long for a disk\n" },
		{ "targets = ( { name = \"x\"; product = \"disk\"; publish = \"/x\";\n"
		  "files = ( { name = \"a\"; },\n{ nam = \"b\"; } ); } );",
				"main.conf:3: unknown setting \"nam\" in \"files\" of target \"x\"; did "
				"you mean \"name\"?\n"
				"main.conf:3: missing setting \"name\" in \"files\" of target "
				"\"x\"\n" },
		{ "targets = ( { name = \"x\"; product = \"disk\"; publish = \"/x\";\n"
		  "files = \"a.pem\"; } );",
				"main.conf:2: \"files\" in target \"x\" must be a list of groups: ( { "
				"... }, { ... } )\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(buffer) struct buffer mistakes = { 0 };

		mistakes_of(cases[i].text, &mistakes);
		assert_string_equal(buffer_text(&mistakes), cases[i].mistakes);
	}
}

static void all_mistakes_are_told_at_once(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	write_file("targets.d/a.conf",
			"keep = 3;\n"
			"targets = ( { name = \"a\"; product = \"disk\"; } );");
	mistakes_of("keep = 0;\n"
		    "targets = (\n"
		    "{ name = \"web\"; product = \"disk\"; publish = \"/web\"; relod = \"x\"; },\n"
		    "{ name = \"db\"; product = \"disk\"; publish = \"db\";\n"
		    "  hold = \"yes\"; } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:1: \"keep\" must be from 1 to 100, not 0\n"
			"main.conf:3: unknown setting \"relod\" in target \"web\"; did you mean "
			"\"reload\"?\n"
			"main.conf:4: \"publish\" in target \"db\" must be an absolute path, or begin "
			"with \"./\" for the directory of this file, not \"db\"\n"
			"main.conf:5: \"hold\" in target \"db\" must be true or false\n"
			"targets.d/a.conf:1: unknown setting \"keep\" in a file of targets (settings of "
			"all stand in the main file)\n"
			"targets.d/a.conf:2: missing setting \"publish\" in target \"a\"\n");
}

static void no_two_targets_share_a_name_or_a_place(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	write_file("targets.d/a.conf",
			"targets = (\n"
			"{ name = \"web\"; product = \"disk\"; publish = \"/a\"; } );");
	mistakes_of("targets = (\n"
		    "{ name = \"web\"; product = \"disk\"; publish = \"/etc/web\"; },\n"
		    "{ name = \"db\"; product = \"disk\"; publish = \"/etc//web/\"; } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:3: \"publish\" in target \"db\": \"/etc/web\" is taken by target "
			"\"web\" at main.conf:2\n"
			"targets.d/a.conf:2: \"name\" in target \"web\": \"web\" is taken by target "
			"\"web\" at main.conf:2\n");
}

static void only_so_many_mistakes_are_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		buffer_printf(&text, "wrong%d = 1;\n", i);
	mistakes_of(buffer_text(&text), &mistakes);
	for (const char *at = buffer_text(&mistakes); *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, CONFIG_MISTAKES_MAX + 1);
	assert_non_null(strstr(buffer_text(&mistakes), "\nand 10 more mistakes\n"));
}

static void files_that_cannot_be_read_are_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	autodone(buffer) struct buffer large = { 0 };
	struct config *config = NULL;

	(void)state;
	assert_false(config_load("/nonexistent/certdrop.conf", &config, &mistakes));
	assert_string_equal(buffer_text(&mistakes),
			"configuration: /nonexistent/certdrop.conf: No such file or directory\n");

	buffer_clear(&mistakes);
	for (int i = 0; i <= CONFIG_FILE_MAX / 16; i++)
		buffer_add(&large, "# 0123456789012\n");
	mistakes_of(buffer_text(&large), &mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"configuration: main.conf: more than 16777216 bytes\n");
}

static void a_window_that_cannot_be_is_a_mistake_where_it_stands(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	mistakes_of("targets = ( { name = \"web\"; product = \"disk\"; publish = \"/web\";\n"
		    "windows = ( { days = [ \"sat\", \"noday\" ];\n"
		    "from = \"22:00\"; to = \"04:00\"; },\n"
		    "{ from = \"22:00\"; to = \"25:00\"; },\n"
		    "{ from = \"22:00\"; to = \"04:00\";\n"
		    "zone = \"Europe/Zuerich\"; },\n"
		    "{ from = \"22:00\"; to = \"04:00\"; for = \"reload\"; } ); } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:2: \"days\" must be like \"mon\" or \"mon-fri\", not \"noday\" in "
			"\"windows\" of target \"web\"\n"
			"main.conf:4: \"to\" must be a time of day like \"22:00\", not \"25:00\" in "
			"\"windows\" of target \"web\"\n"
			"main.conf:6: \"zone\" must be a time zone that this machine knows, like "
			"\"Europe/Zurich\", not \"Europe/Zuerich\" in \"windows\" of target \"web\"\n");
}

static void targets_must_not_come_after_themselves(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	mistakes_of("targets = (\n"
		    "{ name = \"d\"; product = \"disk\"; publish = \"/d\"; after = \"b\"; },\n"
		    "{ name = \"a\"; product = \"disk\"; publish = \"/a\"; after = [ \"e\", \"b\" ]; },\n"
		    "{ name = \"b\"; product = \"disk\"; publish = \"/b\";\n"
		    "  after = \"c\"; },\n"
		    "{ name = \"c\"; product = \"disk\"; publish = \"/c\"; after = \"b\"; },\n"
		    "{ name = \"self\"; product = \"disk\"; publish = \"/s\"; after = \"self\"; },\n"
		    "{ name = \"e\"; product = \"disk\"; publish = \"/e\"; } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:5: \"after\" in target \"b\" goes round in a circle: b, c, b\n"
			"main.conf:7: \"after\" in target \"self\" goes round in a circle: self, self\n");
}

static void targets_that_are_named_must_be_there(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	mistakes_of("targets = (\n"
		    "{ name = \"lost\"; product = \"disk\"; publish = \"/l\"; after = [ \"self\", \"slef\" ]; },\n"
		    "{ name = \"self\"; product = \"disk\"; publish = \"/s\";\n"
		    "  files = ( { name = \"a\"; copies = \"lost\"; },\n"
		    "            { name = \"b\"; copies = \"nobody-at-all\"; } ); } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:2: \"after\" in target \"lost\": there is no target \"slef\"; did "
			"you mean \"self\"?\n"
			"main.conf:5: \"copies\" in target \"self\": there is no target "
			"\"nobody-at-all\"\n");
}

static void what_this_machine_lacks_is_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 };
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"inspect-program = \"/bin/true\"; apply-program = \"/nonexistent/apply\";\n"
			"targets = (\n"
			"{ name = \"a\"; product = \"disk\"; publish = \"/a\"; reload = \"true\"; },\n"
			"{ name = \"b\"; product = \"disk\"; publish = \"/b\"; reload = \"ngnix\";\n"
			"  files = ( { name = \"a\"; owner = \"root\"; }, { name = \"a\"; owner = \"4711\"; },\n"
			"    { name = \"c\"; owner = \"nobody-at-all\"; } ); } );");
	assert_true(config_load(main_file, &config, &mistakes));
	assert_int_equal(surroundings_lack(config, &lacks), 3);
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:1: apply-program: there is no program \"/nonexistent/apply\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: reload: there is no program \"ngnix\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:6: owner: there is no user \"nobody-at-all\" here\n"));
}

static void files_and_directories_that_are_not_there_are_told(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 };
	autoconfig struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"inspect-program = \"/bin/true\"; apply-program = \"/bin/true\";\n"
			"targets = (\n"
			"{ name = \"a\"; product = \"disk\"; publish = \"/a\"; rack = \"/nonexistent/rack\";\n"
			"  labels = [ \"/etc/passwd\", \"/nonexistent/one\", \"/etc/passwd/two\", \"/etc\" ]; },\n"
			"{ name = \"b\"; product = \"disk\"; publish = \"/b\"; rack = \"/etc\"; labels = \"/etc/passwd\";\n"
			"  passphrases = \"/nonexistent/words\";\n"
			"  tray = \"/nonexistent/tray\"; user = \"root\"; },\n"
			"{ name = \"c\"; product = \"disk\"; publish = \"/c\"; rack = \"/etc/passwd\"; } );");
	assert_true(config_load(main_file, &config, &mistakes));
	assert_int_equal(surroundings_lack(config, &lacks), 7);
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:3: rack: there is no directory \"/nonexistent/rack\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: labels: there is no file \"/nonexistent/one\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: labels: there is no file \"/etc/passwd/two\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:4: labels: there is no file \"/etc\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:6: passphrases: there is no file \"/nonexistent/words\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:7: tray: there is no directory \"/nonexistent/tray\" here\n"));
	assert_non_null(strstr(buffer_text(&lacks),
			"main.conf:8: rack: there is no directory \"/etc/passwd\" here\n"));
}

/* How many lines tell of the user who cannot pass into a directory with this mode. */
static size_t blocked(const char *user, mode_t mode)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 }, text = { 0 };
	autoconfig struct config *config = NULL;
	size_t count;

	buffer_printf(&text,
			"inspect-program = \"/bin/true\"; apply-program = \"/bin/true\";\n"
			"targets = ( { name = \"a\"; product = \"disk\"; publish = \"/a\"; user = \"%s\";\n"
			"tray = \"%s/targets.d\"; } );",
			user, directory);
	write_file("main.conf", buffer_text(&text));
	assert_int_equal(chmod(directory, mode), 0);
	assert_true(config_load(main_file, &config, &mistakes));
	count = surroundings_lack(config, &lacks);
	assert_int_equal(chmod(directory, 0700), 0);
	if (count == 1 && !strstr(buffer_text(&lacks), "main.conf:3: tray: the user \""))
		fail_msg("%s", buffer_text(&lacks));
	return count;
}

static void a_user_who_cannot_pass_into_a_directory_is_told(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/targets.d", directory);
	assert_int_equal(chmod(path, 0711), 0);
	assert_int_equal(blocked("daemon", 0711), 0);
	assert_int_equal(blocked("daemon", 0700), 1);
	assert_int_equal(blocked("daemon", 0744), 1);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(blocked("daemon", 0711), 1);
}

/* Only who is root can make directories of others. */
static void an_owner_a_group_and_root_pass_by_their_own_rights(void **state)
{
	const struct passwd *account = getpwnam("nobody");
	struct passwd nobody;
	char path[128];

	(void)state;
	if (geteuid() != 0 || !account)
		skip();
	nobody = *account;
	(void)snprintf(path, sizeof(path), "%s/targets.d", directory);
	assert_int_equal(chmod(path, 0711), 0);
	assert_int_equal(chown(directory, nobody.pw_uid, 0), 0);
	assert_int_equal(blocked("nobody", 0700), 0);
	assert_int_equal(blocked("nobody", 0677), 1);
	assert_int_equal(blocked("root", 0700), 0);
	assert_int_equal(chown(directory, 0, nobody.pw_gid), 0);
	assert_int_equal(blocked("nobody", 0710), 0);
	assert_int_equal(blocked("nobody", 0701), 1);
}

static void what_one_target_replaces_no_other_does(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	mistakes_of("targets = (\n"
		    "{ name = \"b\"; product = \"disk\"; publish = \"/b\"; slots = [ \"two\", \"one\" ]; },\n"
		    "{ name = \"a\"; product = \"disk\"; publish = \"/a\"; slots = [ \"one\", \"two\" ]; },\n"
		    "{ name = \"t\"; product = \"tape\"; publish = \"/t\"; slots = [ \"one\", \"one\" ]; },\n"
		    "{ name = \"e\"; product = \"disk\"; publish = \"/e\"; slots = \"three\"; },\n"
		    "{ name = \"d\"; product = \"disk\"; publish = \"/d\"; slots = [ \"four\", \"three\" ]; },\n"
		    "{ name = \"c\"; product = \"disk\"; publish = \"/c\"; } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:3: target \"a\" replaces one, and so does target \"b\" at main.conf:2\n"
			"main.conf:6: target \"d\" replaces three, and so does target \"e\" at "
			"main.conf:5\n");
}

int main(void)
{
#define with_directory(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		with_directory(nothing_written_is_sound_and_means_the_fallbacks),
		with_directory(every_setting_arrives),
		with_directory(other_files_follow_in_the_order_of_their_names),
		with_directory(one_directory_may_feed_two_targets),
		with_directory(included_files_are_named_in_mistakes),
		with_directory(mistakes_name_place_and_remedy),
		with_directory(all_mistakes_are_told_at_once),
		with_directory(no_two_targets_share_a_name_or_a_place),
		with_directory(only_so_many_mistakes_are_told),
		with_directory(files_that_cannot_be_read_are_told),
		with_directory(a_window_that_cannot_be_is_a_mistake_where_it_stands),
		with_directory(what_this_machine_lacks_is_told),
		with_directory(files_and_directories_that_are_not_there_are_told),
		with_directory(a_user_who_cannot_pass_into_a_directory_is_told),
		with_directory(an_owner_a_group_and_root_pass_by_their_own_rights),
		with_directory(what_one_target_replaces_no_other_does),
		with_directory(targets_must_not_come_after_themselves),
		with_directory(targets_that_are_named_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
