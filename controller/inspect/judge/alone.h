#pragma once

/*
 * Certificates that come without a private key, where the rules say so (RULE_NO_KEY): what
 * speaks against a drop of them.
 *
 * A private key is never passed over: whoever dropped it took this place for another one, and
 * nobody would guess that it still lies there. Authorities are one credential, so a certificate
 * that is no authority's, or one too many, speaks against all of them.
 */

#include "controller/inspect/findings.h"
#include "controller/inspect/judge/law.h"

struct objection {
	const struct objection *next;
	const char *sentence; /* "ca.key holds a private key: ..." */
	unsigned long long files; /* bit i: file i of the request has it */
};

/* `bundle`: authorities alone. NULL: nothing speaks against it. */
const struct objection *alone_object(
		const struct findings *drop, const struct law *law, bool bundle);
