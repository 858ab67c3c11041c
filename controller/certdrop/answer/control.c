#include "controller/certdrop/answer/control.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/base/buffer.h"
#include "controller/base/file.h"
#include "controller/base/log.h"
#include "controller/certdrop/answer/request.h"

struct control {
	struct controller *controller;
	uv_pipe_t socket;
	char *path;
	struct caller *callers;
};

struct caller {
	struct control *control;
	uv_pipe_t pipe;
	struct buffer line;
	struct request *request;
	bool asked, closing;
	struct caller *next;
};

struct reply {
	uv_write_t write;
	char *text;
};

/* ---- hanging up ---- */

static void on_caller_closed(uv_handle_t *handle)
{
	struct caller *caller = handle->data;

	buffer_done(&caller->line);
	free(caller);
}

static void hang_up(struct caller *caller)
{
	struct caller **link = &caller->control->callers;

	if (caller->closing)
		return;
	caller->closing = true;
	if (caller->request)
		request_abandon(caller->request);
	while (*link != caller)
		link = &(*link)->next;
	*link = caller->next;
	uv_close((uv_handle_t *)&caller->pipe, on_caller_closed);
}

/* ---- answering ---- */

static void on_written(uv_write_t *write, int status)
{
	struct reply *reply = (struct reply *)((char *)write - offsetof(struct reply, write));
	struct caller *caller = write->data;

	(void)status;
	free(reply->text);
	free(reply);
	/* `caller` is told with the last reply only. */
	if (caller)
		hang_up(caller);
}

static void say(struct caller *caller, const json_t *json, bool last)
{
	static char line_end[] = "\n";
	struct reply *reply = calloc(1, sizeof(*reply));
	char *text = json_dumps(json, JSON_COMPACT);
	uv_buf_t bytes[2];

	assert(reply && text);
	reply->text = text;
	reply->write.data = last ? caller : NULL;
	bytes[0] = uv_buf_init(text, (unsigned)strlen(text));
	bytes[1] = uv_buf_init(line_end, 1);
	if (uv_write(&reply->write, (uv_stream_t *)&caller->pipe, bytes, 2, on_written) == 0)
		return;
	free(reply->text);
	free(reply);
	if (last)
		hang_up(caller);
}

static void on_progress(void *context, json_t *event)
{
	json_t *line = json_pack("{s:O}", "event", event);

	say(context, line, false);
	json_decref(line);
}

static void on_done(void *context, json_t *document, int exit, const char *error)
{
	struct caller *caller = context;
	json_t *line = document ? json_pack("{s:o, s:i}", "document", document, "exit", exit)
				: json_pack("{s:s, s:i}", "error", error, "exit", exit);

	caller->request = NULL;
	say(caller, line, true);
	json_decref(line);
}

static const struct request_hooks hooks = { .progress = on_progress, .done = on_done };

static void ask(struct caller *caller)
{
	json_t *json = json_loadb(caller->line.bytes, caller->line.length, 0, NULL);
	json_t *heard;

	caller->asked = true;
	if (!json) {
		on_done(caller, NULL, 1, "the request is not JSON");
		return;
	}
	/* What is asked may take its time: it can be told from a service that hangs. */
	heard = json_pack("{s:b}", "heard", 1);
	say(caller, heard, false);
	json_decref(heard);
	caller->request = request_start(caller->control->controller, json, &hooks, caller);
	json_decref(json);
}

/* ---- listening ---- */

static void make_room(uv_handle_t *handle, size_t suggested, uv_buf_t *bytes)
{
	static char room[4096];

	(void)handle;
	(void)suggested;
	*bytes = uv_buf_init(room, sizeof(room));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *bytes)
{
	struct caller *caller = stream->data;

	if (length < 0 || caller->line.length + (size_t)length > CONTROL_LINE_MAX) {
		hang_up(caller);
		return;
	}
	if (caller->asked)
		return;
	buffer_append(&caller->line, bytes->base, (size_t)length);
	if (caller->line.length > 0 && memchr(caller->line.bytes, '\n', caller->line.length))
		ask(caller);
}

static void on_call(uv_stream_t *socket, int status)
{
	struct control *control = socket->data;
	struct caller *caller = calloc(1, sizeof(*caller));

	assert(caller);
	caller->control = control;
	(void)uv_pipe_init(control->controller->loop, &caller->pipe, 0);
	caller->pipe.data = caller;
	caller->next = control->callers;
	control->callers = caller;
	if (status < 0 || uv_accept(socket, (uv_stream_t *)&caller->pipe) != 0 ||
			uv_read_start((uv_stream_t *)&caller->pipe, make_room, on_read) != 0)
		hang_up(caller);
}

static int bind_privately(struct control *control)
{
	const mode_t before = umask(0177);
	const int failed = uv_pipe_bind(&control->socket, control->path);

	(void)umask(before);
	return failed;
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct control *control = handle->data;

	free(control->path);
	free(control);
}

static bool is_answered(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path) + 1);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

struct control *control_open(struct controller *controller, const char *path, struct error *error)
{
	struct control *control;
	int failed;

	if (!directory_make_above(path, 0755, error))
		return NULL;
	control = calloc(1, sizeof(*control));
	assert(control);
	control->controller = controller;
	control->path = strdup(path);
	assert(control->path);
	(void)uv_pipe_init(controller->loop, &control->socket, 0);
	control->socket.data = control;

	if (is_answered(path)) {
		(void)fail(error, ERROR_CONFIG, "control socket %s: another service answers there",
				path);
		uv_close((uv_handle_t *)&control->socket, on_socket_closed);
		return NULL;
	}
	(void)unlink(path);
	failed = bind_privately(control);
	if (!failed)
		failed = uv_listen((uv_stream_t *)&control->socket, 16, on_call);
	if (!failed)
		return control;
	(void)fail(error, ERROR_CONFIG, "control socket %s: %s", path, uv_strerror(failed));
	uv_close((uv_handle_t *)&control->socket, on_socket_closed);
	return NULL;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	while (control->callers)
		hang_up(control->callers);
	(void)unlink(control->path);
	uv_close((uv_handle_t *)&control->socket, on_socket_closed);
}
