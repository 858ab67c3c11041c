#pragma once

/*
 * Options: which settings there are, as data. One table checks the configuration,
 * proposes the nearest valid word after a mistake, and describes each setting in the
 * manual. Settings: what an operator wrote, checked against such a table.
 *
 *         static const struct option files_options[] = {
 *                 { "publish", OPTION_PATH, .required = true, .help = "The link that ..." },
 *                 { "reload", OPTION_WORDS, .help = "The command that ..." },
 *                 { NULL },
 *         };
 *
 *         const char *link = setting_text(target->settings, "publish");
 *
 * The getters return the setting, or the option's fallback, or nothing (NULL, 0, false,
 * an empty list). To ask for a name that is not in the table, or by the getter of another
 * kind, is a programming error and ends the process. Settings are made by the functions
 * of settings-build.h and live in the arena they were made in.
 */

#include <stddef.h>

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/record.h"

enum option_kind {
	OPTION_TEXT, /* "anything" */
	OPTION_PATH, /* an absolute path; relative to the configuration file when it starts with ./ */
	OPTION_CHOICE, /* one of .choices */
	OPTION_NUMBER, /* a whole number within .min and .max */
	OPTION_FLAG, /* true or false */
	OPTION_DURATION, /* "500ms", "30s", "10m", "2h", "7d": kept in milliseconds, within .min and
			  * .max */
	OPTION_MODE, /* "0640", at most "0777": a string, because libconfig prints integers in
		      * decimal */
	OPTION_WORDS, /* one string or a list of strings; a fallback is one word */
	OPTION_GROUP, /* { ... } of .members */
	OPTION_GROUPS, /* ( { ... }, { ... } ) of .members */
};

/* What the text, or each of the words, of a setting has to look like. What names a thing of this
 * machine is not looked up when a configuration is read: it may be read on another one. */
enum option_form {
	FORM_ANY,
	FORM_ADDRESS, /* "host:port", the port from 1 to 65535 */
	FORM_COVERED, /* what a certificate may cover: a DNS name, "*." in front of it, or an IP
		       * address */
	FORM_USAGE, /* an extended key usage: "serverAuth", or the digits of its OID */
	FORM_COMMAND, /* a program and its arguments, no shell's line in one word */
	FORM_PROGRAM, /* one program, by its path or to be found in the path of commands */
	FORM_USER,
	FORM_GROUP, /* an account of this machine */
	FORM_TARGET, /* another target, by its name */
	FORM_FILE, /* a file that has to be there already */
	FORM_DIRECTORY, /* a directory that has to be there already */
	FORM_PASSABLE, /* such a directory, which the account in the setting `user` can pass into */
	FORM_SERVICE, /* "https://host" or "https://host:port", an IPv6 address in brackets: no user, no
		       * path. A slash at the end is left out. */
	FORM_FINGERPRINTS, /* SHA-256 fingerprints, 64 lower-case hexadecimal digits each, with blanks
			    * between them */
	FORM_PUBLISHED, /* where files are published, by the method in the setting `method` (file_step in
			 * step.h). Of a target's own settings, not of their members */
};

struct option {
	const char *name;
	enum option_kind kind;
	enum option_form form; /* TEXT, PATH, WORDS */
	bool required;
	bool unique; /* TEXT, PATH: no two targets may have the same value */
	const char *fallback; /* as an operator would write it, without quotes */
	const char *const *choices; /* OPTION_CHOICE, and what each of OPTION_WORDS may be:
				     * NULL-terminated */
	long long min, max; /* both 0: no limits */
	const struct option *members;
	const char *help; /* full sentences: the manual page is made of them */
};

/* NULL: the table, which ends with an entry without a name, has no such option. */
const struct option *option_find(const struct option *options, const char *name);

/* The option whose name is nearest to a mistyped one, NULL when none is near. */
const char *option_nearest(const struct option *options, const char *name);

/* The same among NULL-terminated words. Near is: for every three characters at most one
 * inserted, left out, replaced, or swapped with its neighbour; case does not matter, nor
 * '_' for '-'. */
const char *word_nearest(const char *const *words, const char *word);

/* Both tables in one. A name that is in both is a programming error. */
const struct option *options_join(
		struct arena *arena, const struct option *first, const struct option *second);

/* Ends the process when a table is unsound: a name twice, a fallback that an operator
 * could not write, a fallback of a required option, choices or members missing, no help.
 * Every table is checked once when a configuration is read. */
void options_check(const struct option *options);

/* "500ms", "30s", ...: whole numbers with one unit. ERROR_CONFIG: it is not one, or
 * longer than 100 years. */
bool duration_read(const char *text, long long *ms, struct error *error) must_check;

/* Into `text`, by the largest unit that divides it: "90s", "2h". */
struct duration_text {
	char text[32];
};
struct duration_text duration_print(long long ms);

/* Is `path` the directory, or in it? Both as settings keep paths. */
bool path_is_below(const char *path, const char *directory);

/* ---- settings ---- */

struct settings; /* one group of settings with the table it was checked against */

const char *setting_text(
		const struct settings *settings, const char *name); /* TEXT, PATH, CHOICE, MODE */
long long setting_number(
		const struct settings *settings, const char *name); /* NUMBER, DURATION in ms */
bool setting_flag(const struct settings *settings, const char *name);
struct words setting_words(const struct settings *settings, const char *name);

/* A group's settings, NULL when it is not given; a group of groups, by index. */
const struct settings *setting_group(const struct settings *settings, const char *name);
size_t setting_count(const struct settings *settings, const char *name);
const struct settings *setting_item(
		const struct settings *settings, const char *name, size_t index);

/* Did the operator write it? (A fallback does not count.) */
bool setting_given(const struct settings *settings, const char *name);

/* Where the group was written: "/etc/certdrop/certdrop.conf:12". */
const char *settings_place(const struct settings *settings);

/* Where one setting was written; its group's place when it was not. */
struct place {
	const char *file;
	unsigned int line;
};
struct place setting_place(const struct settings *settings, const char *name);

/* The table that they were checked against. */
const struct option *settings_options(const struct settings *settings);

/* Shows `visit` each setting that the operator wrote, with the settings that it stands in: a group
 * first, then what is in it. */
typedef void setting_visit_fn(
		void *context, const struct settings *settings, const struct option *option);
void settings_visit(const struct settings *settings, setting_visit_fn *visit, void *context);
