#pragma once

/*
 * A request: what a command asks of the controller, be it in the same
 * process or over the control socket.
 *
 *         { "command": "status", "targets": ["web"], "wait_ms": 5000 }
 *
 * command      targets   besides      document (report.h)  exit
 * status       any       wait_ms      status               0 all in service, 1 not
 * plan         any                    plans                0 nothing to do, 2 something, 1 error
 * apply        any                    status               0 all in service, 1 not
 * history      one/none  limit        passes               0
 * explain      one                    explain              0
 * rollback     one                    status               0 the predecessor is in service, 1 not
 *
 * No targets: all of them. An unknown one ends the request with the error.
 */

#include <jansson.h>

#include "controller/certdrop/controller.h"

struct request_hooks {
	/* A subject changed while the request is under way: { "target", "state", "reason" }. */
	void (*progress)(void *context, json_t *event);
	/* Once, at the end; `document` is the receiver's. NULL with an
	 * error text. The request is gone. */
	void (*done)(void *context, json_t *document, int exit, const char *error);
};

struct request;

/* done() may be called before this returns, and then the result is NULL. */
struct request *request_start(struct controller *controller, const json_t *json,
		const struct request_hooks *hooks, void *context);

/* Whoever asked is gone. */
void request_abandon(struct request *request);
