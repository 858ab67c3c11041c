#pragma once

/*
 * The forms that options ask of texts and words (option.h): by how it is written alone, can this
 * be one?
 */

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/option.h"

/* ERROR_CONFIG: it is not of that form. The text of the error ends a sentence about the setting. */
bool form_allows(enum option_form form, const char *text, struct error *error) must_check;
bool form_allows_words(enum option_form form, struct words words, struct error *error) must_check;

/* How a text of that form is kept: what two spellings differ in and nothing else is left out, the
 * slash behind a service's address. */
const char *form_kept(struct arena *arena, enum option_form form, const char *text);
