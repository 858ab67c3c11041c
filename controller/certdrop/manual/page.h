#pragma once

/*
 * A manual page on its way: text in mdoc(7), each sentence on lines of its own, none longer than 78
 * columns, as mandoc -T lint wants it.
 *
 * In sentences, `word` is set as something that an operator types. Blanks and line feeds in them
 * count as one blank.
 */

#include "controller/base/buffer.h"

/* Sentences. */
void page_text(struct buffer *page, const char *sentences);

/* One macro and its arguments, as they are: ".Pp". */
void page_macro(struct buffer *page, const char *format, ...) printf_like(2, 3);

/* An item of a list: the words to type, and behind them what is left to whoever types, as mdoc has it
 * ("Ar path"; NULL: nothing). */
void page_item(struct buffer *page, const char *words, const char *value);

/* Text to be shown line by line, as it is: an example. */
void page_display(struct buffer *page, const char *text);
