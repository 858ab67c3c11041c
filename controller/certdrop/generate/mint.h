#pragma once

/*
 * A new private key with a certificate signed by itself (RFC 5280), or with a request for one
 * (PKCS#10, RFC 2986), as an order (model/profile.h) asks for it. The key is made in this process,
 * is nowhere but in a secret, and what OpenSSL held of it is cleansed.
 *
 * The certificate is an end entity's: CA:FALSE, critical key usage digitalSignature (and
 * keyEncipherment for RSA), the extended key usages and subject alternative names of the order. It
 * is valid from an hour before now, for clocks that are behind. Signed with SHA-256, Ed25519 and
 * Ed448 in their own way.
 */

#include "controller/base/buffer.h"
#include "controller/base/digest.h"
#include "controller/base/secret.h"
#include "controller/model/profile.h"

enum mint_kind { MINT_SELF_SIGNED, MINT_REQUEST };

struct minted {
	struct secret key; /* PEM, unencrypted PKCS#8 */
	struct buffer document; /* PEM: the certificate or the request */
	struct digest fingerprint; /* of the certificate; empty for a request */
	struct digest key_fingerprint; /* of the SubjectPublicKeyInfo */
	long long not_after; /* seconds since 1970; 0 for a request */
};

void minted_done(struct minted *minted);

/* `now` in seconds since 1970. ERROR_CONFIG: a kind of key that is not known, a name or a usage
 * that cannot be written. ERROR_RETRY: OpenSSL failed. */
bool mint(const struct order *order, enum mint_kind kind, long long now, struct minted *minted,
		struct error *error) must_check;
