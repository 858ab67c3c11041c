#pragma once

/*
 * Pairs: a certificate and the private key that belongs to it, proven, with the chain
 * above. A candidate is what may become a credential: a pair, and for products that need
 * one a client pair, with the authorities and revocation lists of the drop. Where the rules say
 * that there is no key (RULE_NO_KEY) a pair is a certificate alone, with the chain above.
 */

#include "controller/inspect/findings.h"
#include "controller/inspect/prove/chain.h"
#include "controller/inspect/prove/traits.h"

enum { PAIRS_MAX = 64 };

struct pair {
	struct certificate *leaf;
	struct key *key; /* NULL: the rules want none */
	struct chain chain;
	struct traits traits;
	bool is_client; /* only when the rules ask for a client pair */
	bool is_open; /* likewise: nothing tells whether it is one (role.h) */
	long long arrived; /* the later of certificate and key */
	const char *wrong; /* why it cannot be used; NULL: proven */
};

struct pairs {
	struct pair items[PAIRS_MAX];
	size_t count;
};

struct candidate {
	const struct pair *server;
	const struct pair *client; /* NULL: none asked for, or none there */
	const struct findings *drop;
	unsigned long long within; /* bit i: what is in file i may be part of it */
	bool has_authorities; /* an authorities file was given */
};

/* Certificate and key, in these files? */
bool pair_lies_within(const struct pair *pair, unsigned long long files);

/* An authority of the drop that comes along with the candidate (part ca). */
bool candidate_trusts(const struct candidate *candidate, const struct certificate *certificate);

/* What a pair search has to know besides the findings. */
struct pair_search {
	struct findings *drop, *authorities; /* authorities: NULL without the file */
	bool to_root; /* the chain is to have its root */
	bool with_clients; /* tell client pairs from server pairs */
	struct words names; /* that the rules ask of the server's pair, for telling them apart */
};

/* All pairs of the drop, the best first: latest notBefore, then latest arrival. Marks
 * certificates and keys that found each other, and those used in a chain. Authorities
 * count as leaves only where no other certificate has a key. */
void pairs_find(const struct pair_search *search, struct pairs *pairs);

/* The same of certificates alone; of all of them with `all`, else of those that are nobody's issuer. */
void pairs_find_alone(const struct pair_search *search, bool all, struct pairs *pairs);
