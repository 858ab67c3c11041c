#pragma once

/*
 * The configuration: /etc/certdrop/certdrop.conf and the files of targets.d beside it, read
 * into structs and checked against the option tables (controller/model/option.h). Nothing
 * but what config_load() returns ever depends on libconfig.
 *
 *         autodone(buffer) struct buffer mistakes = { 0 };
 *         struct config *config = NULL;
 *
 *         if (!config_load("/etc/certdrop/certdrop.conf", &config, &mistakes))
 *                 fputs(buffer_text(&mistakes), stderr);
 *         ...
 *         config_free(config);
 *
 * Format: libconfig's. The main file holds the settings of config_options and `targets`, a list of
 * groups. The files of targets.d hold nothing but `targets`, again a list, so that a target can be
 * moved from one file to another as it is; they are read in the order of their names, "*.conf"
 * only, no hidden ones; the directory need not exist unless it is named. A target's group holds the
 * settings of every target (target_options) and those of its product. "@include" works as libconfig
 * does it, relative to the file's directory. A file may have at most CONFIG_FILE_MAX bytes.
 *
 * Mistakes: all of them, CONFIG_MISTAKES_MAX at most, one line each:
 *
 *         /etc/certdrop/certdrop.conf:12: unknown setting "relod" in target "web"; did
 *         you mean "reload"?
 *
 * One mistake, and there is no configuration: whoever reloads keeps the one it has.
 *
 * A configuration is immutable and owns all that it points to, the targets too.
 */

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/model/option.h"
#include "controller/model/target.h"

enum { CONFIG_MISTAKES_MAX = 20, CONFIG_FILE_MAX = 16 << 20 };

struct config {
	struct arena *arena;
	const char *path; /* of the main file, absolute */
	struct words files; /* all that were read, the main file first */
	const struct settings *settings; /* of config_options, as written */

	/* The same, ready to use; paths are absolute. See config_options for what each is. */
	const char *drop, *state, *socket;
	const char *inspect_program, *apply_program;
	const char *worker; /* NULL: workers are started here */
	enum log_level log_level;
	enum clock_policy clock;
	long long rescan_ms, check_ms, retry_first_ms, retry_cap_ms, expiry_warning_ms;
	size_t keep, workers;
	struct words drop_owners;
	bool insecure_drop;

	const struct target *targets; /* in the order of the files */
	size_t target_count;
};

/* The settings of the main file, without `targets`. */
extern const struct option config_options[];

/* A new configuration, or false and the mistakes, one a line. */
bool config_load(const char *path, struct config **config, struct buffer *mistakes) must_check;

void config_free(struct config *config); /* NULL is allowed */

static inline void owned_config(struct config **config)
{
	config_free(*config);
}
#define autoconfig __attribute__((cleanup(owned_config)))

/* NULL: there is no target of that name. */
const struct target *config_find(const struct config *config, const char *name);

/* How often to see what the target serves: its own `check`, or the one of all. */
long long config_check_ms(const struct config *config, const struct target *target);
