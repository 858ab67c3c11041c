#pragma once

/*
 * What the commands print: JSON documents, made by the service or by the command itself,
 * as text for people. With --json the document is printed as it is; scripts rely on the
 * fields below, which are added to, never renamed. A field that is missing counts as null.
 *
 *         const struct style style = style_of(STDOUT_FILENO);
 *
 *         present_status(document, &style, &text);
 *
 * On a terminal: colour, and tables that fit its width. In a pipe: plain lines that begin
 * with what they are about and stand on their own; no line is cut. A plan is printed there
 * as the text that it is, what is said besides as its comments.
 *
 * Whatever a document holds, no control character but line feeds and tabs of plans reaches
 * the output: subjects and file names come from strangers.
 *
 * States: idle (nothing was ever dropped), waiting (for a piece, or for its turn: the reason says
 * which), refused, held, applying, in-service, rolled-back, failed.
 *
 * Each member of each document is explained in certdrop-json(5), see manual/certdrop-json.5.in.
 */

#include <jansson.h>

#include "controller/base/buffer.h"

struct style {
	bool colour;
	size_t width; /* columns of the terminal; 0: not one, plain lines */
};

/* A terminal that can do colour gets it, unless NO_COLOR is set (no-color.org) or TERM is
 * "dumb". */
struct style style_of(int fd);

void present_json(const json_t *document, struct buffer *text);
void present_status(const json_t *document, const struct style *style, struct buffer *text);
void present_plan(const json_t *document, const struct style *style, struct buffer *text);
void present_inspect(const json_t *document, const struct style *style, struct buffer *text);
void present_history(const json_t *document, const struct style *style, struct buffer *text);
void present_generated(const json_t *document, const struct style *style, struct buffer *text);
void present_explain(const json_t *document, const struct style *style, struct buffer *text);
