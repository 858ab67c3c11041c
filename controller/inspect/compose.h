#pragma once

/*
 * The credential file (model/credential.h): a candidate, written down in the one way that
 * a set of leaf, chain, key and whatever else can be written.
 *
 * Chains leave their root out unless `with_root`. Authorities (part ca) and revocation
 * lists stand in the order of their fingerprints, each once. EC keys carry their public
 * key, uncompressed.
 *
 * A bundle has the authorities of the drop and nothing else; the candidate's leaf is the one of
 * them whose facts are told (model/credential.h).
 */

#include "controller/base/secret.h"
#include "controller/inspect/prove/pair.h"
#include "controller/model/credential.h"

struct composition {
	bool with_root, with_authorities, with_crls;
	bool whole; /* the chain is to be complete: none in it may have ended */
	bool bundle; /* the authorities of the drop are all there is */
	struct rows warnings;
};

/* `text` is the whole file, `facts` what stands at its head, in the arena. ERROR_INPUT:
 * more than CREDENTIAL_FILE_MAX bytes. */
bool compose(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition, struct credential *facts,
		struct secret *text, struct error *error) must_check;
