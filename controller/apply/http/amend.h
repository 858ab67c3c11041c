#pragma once

/*
 * What an amend step makes of a document: the changes that it names (model/step.h), in memory.
 * Sending and receiving are in step-amend.c.
 */

#include <jansson.h>

#include "controller/apply/contents.h"
#include "controller/model/step.h"

/* `document` is changed, and `body` becomes what is to be written, a reference of the
 * caller's; NULL when the document already is as it should be. Texts are taken for
 * equal when they differ in white space at their end only.
 *
 * ERROR_RETRY: there is no such array, or no element was chosen for "set": the document
 * is another one than the plan was made for. ERROR_CONFIG: what would be written is masked.
 * ERROR_INTERNAL: the step is not of its form. And what contents_get() fails with. */
bool amend_document(struct arena *arena, struct contents *contents, const struct amend_step *step,
		json_t *document, json_t **body, struct error *error) must_check;
