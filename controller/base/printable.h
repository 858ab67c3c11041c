#pragma once

/*
 * Text out of hostile files, and names of such files, fit to be shown: in a sentence on a
 * terminal, in a log, in JSON. Control characters (C0, C1, DEL), invisible and
 * direction-changing characters, and what is not UTF-8 become '?'.
 */

#include "controller/base/arena.h"

enum { PRINTABLE_MAX = 160 };

/* Longer than PRINTABLE_MAX bytes is cut, with "...". */
const char *printable(struct arena *arena, const char *text, size_t length);

/* Never cut. */
const char *printable_whole(struct arena *arena, const char *text, size_t length);

/* The same with a whole string, where it is; it never becomes longer. */
void printable_in_place(char *text);
