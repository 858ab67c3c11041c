#include "controller/certdrop/commands/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/base/owned.h"

/* Nobody there is one thing; somebody whom we may not talk to is another. */
static enum client_outcome dial(const char *path, int *fd, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int dialled = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum client_outcome outcome = CLIENT_FAILED;

	if (strlen(path) >= sizeof(address.sun_path)) {
		(void)fail(error, ERROR_CONFIG, "control socket %s: the path is too long", path);
		return CLIENT_FAILED;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (dialled >= 0 && connect(dialled, (struct sockaddr *)&address, sizeof(address)) == 0) {
		*fd = hand_over_fd(&dialled);
		return CLIENT_ANSWERED;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		outcome = CLIENT_NO_SERVICE;
	else if (errno == EACCES)
		outcome = CLIENT_REFUSED;
	(void)fail(error, ERROR_RETRY, "control socket %s: %s", path, strerror(errno));
	return outcome;
}

static bool send_request(int fd, const json_t *request, struct error *error)
{
	autofree char *text = json_dumps(request, JSON_COMPACT);

	if (!text)
		return fail(error, ERROR_INTERNAL, "the request cannot be written");
	return file_write(fd, text, strlen(text), error) && file_write(fd, "\n", 1, error);
}

/* true: that was the last one. */
static bool read_reply(const json_t *line, client_event_fn *told, json_t **document, int *exit,
		struct error *error)
{
	const json_t *event = json_object_get(line, "event");
	const char *refusal = json_string_value(json_object_get(line, "error"));

	if (event) {
		if (told)
			told(event);
		return false;
	}
	*exit = (int)json_integer_value(json_object_get(line, "exit"));
	if (refusal)
		(void)fail(error, ERROR_INPUT, "%s", refusal);
	else
		*document = json_incref(json_object_get(line, "document"));
	return true;
}

enum client_outcome client_ask(const char *socket_path, const json_t *request,
		client_event_fn *told, json_t **document, int *exit, struct error *error)
{
	enum client_outcome outcome;
	autofree char *text = NULL;
	size_t size = 0;
	int fd = -1;
	FILE *replies;

	*document = NULL;
	outcome = dial(socket_path, &fd, error);
	if (outcome != CLIENT_ANSWERED)
		return outcome;
	outcome = CLIENT_FAILED;
	if (!send_request(fd, request, error)) {
		owned_close(&fd);
		return CLIENT_FAILED;
	}
	replies = fdopen(fd, "r");
	(void)fail(error, ERROR_RETRY, "the service hung up without an answer");
	while (replies && outcome == CLIENT_FAILED && getline(&text, &size, replies) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		if (line && read_reply(line, told, document, exit, error))
			outcome = *document ? CLIENT_ANSWERED : CLIENT_REFUSED;
		json_decref(line);
	}
	if (replies)
		(void)fclose(replies);
	return outcome;
}
