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
 * Times are RFC 3339 in UTC. BRIEF is {digest, fingerprint, subject, not_after} or null;
 * digest and subject are missing where only the product was asked. FACTS are those of
 * document.h.
 *
 * status   {"targets": [{"target", "product", "state",
 *                        "reason": sentence or null,
 *                        "next": what comes next, a sentence or null,
 *                        "retry_at": time or null,
 *                        "pending": what remains to be done though it is in service,
 *                                   {"text", "reason": why it waits, "at": time or null} or null,
 *                        "wanted": BRIEF, "installed": BRIEF, "previous": BRIEF,
 *                        "served": [{"address", "fingerprint", "not_after"} or
 *                                   {"address", "error"}],
 *                        "unanswered": [why a question to the product was not answered],
 *                        "warnings": [sentence], "updated": time}],
 *           "degraded": [sentence],
 *           "watching": {"directories", "watches", "events", "overflows", "rescans", "reopened",
 *                        "silent_changes", "files"}: numbers,
 *           "version"}
 * plan     {"plans": [{"target", "state", "reason",
 *                      "text": the plan as it is, null when there is nothing to do,
 *                      "steps": [{"phase", "kind", "text", "disruption"}],
 *                      "unanswered": [why a question to the product was not answered, where
 *                                     nothing is wanted yet]}]}
 * inspect  {"files": [{"name", "state", "sentence"}],
 *           "credentials": [FACTS, the best first, and "inputs": [name]],
 *           "missing": [sentence], "refused": [sentence], "accepted": true or false}
 * history  {"passes": [{"target", "started", "ended", "outcome", "credential": BRIEF,
 *                       "reason": sentence or null, "gap_ms": number or null,
 *                       "gap_budget_ms": number or null,
 *                       "steps": [{"text", "phase", "result", "milliseconds",
 *                                  "reason"}]}]}
 * explain  {"target", "state", "sentences": [sentence]}
 * check    {"configuration": its path, "targets": [{"target", "product",
 *                                                   "profiles": what can be generated for it}]}
 * generate {"target", "profile", "key", "subject",
 *           "file": path of the key, with its certificate unless that is requested,
 *           "request": path or null, "fingerprint", "not_after": null with a request}
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
