#include "controller/certdrop/children/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/base/owned.h"

struct child {
	uv_process_t process;
	uv_poll_t poll;
	int socket;
	bool started; /* by us: there is a process to reap */
	bool exited, silent; /* reaped; the socket is at its end */
	int open_handles;
	char how[64];
	struct child_hooks hooks;
	void *context;
};

static void on_closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	if (--child->open_handles > 0)
		return;
	owned_close(&child->socket);
	child->hooks.ended(child, child->context, child->how);
	free(child);
}

/* Only when both have happened: a message may still be in the socket when the process is gone. */
static void finish_when_over(struct child *child)
{
	if (!child->exited || !child->silent)
		return;
	uv_close((uv_handle_t *)&child->poll, on_closed);
	if (child->started)
		uv_close((uv_handle_t *)&child->process, on_closed);
}

static void on_process_end(uv_process_t *process, int64_t status, int signal)
{
	struct child *child = process->data;

	if (signal != 0)
		(void)snprintf(child->how, sizeof(child->how), "was ended by signal %d", signal);
	else
		(void)snprintf(child->how, sizeof(child->how), "exited with %d", (int)status);
	child->exited = true;
	finish_when_over(child);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct child *child = poll->data;

	(void)status;
	(void)events;
	while (!child->silent) {
		struct message message;
		struct error error;

		switch (message_receive(child->socket, &message, &error)) {
		case MESSAGE_GOT:
			child->hooks.message(child, child->context, &message);
			message_done(&message);
			break;
		case MESSAGE_NONE_YET:
			return;
		case MESSAGE_FAILED:
			child_kill(child);
			break;
		case MESSAGE_PEER_GONE:
			child->silent = true;
			(void)uv_poll_stop(poll);
			break;
		}
	}
	finish_when_over(child);
}

static int spawn(uv_loop_t *loop, struct child *child, const char *program, int socket)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { path, NULL };
	char *arguments[] = { (char *)(size_t)program, NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_INHERIT_FD, .data.fd = socket },
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
	};
	uv_process_options_t options = {
		.exit_cb = on_process_end,
		.file = program,
		.args = arguments,
		.env = environment,
		.stdio_count = 3,
		.stdio = stdio,
		/* A process group of its own, so that a kill reaches what it started. */
		.flags = UV_PROCESS_DETACHED,
	};

	child->process.data = child;
	return uv_spawn(loop, &child->process, &options);
}

static void listen_to(uv_loop_t *loop, struct child *child)
{
	int failed = uv_poll_init(loop, &child->poll, child->socket);

	assert(failed == 0);
	child->open_handles++;
	child->poll.data = child;
	failed = uv_poll_start(&child->poll, UV_READABLE, on_readable);
	assert(failed == 0);
}

static void on_failed_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct child *child_start(uv_loop_t *loop, const char *program, const struct child_hooks *hooks,
		void *context, struct error *error)
{
	struct child *child = calloc(1, sizeof(*child));
	autoclose int theirs = -1;
	int pair[2];
	int failed;

	assert(child);
	if (!message_pair(pair, error)) {
		free(child);
		return NULL;
	}
	child->socket = pair[0];
	theirs = pair[1];
	child_set_context(child, hooks, context);

	failed = spawn(loop, child, program, theirs);
	if (failed) {
		(void)fail(error, ERROR_RETRY, "start %s: %s", program, uv_strerror(failed));
		owned_close(&child->socket);
		uv_close((uv_handle_t *)&child->process, on_failed_closed);
		return NULL;
	}
	child->started = true;
	child->open_handles = 1;
	(void)fcntl(child->socket, F_SETFL, O_NONBLOCK);
	listen_to(loop, child);
	return child;
}

struct child *child_connect(uv_loop_t *loop, const char *path, const struct child_hooks *hooks,
		void *context, struct error *error)
{
	struct child *child;
	int connected;

	if (!message_connect(path, &connected, error))
		return NULL;
	child = calloc(1, sizeof(*child));
	assert(child);
	child->socket = connected;
	child->exited = true;
	(void)snprintf(child->how, sizeof(child->how),
			"closed its connection: its own log may say why");
	child_set_context(child, hooks, context);
	listen_to(loop, child);
	return child;
}

void child_set_context(struct child *child, const struct child_hooks *hooks, void *context)
{
	child->hooks = *hooks;
	child->context = context;
}

bool child_send(struct child *child, const char *text, const int *fds, size_t fd_count,
		struct error *error)
{
	return message_send(child->socket, text, fds, fd_count, error);
}

void child_kill(struct child *child)
{
	if (!child->started)
		(void)shutdown(child->socket, SHUT_RDWR);
	else if (!child->exited)
		(void)kill(-child->process.pid, SIGKILL);
}

void child_close(struct child *child)
{
	/* Shut down, not closed: what the child still says is read until it ends. */
	(void)shutdown(child->socket, SHUT_WR);
}
