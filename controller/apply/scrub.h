#pragma once

/*
 * Scrubbing: output of other programs and servers is shown to the operator and kept in
 * the journal, so what looks or is known to be secret is taken out before. Everything
 * taken out is overwritten with '*'; the text's length does not change.
 */

#include "controller/base/buffer.h"

/* Each line of the secret, wherever it stands in the text. Lines of fewer than 4 bytes
 * are not looked for, and PEM's own BEGIN and END lines stay. */
void scrub_lines(struct buffer *text, const char *secret, size_t length);

/* What looks like a secret: PEM blocks of private keys, to the end of the text when there is
 * no END line, base64 of 60 characters or more that is neither plain hexadecimal (a
 * fingerprint) nor a path, and the name and password in a URI. Control characters other than line ends
 * and tabs become '?'. */
void scrub_foreign(struct buffer *text);
