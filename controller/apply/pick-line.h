#pragma once

/*
 * Picking values out of a tool's output by POSIX extended regular expressions
 * (regcomp(3)), where ^ and $ match at the start and end of each line and nothing but an
 * explicit newline goes beyond it.
 *
 *         row: name, expression           "state", "^cluster_state *: (.*)$"
 *
 * gives all values, in order: what the first group matched, or everything where the
 * expression has no group. A group that took no part in a match gives "".
 */

#include "controller/base/error.h"
#include "controller/model/record.h"

/* ERROR_INTERNAL: a row that is not of this form, or an expression that is none.
 * ERROR_CONFIG: more than PICKED_MAX values (pick.h). */
bool pick_line_values(struct arena *arena, const char *output, struct words row,
		struct words *values, struct error *error) must_check;
