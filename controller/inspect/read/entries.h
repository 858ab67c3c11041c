#pragma once

/*
 * Which private keys of a key store to take (JKS, PKCS#12). The rule is that of Java's tools: an
 * alias names one, whatever its case; without one a store with a single private key is clear, and
 * another one is not. A store without a private key is a trust store.
 *
 * Aliases are compared byte by byte, but for the case of ASCII letters.
 */

#include "controller/inspect/findings.h"

struct store_entry {
	struct bytes alias; /* as in the store; not terminated, not printable */
	bool taken;
};

/* Sets `taken` in the entries with private keys. VERDICT_REFUSED: not clear which, none of that
 * alias, or none at all; `trusted` is the number of certificates in the store. */
enum verdict entries_choose(struct findings *findings, struct input *input,
		struct store_entry *entries, size_t count, size_t trusted);

/* The alias in quotes, printable. */
const char *entry_shown(struct arena *arena, struct bytes alias);
