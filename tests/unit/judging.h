#pragma once

/*
 * What the tests of the judge share, on top of inspecting.h: a chain of authorities, and what is
 * dropped of it.
 *
 *         judging_begin(), judging_end()             setup and teardown of all tests of a program
 *         ask_rule(&asking, "rule chain P root")
 *         drop_certificates(&asking, authorities)
 *         drop_pair(&asking, "pair.pem", &web)
 *         ask(&asking)
 */

#include "tests/unit/inspecting.h"

/* "Root" certified "Sub", which certified "Low", which certified "web.example"; nobody knows
 * "Other Root". */
extern struct identity root, sub, low, web, other_root;

int judging_begin(void **state);
int judging_end(void **state);

/* Its certificate and its key, in one file. */
void drop_pair(struct asking *asking, const char *name, const struct identity *who);

/* Their certificates in the file others.pem; NULL at the end. */
void drop_certificates(struct asking *asking, const struct identity *const who[]);
