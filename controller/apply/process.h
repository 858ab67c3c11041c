#pragma once

/*
 * One foreign program, from start to end: in its own process group, standard input from
 * /dev/null, output and errors captured together, killed with its group at the deadline.
 *
 * It is over when the program itself has ended, even if a child of it (a daemon that it
 * started) keeps the output open; that child is left alone. At the deadline the whole
 * group is told to end, and killed a second later.
 */

#include <sys/types.h>

#include "controller/base/error.h"

enum { OUTPUT_MAX = 64 * 1024 };

struct process_user {
	bool other; /* not the worker's own: switch */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int group_count;
};

struct process {
	const char *program; /* path */
	char *const *argv, *const *environment; /* NULL-terminated */
	const char *directory;
	struct process_user user;
	const int *fds; /* descriptors that the program inherits under their numbers */
	size_t fd_count;
};

struct process_end {
	int status; /* as of waitpid(2) */
	bool killed; /* the deadline came first */
	char *output; /* the last OUTPUT_MAX bytes, NUL-terminated; `length` may count NULs */
	size_t length;
};

/* Wipes the output. */
void process_end_done(struct process_end *end);

/* ERROR_CONFIG: it cannot be started (not found, not allowed to). ERROR_RETRY: no process
 * or pipe to be had, not even after a moment. */
bool process_run(const struct process *process, long long deadline, struct process_end *end,
		struct error *error) must_check;
