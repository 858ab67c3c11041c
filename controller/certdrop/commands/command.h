#pragma once

/*
 * Commands: what the words on the command line do. Each returns the exit code; see commands.h for
 * the table, and the manual page for what users and scripts rely on.
 */

#include <stdbool.h>
#include <stddef.h>

struct config;

struct invocation {
	const char *command;
	const char *config_path; /* NULL: not given */
	const char *for_target; /* --for */
	long long wait_ms; /* --wait; 0: not given */
	bool request; /* --request */
	bool json;
	char **arguments; /* what is no option */
	size_t count;
};

int command_run(const struct invocation *invocation);
int command_check(const struct invocation *invocation);
int command_inspect(const struct invocation *invocation);
int command_generate(const struct invocation *invocation);

/* status, plan, apply, history, explain, rollback: asks the
 * service, or without one does it alone. */
int command_ask(const struct invocation *invocation);

/* The one that was given, or the usual one. */
const char *command_config_path(const struct invocation *invocation);

/* The configuration, or NULL after telling all mistakes; the caller frees it (config_free). */
struct config *command_config(const struct invocation *invocation);
