#pragma once

/*
 * Rules: what a product accepts, as data. They are checked by certdrop-inspect before
 * anything of the product runs, and a refusal quotes the rule:
 *
 *         RSA key has 4096 bits; PingDirectory inter-server certificates allow 2048 to
 * 3072
 *
 * A rule whose limit is a setting names the option (`min_option`, `max_option`): the
 * setting wins over `min` and `max`.
 */

#include <stddef.h>

#include "controller/model/record.h"

enum rule_kind {
	RULE_KEY_TYPES, /* words: "RSA", "EC", "Ed25519", "Ed448", "RSA-PSS" that are allowed */
	RULE_RSA_BITS, /* min to max bits of an RSA modulus */
	RULE_EC_CURVES, /* words: "P-256", "P-384", ... that are allowed */
	RULE_SIGNATURES, /* words: digests that are refused in a signature: "SHA1", "MD5"; or "RSASSA-PSS" */
	RULE_USAGES, /* words: extended key usages that the leaf must allow: "serverAuth" */
	RULE_NAMES, /* words: names that the leaf must cover: "db1.example", "*.cluster.example" */
	RULE_PARTS, /* words: parts that must be there: "key", "chain", "ca", "client-leaf"; "crl?":
		     * that are taken where they are there */
	RULE_CHAIN, /* one word: "any", "complete" (up to a known authority), "root" (root included) */
	RULE_VALIDITY, /* min days of life left; a warning, not a refusal */
	RULE_VERSION_3, /* X.509 version 3 only */
	RULE_NOT_SELF_SIGNED,
	RULE_ANCHOR, /* the chain ends at a root that is in the part "ca" */
	RULE_CRL_ISSUED, /* whoever signed a revocation list is in the part "ca" */
	RULE_PACKAGE, /* words: NAME:PART, what an archive has to hold under which name. PART is a part's
		       * name, or "passphrase" (formats/gauss-cipher.h), or "any", or
		       * "never": must not be there; "?" behind it: may be missing */
	RULE_USAGES_ADVISED, /* words: as with RULE_USAGES; a warning, not a refusal */
	RULE_OWN, /* no two targets with this rule have the same certificate, or the same key; it is not
		   * for certdrop-inspect, which knows one target only */
	RULE_NO_KEY, /* one word: certificates without a private key make a credential, and a key that is
		      * dropped along is refused. "authorities": all of them, each an authority's, are
		      * one (part "ca"); "certificate": one of them, and its chain, is */
};

struct rule {
	enum rule_kind kind;
	const char *words; /* separated by blanks */
	long min, max;
	const char *min_option, *max_option; /* settings that replace min and max */
	const char *words_option; /* a setting of words, or of a text of such, that replaces `words`;
				   * where that is NULL, there are no others */
	const char *when_option, *when; /* only for targets in which this setting is one of these
					 * words; NULL: for all */
	const char *says; /* whose rule it is, in the plural: "PingDirectory certificates" */
};

struct target;

/* The rules of a target's product with its settings applied, then those of every target
 * (target.h), one "rule" record each:
 *
 *         rule rsa-bits 2048 3072 "PingDirectory inter-server certificates"
 *         rule key-types "PingDirectory inter-server certificates" RSA
 *
 * (words: kind, then min and max where the kind has them, then `says`, then the words). A
 * rule whose words are empty is left out. */
void rules_write(struct arena *arena, const struct target *target, struct records *records);

/* Whose rule of this kind applies to the target; NULL: there is none. */
const char *rule_says(struct arena *arena, const struct target *target, enum rule_kind kind);

const char *rule_kind_name(enum rule_kind kind); /* "rsa-bits" */
bool rule_kind_read(const char *name, enum rule_kind *kind);
bool rule_kind_has_limits(enum rule_kind kind); /* min and max stand behind the kind */
bool rule_kind_has_words(enum rule_kind kind); /* without words it says nothing */
