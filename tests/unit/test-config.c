#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/configuring.h"

/* What is written arrives, and each mistake is told with its place and its remedy. */

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

/* ---- mistakes ---- */

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

static void source_in_the_drop_is_a_mistake(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	mistakes_of("drop = \"/d\";\n"
		    "targets = ( { name = \"a\"; product = \"disk\"; publish = \"/a\";\n"
		    "source = \"/d/b\"; }, { name = \"c\"; product = \"disk\"; publish = \"/c\";\n"
		    "source = \"/dd\"; } );\n",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:3: \"source\" in target \"a\" must not be \"drop\" or lie below "
			"it, where files are taken away; a target is fed from there by \"from\"\n");
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

static void a_window_that_binds_nothing_is_a_mistake(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };

	(void)state;
	mistakes_of("targets = ( { name = \"web\"; product = \"disk\"; publish = \"/web\";\n"
		    "windows = ( { from = \"22:00\"; to = \"04:00\"; },\n"
		    "{ from = \"01:00\"; to = \"04:00\"; for = [ \"reload\", \"purge\" ]; } ); },\n"
		    "{ name = \"t\"; product = \"tape\"; publish = \"/t\";\n"
		    "windows = ( { from = \"22:00\"; to = \"04:00\"; } ); } );",
			&mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:2: the window 22:00-04:00 in \"windows\" of target \"web\" binds "
			"nothing that disk targets do: say for = [ \"reload\" ]\n");
}

/* ---- mistakes between targets ---- */

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

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, configuring_begin, configuring_end)
	const struct CMUnitTest tests[] = {
		claim(nothing_written_is_sound_and_means_the_fallbacks),
		claim(every_setting_arrives),
		claim(other_files_follow_in_the_order_of_their_names),
		claim(one_directory_may_feed_two_targets),
		claim(included_files_are_named_in_mistakes),
		claim(source_in_the_drop_is_a_mistake),
		claim(mistakes_name_place_and_remedy),
		claim(all_mistakes_are_told_at_once),
		claim(only_so_many_mistakes_are_told),
		claim(files_that_cannot_be_read_are_told),
		claim(a_window_that_binds_nothing_is_a_mistake),
		claim(a_window_that_cannot_be_is_a_mistake_where_it_stands),
		claim(no_two_targets_share_a_name_or_a_place),
		claim(what_one_target_replaces_no_other_does),
		claim(targets_must_not_come_after_themselves),
		claim(targets_that_are_named_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
