#pragma once

/*
 * The chain above a certificate, put in order: out of all certificates of the drop and of
 * the authorities file, whatever order they came in. A link is one only if the names
 * match, the upper one may issue (basicConstraints; version 1 certificates only as their
 * own root) and its key verifies the signature. What does not belong is simply not in the
 * chain. There is no clock here: of what has ended nothing is known.
 *
 * Bounded: CHAIN_MAX certificates above the leaf, no certificate and no name with the
 * same key twice (cross-signed authorities go round in circles), and at most
 * CHAIN_CHECKS_MAX signatures for one chain.
 *
 * Of several ways up the best wins: to a known authority before to another root before
 * to an open end. Among those with an open end it is the longest, then the one that lasts
 * longest; among the others first the one that lasts longest, then the shortest. A way
 * lasts until its first certificate ends, and no longer than the leaf.
 */

#include "controller/inspect/findings.h"

enum { CHAIN_MAX = 10, CHAIN_CHECKS_MAX = 100 };

enum chain_end {
	CHAIN_OPEN, /* the last one's issuer was not found */
	CHAIN_ROOT, /* the last one is self-signed */
	CHAIN_KNOWN, /* the last one is in the authorities file */
};

struct chain {
	struct certificate *links[CHAIN_MAX]; /* from the leaf's issuer upwards */
	size_t count;
	enum chain_end end;
	bool rooted; /* the last one (or the leaf, alone) is self-signed */
	bool cut; /* with an open end: the last one's issuer is there, but CHAIN_MAX is reached */
};

/* `authorities` may be NULL. With `to_root` a known authority that is not a root is
 * climbed further. */
void chain_build(struct findings *drop, struct findings *authorities, struct certificate *leaf,
		bool to_root, struct chain *chain);

/* Did this certificate's key sign that one? */
bool chain_issued(struct certificate *issuer, const struct certificate *subject);

/* Did it sign itself? */
bool chain_self_signed(struct certificate *certificate);
