#include "controller/certdrop/commands/command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "controller/base/log.h"
#include "controller/certdrop/answer/control.h"
#include "controller/certdrop/commands/notify.h"
#include "controller/certdrop/config/surroundings.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/state/ownership.h"

/* How long what is under way may take to come to an end: all of it when the service is told to stop;
 * for another configuration only the questions, because a change is never cut short for that. */
enum { DRAIN_MS = 8000, AGAIN_SECONDS = 5 };

struct service {
	uv_loop_t loop;
	const struct invocation *invocation;
	struct config *config, *next_config;
	struct config *last_good; /* until another one is served; NULL: there was none */
	struct controller *controller;
	struct control *control;
	uv_signal_t term, interrupt, hangup;
	uv_timer_t watchdog, drain;
	struct observer observer;
	bool draining, stopping, stopped;
};

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* ---- the end, of the service or of one configuration ---- */

static void stop_now(struct service *service)
{
	if (service->stopped)
		return;
	service->stopped = true;
	controller_unobserve(service->controller, &service->observer);
	control_close(service->control);
	controller_stop(service->controller);
	close_handle((uv_handle_t *)&service->term);
	close_handle((uv_handle_t *)&service->interrupt);
	close_handle((uv_handle_t *)&service->hangup);
	close_handle((uv_handle_t *)&service->watchdog);
	close_handle((uv_handle_t *)&service->drain);
}

static bool is_changing(const struct service *service)
{
	const struct controller *controller = service->controller;

	for (size_t i = 0; i < controller->subject_count; i++)
		if (controller->subjects[i]->applying)
			return true;
	return false;
}

static void on_drained(uv_timer_t *timer)
{
	struct service *service = timer->data;

	if (service->stopping || !is_changing(service))
		stop_now(service);
	else
		(void)uv_timer_start(timer, on_drained, DRAIN_MS, 0);
}

static void stop_when_drained(struct observer *observer, struct subject *subject)
{
	struct service *service =
			(struct service *)((char *)observer - offsetof(struct service, observer));

	(void)subject;
	/* Not from within the pass that ends, but in the loop's next turn. */
	if (service->draining && service->controller->passes == 0)
		(void)uv_timer_start(&service->drain, on_drained, 0, 0);
}

/* Nothing new is begun; what is under way comes to its end, if that is soon. */
static void drain(struct service *service)
{
	service->draining = true;
	controller_begin_nothing(service->controller);
	(void)uv_timer_start(&service->drain, on_drained,
			service->controller->passes > 0 ? DRAIN_MS : 0, 0);
}

static void on_stop(uv_signal_t *handle, int number)
{
	struct service *service = handle->data;

	log_info("stopping on signal %d", number);
	notify_send("STOPPING=1");
	config_free(service->next_config);
	service->next_config = NULL;
	if (service->stopping) {
		stop_now(service);
		return;
	}
	service->stopping = true;
	drain(service);
}

static void log_lines(const char *text)
{
	while (*text) {
		const size_t length = strcspn(text, "\n");

		log_error("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void on_reload(uv_signal_t *handle, int number)
{
	struct service *service = handle->data;
	autodone(buffer) struct buffer mistakes = { 0 };
	struct config *config = NULL;

	(void)number;
	if (service->stopping)
		return;
	if (!config_load(command_config_path(service->invocation), &config, &mistakes)) {
		log_error("the new configuration is wrong, keeping the old one");
		log_lines(buffer_text(&mistakes));
		return;
	}
	notify_send("RELOADING=1");
	log_info("reloading the configuration%s",
			is_changing(service) ? ", once the change that is under way has ended"
					     : "");
	config_free(service->next_config);
	service->next_config = config;
	drain(service);
}

/* ---- running ---- */

/* It comes from the loop, between two turns: a commit that hangs on a broken disk stops it. */
static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	notify_send("WATCHDOG=1");
}

static void start_handle(
		struct service *service, uv_signal_t *handle, uv_signal_cb called, int number)
{
	(void)uv_signal_init(&service->loop, handle);
	handle->data = service;
	(void)uv_signal_start(handle, called, number);
}

static void start_handles(struct service *service)
{
	const unsigned long watchdog_ms = notify_watchdog_ms();

	start_handle(service, &service->term, on_stop, SIGTERM);
	start_handle(service, &service->interrupt, on_stop, SIGINT);
	start_handle(service, &service->hangup, on_reload, SIGHUP);
	(void)uv_timer_init(&service->loop, &service->watchdog);
	(void)uv_timer_init(&service->loop, &service->drain);
	service->drain.data = service;
	if (watchdog_ms > 0)
		(void)uv_timer_start(&service->watchdog, on_watchdog, 0, watchdog_ms / 2);
	service->observer.changed = stop_when_drained;
	controller_observe(service->controller, &service->observer);
}

/* It is no reason not to start: the rest can be done, and what lacks may come. */
static void warn_of_lacks(const struct config *config)
{
	autodone(buffer) struct buffer lines = { 0 };
	char *line, *rest;

	if (surroundings_lack(config, &lines) == 0)
		return;
	for (line = strtok_r(lines.bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		log_warning("%s", line);
}

/* One configuration, from its start to its end. */
static bool serve(struct service *service, struct error *error)
{
	log_for_service();
	log_limit(service->config->log_level);
	warn_of_lacks(service->config);
	service->draining = false;
	service->stopping = false;
	service->stopped = false;
	if (!ownership_lets_write(service->config->state, geteuid(), error))
		return false;
	service->controller = controller_open(&service->loop, service->config, MODE_SERVICE, error);
	if (!service->controller)
		return false;
	service->control = control_open(service->controller, service->config->socket, error);
	start_handles(service);
	if (!service->control) {
		stop_now(service);
	} else {
		config_free(service->last_good);
		service->last_good = NULL;
		controller_start(service->controller);
		log_info("watching for %zu target%s", service->config->target_count,
				service->config->target_count == 1 ? "" : "s");
		notify_send("READY=1");
	}
	(void)uv_run(&service->loop, UV_RUN_DEFAULT);
	controller_close(service->controller);
	return service->control != NULL;
}

/* What reads well may still not do, for a directory or a socket that is not to be had. */
static bool go_back(struct service *service, const struct error *error)
{
	if (!service->last_good)
		return false;
	log_error("%s; going back to the configuration before", error->text);
	config_free(service->config);
	service->config = service->last_good;
	service->last_good = NULL;
	return true;
}

static void go_on(struct service *service)
{
	service->last_good = service->config;
	service->config = service->next_config;
	service->next_config = NULL;
}

int command_run(const struct invocation *invocation)
{
	struct service service = { .invocation = invocation, .config = command_config(invocation) };
	struct error error;

	if (!service.config)
		return 1;
	if (uv_loop_init(&service.loop) != 0)
		abort();
	while (service.config) {
		if (serve(&service, &error)) {
			go_on(&service);
		} else if (error.kind == ERROR_RETRY) {
			/* A full disk is no reason to give up: somebody will make room. */
			log_error("%s, trying again in %d s", error.text, AGAIN_SECONDS);
			(void)sleep(AGAIN_SECONDS);
		} else if (!go_back(&service, &error)) {
			log_error("%s", error.text);
			break;
		}
	}
	(void)uv_loop_close(&service.loop);
	config_free(service.last_good);
	if (!service.config)
		return 0;
	config_free(service.config);
	return 1;
}
