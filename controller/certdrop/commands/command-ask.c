#include "controller/certdrop/commands/command.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/certdrop/answer/request.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/commands/client.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/present/present.h"
#include "controller/certdrop/state/ownership.h"

enum { TRIES = 10, PAUSE_US = 300000 };

struct asked {
	json_t *document;
	int exit;
	char error[ERROR_TEXT_SIZE];
	struct controller *controller;
};

static json_t *write_request(const struct invocation *invocation)
{
	json_t *targets = json_array();

	for (size_t i = 0; i < invocation->count; i++)
		json_array_append_new(targets, json_string(invocation->arguments[i]));
	return json_pack("{s:s, s:o, s:I}", "command", invocation->command, "targets", targets,
			"wait_ms", (json_int_t)invocation->wait_ms);
}

/* Whoever watches on a terminal sees each state as it is reached;
 * results go to standard output alone. */
static void show_event(const json_t *event)
{
	const char *reason = json_string_value(json_object_get(event, "reason"));

	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "%s: %s%s%s\n", json_string_value(json_object_get(event, "target")),
			json_string_value(json_object_get(event, "state")), reason ? ": " : "",
			reason ? reason : "");
}

/* ---- without the service ---- */

static void on_progress(void *context, json_t *event)
{
	(void)context;
	show_event(event);
}

static void on_done(void *context, json_t *document, int exit, const char *error)
{
	struct asked *asked = context;

	asked->document = document;
	asked->exit = exit;
	if (error)
		(void)snprintf(asked->error, sizeof(asked->error), "%s", error);
	controller_stop(asked->controller);
}

static const struct request_hooks hooks = { .progress = on_progress, .done = on_done };

static bool is_for_us(const char *state, bool changes, struct error *error)
{
	return changes ? ownership_lets_write(state, geteuid(), error)
		       : ownership_lets_look(state, geteuid(), error);
}

static bool do_alone(const struct invocation *invocation, struct config *config,
		const json_t *request, struct asked *asked)
{
	const bool changes = strcmp(invocation->command, "apply") == 0 ||
			strcmp(invocation->command, "rollback") == 0;
	struct controller *controller;
	struct error error;
	uv_loop_t loop;

	if (!is_for_us(config->state, changes, &error)) {
		(void)snprintf(asked->error, sizeof(asked->error), "%s", error.text);
		asked->exit = 1;
		return true;
	}
	if (uv_loop_init(&loop) != 0)
		abort();
	controller = controller_open(&loop, config, changes ? MODE_ONCE : MODE_DRY, &error);
	if (controller) {
		asked->controller = controller;
		controller_start(controller);
		(void)request_start(controller, request, &hooks, asked);
		(void)uv_run(&loop, UV_RUN_DEFAULT);
		/* It may be in service, but the state does not know; why has been logged. */
		if (controller->degraded)
			asked->exit = 1;
		controller_close(controller);
	} else {
		(void)snprintf(asked->error, sizeof(asked->error), "%s", error.text);
		asked->exit = 1;
	}
	(void)uv_loop_close(&loop);
	return controller != NULL;
}

/* ---- both ways ---- */

/* false: neither the service nor the state can be had just now. */
static bool ask(const struct invocation *invocation, struct config *config, const json_t *request,
		struct asked *asked)
{
	struct error error;

	switch (client_ask(config->socket, request, show_event, &asked->document, &asked->exit,
			&error)) {
	case CLIENT_ANSWERED:
		return true;
	case CLIENT_REFUSED:
	case CLIENT_SILENT:
		(void)snprintf(asked->error, sizeof(asked->error), "%s", error.text);
		asked->exit = 1;
		return true;
	case CLIENT_FAILED:
		(void)snprintf(asked->error, sizeof(asked->error), "%s", error.text);
		asked->exit = 1;
		return false;
	case CLIENT_NO_SERVICE:
		break;
	}
	return do_alone(invocation, config, request, asked);
}

/* A service that reloads its configuration cannot be asked for a moment, but has the state. */
static void ask_patiently(
		const struct invocation *invocation, struct config *config, struct asked *asked)
{
	json_t *request = write_request(invocation);

	for (int i = 0; i < TRIES && !ask(invocation, config, request, asked); i++)
		(void)usleep(PAUSE_US);
	json_decref(request);
}

static const struct {
	const char *command;
	void (*present)(const json_t *document, const struct style *style, struct buffer *text);
} presenters[] = {
	{ "status", present_status },
	{ "apply", present_status },
	{ "rollback", present_status },
	{ "plan", present_plan },
	{ "history", present_history },
	{ "explain", present_explain },
};

static void print(const struct invocation *invocation, const json_t *document)
{
	const struct style style = style_of(STDOUT_FILENO);
	autodone(buffer) struct buffer text = { 0 };

	if (invocation->json)
		present_json(document, &text);
	for (size_t i = 0; !invocation->json && i < sizeof(presenters) / sizeof(*presenters); i++)
		if (strcmp(presenters[i].command, invocation->command) == 0)
			presenters[i].present(document, &style, &text);
	(void)fputs(buffer_text(&text), stdout);
}

int command_ask(const struct invocation *invocation)
{
	autoconfig struct config *config = command_config(invocation);
	struct asked asked = { .exit = 1 };

	if (!config)
		return 1;
	/* The document tells what happened; a log would say it twice. */
	log_limit(config->log_level == LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
	ask_patiently(invocation, config, &asked);
	if (asked.document)
		print(invocation, asked.document);
	else
		(void)fprintf(stderr, "certdrop: %s\n", asked.error);
	json_decref(asked.document);
	return asked.exit;
}
