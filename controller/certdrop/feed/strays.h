#pragma once

/*
 * Strays: files below the drop where nothing is ever taken from, in the drop's own directory or in
 * a sub-directory of no target (mistyped, or of a target that was renamed or removed). They are
 * looked for with each rescan, not with each event: nobody waits for them but whoever wonders.
 */

#include <jansson.h>

#include "controller/certdrop/controller.h"

/* Looks for them. Of each directory with some the service logs a warning, once until it has none. */
void strays_look(struct controller *controller);

/* Appends a sentence for each directory with some. */
void strays_tell(const struct controller *controller, json_t *sentences);

void strays_free(struct strays *strays); /* NULL is allowed */
