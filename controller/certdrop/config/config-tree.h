#pragma once

/*
 * From libconfig's tree to settings, and the list of mistakes made on the way. Only the
 * config*.c files know it: libconfig's own names begin with config_, too.
 */

#include <libconfig.h>

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/model/option.h"
#include "controller/model/settings-build.h"

struct mistakes {
	struct buffer *text;
	size_t count; /* of all mistakes; only the first CONFIG_MISTAKES_MAX are in `text` */
};

void mistakes_add(struct mistakes *mistakes, struct place place, const char *format, ...)
		printf_like(3, 4);

/* One file, parsed. */
struct tree {
	config_t parsed;
	struct arena *arena;
	struct mistakes *mistakes;
	const char *file; /* as mistakes name it */
	const char *directory; /* absolute, what "./" stands for */
};

/* False, and a mistake added: it cannot be read, or is not libconfig's format. The tree
 * must be released with tree_done() in any case. */
bool tree_read(struct tree *tree, struct arena *arena, const char *file,
		struct mistakes *mistakes) must_check;
void tree_done(struct tree *tree);

struct place tree_place(const struct tree *tree, const config_setting_t *setting);

/* Checks the members of `group` and puts them into `into`. `where` ends a sentence about
 * one of them: ` in target "web"`, or "". A member called `except` (NULL: none) is passed
 * over, and with `lenient` so are those that are not in the table. */
void tree_settings(const struct tree *tree, const config_setting_t *group, struct settings *into,
		const char *where, const char *except, bool lenient);
