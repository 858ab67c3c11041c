#pragma once

/*
 * One value as an operator wrote it, checked against its option. Used by setting.c and by
 * option.c, which checks fallbacks with it.
 *
 * Errors are ERROR_CONFIG and continue a sentence that begins with the setting's name:
 * `must be a mode such as "0640", not "rw"`.
 */

#include "controller/model/option.h"

struct value {
	const char *text; /* TEXT, PATH, CHOICE, MODE; in the arena */
	long long number; /* NUMBER, DURATION in ms, FLAG */
	struct words words; /* WORDS */
};

/* A value written as a string. `directory` is what "./" stands for. */
bool value_of_text(struct arena *arena, const struct option *option, const char *directory,
		const char *text, struct value *value, struct error *error) must_check;

bool value_of_number(const struct option *option, long long number, struct value *value,
		struct error *error) must_check;

bool value_of_flag(const struct option *option, bool flag, struct value *value,
		struct error *error) must_check;

bool value_of_words(struct arena *arena, const struct option *option, struct words words,
		struct value *value, struct error *error) must_check;

/* A fallback, which option tables always write as a string. */
bool value_of_fallback(struct arena *arena, const struct option *option, struct value *value,
		struct error *error) must_check;
