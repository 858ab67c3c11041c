#pragma once

/*
 * A child program that speaks messages (base/message.h) on its standard input: certdrop-inspect
 * or certdrop-apply, seen from the event loop.
 *
 *         child_start(loop, path, &hooks, context, error)      by fork and exec
 *         child_connect(loop, path, &hooks, context, error)    by connecting to a socket
 *         child_send(child, text, fds, n, error)
 *         ... hooks.message() for each message, hooks.ended() once, after which the child is gone
 *         child_kill(child)                           a deadline is a kill
 *
 * The child gets the socket as descriptor 0, standard error as ours, no other descriptor and no
 * environment but PATH. hooks.ended() comes after the last message and after the process was
 * reaped; the struct is freed when it returns.
 *
 * A child behind a socket was started by whoever listens there (systemd), with rights that we
 * need not have. We are not its parent: that it closes the connection is its end, and to kill it
 * is to close ours, upon which it ends the call that it is in, and stops
 * (controller/apply/leash.h).
 */

#include <uv.h>

#include "controller/base/error.h"
#include "controller/base/message.h"

struct child;

struct child_hooks {
	void (*message)(struct child *child, void *context, struct message *message);
	void (*ended)(struct child *child, void *context, const char *how);
};

/* NULL with ERROR_RETRY: the program could not be started. */
struct child *child_start(uv_loop_t *loop, const char *program, const struct child_hooks *hooks,
		void *context, struct error *error);

/* NULL with ERROR_RETRY: nobody listens at `path`, or too many wait there already. Whether the
 * child obeys us shows later: one that does not closes the connection. */
struct child *child_connect(uv_loop_t *loop, const char *path, const struct child_hooks *hooks,
		void *context, struct error *error);

/* Whoever uses the child now. */
void child_set_context(struct child *child, const struct child_hooks *hooks, void *context);

bool child_send(struct child *child, const char *text, const int *fds, size_t fd_count,
		struct error *error) must_check;

/* Ends it by force, with its process group; or lets go of it, behind a socket. hooks.ended()
 * follows. */
void child_kill(struct child *child);

/* Closes the conversation: the program ends by itself. hooks.ended() follows. */
void child_close(struct child *child);
