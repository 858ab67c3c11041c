#pragma once

/*
 * Reports: what is known, as the JSON documents that present.h describes. The same documents go
 * over the control socket, to --json, and to the presenter for people.
 */

#include <jansson.h>

#include "controller/certdrop/controller.h"
#include "controller/certdrop/subject/subject.h"

/* { "targets": [...], "degraded": [...], "watching": {...}, "version": "..." } of these subjects. */
json_t *report_status(struct controller *controller, struct subject *const *subjects, size_t count);

/* { "target", "state", "text", "steps", "reason" }: `plan` NULL: nothing would be done. */
json_t *report_plan(
		const struct subject *subject, const struct plan *plan, const struct error *error);

/* { "passes": [...] }, the latest first, of one target or (NULL) of all. */
json_t *report_history(struct controller *controller, const char *target, int limit);

/* { "target", "state", "sentences": [...] }: why the views differ, or why nothing happens. */
json_t *report_explain(struct subject *subject);

/* Are all of these in service? */
bool report_all_in_service(struct subject *const *subjects, size_t count);
