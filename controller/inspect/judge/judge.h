#pragma once

/*
 * The rules of a target's product (model/rule.h), applied to a candidate. They come as
 * records from the controller, settings already filled in.
 *
 * A rule about certificates is applied to the leaf, and, but for usages and names, to the
 * client's leaf. RULE_SIGNATURES also covers the chain without its root, whose own
 * signature proves nothing, nor does that of a self-signed certificate without a key. RULE_VALIDITY needs no clock here: a certificate that lasts
 * less than the days asked for, from its first day to its last, draws the warning.
 *
 * RULE_PARTS: a part with "?" behind it is taken when it is there and not waited for.
 * RULE_ANCHOR: the chain has to end at a root that is among the authorities of the drop, because
 * those are what the product is given to trust. RULE_CRL_ISSUED: likewise for who signed the
 * revocation lists. RULE_PACKAGE is not about candidates: package.h; nor is RULE_NO_KEY: alone.h.
 *
 * RULE_CHAIN: "any" takes the chain as far as it was found; "complete" wants it up to a
 * certificate of the authorities file, or up to a root when no such file is given (a
 * self-signed leaf is complete); "root" wants the root itself, too. When its certificates end is not
 * judged here, but told (lasting.h).
 */

#include "controller/inspect/prove/pair.h"
#include "controller/model/record.h"
#include "controller/model/rule.h"

enum judgement {
	JUDGED_GOOD,
	JUDGED_MISSING, /* a part that may still come */
	JUDGED_REFUSED,
};

struct verdicts {
	const char *sentence; /* for what is missing or refused */
	struct rows warnings; /* one word each */
};

enum judgement judge(struct arena *arena, const struct records *rules,
		const struct candidate *candidate, struct verdicts *verdicts);
