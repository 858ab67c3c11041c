#pragma once

/* What the status of a reply means for the step that sent the request. */

#include <jansson.h>

#include "controller/apply/contents.h"
#include "controller/model/step.h"

/* A success, or: ERROR_RETRY, a status that the step's `retry` lists; ERROR_CONFIG, any other.
 * The text says what the server says about it (members error_code, description and message
 * of `reply`, which may be NULL), scrubbed and in one line. */
bool http_judge(struct arena *arena, struct contents *contents, const struct http_step *step,
		long status, const json_t *reply, struct error *error) must_check;

/* The same words of the server alone, ": busy: another change", "" when there are none. */
const char *http_reason(struct arena *arena, struct contents *contents, const json_t *reply);
