#pragma once

/*
 * The control socket: a stream socket, mode 0600, on which the service answers requests
 * (request.h), one JSON text a line.
 *
 *         -> {"command": "status", "targets": ["web"]}
 *         <- {"heard": true}                                         at once
 *         <- {"event": {"target": "web", "state": "applying", "reason": null}}      any number
 *         <- {"document": {...}, "exit": 0}       or      {"error": "...", "exit": 1}
 *
 * One request for each connection. A request may have CONTROL_LINE_MAX bytes. Who may connect is
 * decided by the permissions of the socket and its directory.
 */

#include "controller/certdrop/controller.h"

enum { CONTROL_LINE_MAX = 256 * 1024 };

struct control;

/* ERROR_CONFIG: the socket cannot be made. A left-over one of a
 * service that is gone is replaced. */
struct control *control_open(struct controller *controller, const char *path, struct error *error);

/* Hangs up on everybody, and removes the socket. */
void control_close(struct control *control);
