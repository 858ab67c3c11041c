#pragma once

/*
 * Asking the service over its control socket (see control.h), with plain blocking calls: a
 * command has nothing else to do.
 */

#include <jansson.h>

#include "controller/base/error.h"

enum { CLIENT_SILENCE_MS = 10000 };

enum client_outcome {
	CLIENT_ANSWERED, /* document and exit code */
	CLIENT_REFUSED, /* the service said no: error */
	CLIENT_NO_SERVICE, /* nobody listens there */
	CLIENT_FAILED, /* the conversation broke off: error */
	CLIENT_SILENT, /* a service is there and says nothing: error */
};

typedef void client_event_fn(const json_t *event);

/* `document` is the caller's. A service says at once that it has heard, and may then take long:
 * silent is one that does not say so in CLIENT_SILENCE_MS, or whose answer takes so much longer than
 * the request's `wait_ms`, if it has one. */
enum client_outcome client_ask(const char *socket_path, const json_t *request,
		client_event_fn *told, json_t **document, int *exit, struct error *error);
