#include "controller/certdrop/commands/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/base/owned.h"
#include "controller/certdrop/clock.h"

/* For how long the kernel lets a call block, SO_SNDTIMEO or SO_RCVTIMEO of socket(7); 0: for ever.
 * The first counts for connect(2) too, which waits while the service does not take callers. */
static void limit(int fd, int option, long long milliseconds)
{
	const struct timeval time = { .tv_sec = milliseconds / 1000,
		.tv_usec = milliseconds % 1000 * 1000 };

	(void)setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

static enum client_outcome silent(const char *path, struct error *error)
{
	(void)fail(error, ERROR_RETRY,
			"the service does not answer (socket %s): it is stopped, or something keeps "
			"it waiting, such as a disk; its log may tell",
			path);
	return CLIENT_SILENT;
}

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
	limit(dialled, SO_SNDTIMEO, CLIENT_SILENCE_MS);
	if (dialled >= 0 && connect(dialled, (struct sockaddr *)&address, sizeof(address)) == 0) {
		*fd = hand_over_fd(&dialled);
		return CLIENT_ANSWERED;
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		outcome = CLIENT_NO_SERVICE;
	else if (errno == EACCES)
		outcome = CLIENT_REFUSED;
	else if (errno == EAGAIN)
		return silent(path, error);
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

	if (json_object_get(line, "heard"))
		return false;
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

/* How long the next line may take to come; 0: for ever. */
static long long patience_ms(bool heard, long long until_ms)
{
	const long long left_ms = until_ms - clock_monotonic_ms();

	if (!heard)
		return CLIENT_SILENCE_MS;
	if (until_ms == 0)
		return 0;
	return left_ms > 0 ? left_ms : 1;
}

static enum client_outcome read_replies(FILE *replies, long long until_ms, client_event_fn *told,
		json_t **document, int *exit, struct error *error)
{
	enum client_outcome outcome = CLIENT_FAILED;
	autofree char *text = NULL;
	bool heard = false;
	size_t size = 0;

	(void)fail(error, ERROR_RETRY, "the service hung up without an answer");
	for (;;) {
		json_t *line;

		limit(fileno(replies), SO_RCVTIMEO, patience_ms(heard, until_ms));
		if (getline(&text, &size, replies) <= 0)
			return ferror(replies) && errno == EAGAIN ? CLIENT_SILENT : CLIENT_FAILED;
		heard = true;
		line = json_loads(text, 0, NULL);
		if (line && read_reply(line, told, document, exit, error))
			outcome = *document ? CLIENT_ANSWERED : CLIENT_REFUSED;
		json_decref(line);
		if (outcome != CLIENT_FAILED)
			return outcome;
	}
}

enum client_outcome client_ask(const char *socket_path, const json_t *request,
		client_event_fn *told, json_t **document, int *exit, struct error *error)
{
	const long long wait_ms = json_integer_value(json_object_get(request, "wait_ms"));
	const long long until_ms =
			wait_ms > 0 ? clock_monotonic_ms() + wait_ms + CLIENT_SILENCE_MS : 0;
	enum client_outcome outcome;
	int fd = -1;
	FILE *replies;

	*document = NULL;
	outcome = dial(socket_path, &fd, error);
	if (outcome != CLIENT_ANSWERED)
		return outcome;
	if (!send_request(fd, request, error)) {
		owned_close(&fd);
		return CLIENT_FAILED;
	}
	replies = fdopen(fd, "r");
	if (!replies) {
		(void)fail(error, ERROR_RETRY, "fdopen: %s", strerror(errno));
		owned_close(&fd);
		return CLIENT_FAILED;
	}
	outcome = read_replies(replies, until_ms, told, document, exit, error);
	(void)fclose(replies);
	return outcome == CLIENT_SILENT ? silent(socket_path, error) : outcome;
}
