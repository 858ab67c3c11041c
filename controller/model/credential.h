#pragma once

/*
 * A credential: one immutable set of leaf, chain, private key and whatever else a product
 * needs with them, known by its digest. Only certdrop-inspect makes one, after it proved
 * the pair.
 *
 * In the store and between the programs it is one text, the credential file:
 *
 *         credential 5f0c...                the facts: a record (record.h) without secrets
 *                 fingerprint 9f2c...
 *                 ...
 *                                           an empty line
 *         certdrop part: leaf               the parts, each one or more PEM blocks (RFC 7468)
 *         -----BEGIN CERTIFICATE-----
 *         ...
 *         certdrop part: key
 *         -----BEGIN PRIVATE KEY-----       always unencrypted PKCS#8 (RFC 5958)
 *
 * Parts stand in the order of the enum, blocks have 64 characters a line and "\n" ends,
 * chains run from the leaf's issuer upwards: the same set always gives the same bytes.
 * The digest is the SHA-256 of everything from the first "certdrop part:" to the end.
 * CREDENTIAL_FILE_MAX bounds it.
 *
 * Some have no private key, because a product wants certificates alone (model/rule.h,
 * RULE_NO_KEY): a certificate and its chain, or authorities that belong together (part ca and
 * nothing else). The fingerprint of the latter is the SHA-256 of the DER of all of them, in
 * the order of their own fingerprints, so that of one is its own; `chain` lists them; subject,
 * issuer, serial, not_before and key are those of the one that was issued last, and not_after is
 * the first end of all.
 */

#include <stddef.h>

#include "controller/base/arena.h"
#include "controller/base/error.h"
#include "controller/model/record.h"

enum { CREDENTIAL_FILE_MAX = 1 << 20 };

enum part {
	PART_LEAF, /* the certificate, one block */
	PART_CHAIN, /* its issuers, without the root unless the target's rules ask for it */
	PART_KEY, /* its private key, unless there is none */
	PART_CLIENT_LEAF, /* a second pair, for products whose clients or peers need one */
	PART_CLIENT_CHAIN,
	PART_CLIENT_KEY,
	PART_CA, /* certificates to be trusted */
	PART_CRL,
};

const char *part_name(enum part part); /* "leaf", "client-key", ... */
bool part_read(const char *name, enum part *part);

/* One row of `lasts` or `links`. */
struct lasting {
	const char *what;
	long long from, until;
};
struct lasting credential_lasting(struct words row);

/* The facts, as certdrop-inspect found them. Everything lives in the arena it was read
 * into. Names and subjects are printable UTF-8 (RFC 2253 order, control characters
 * escaped). */
struct credential {
	const char *digest;
	const char *fingerprint; /* SHA-256 of the leaf's DER, hex */
	const char *key_fingerprint; /* SHA-256 of its SubjectPublicKeyInfo, hex */
	const char *subject; /* "CN=web.example" */
	const char *issuer;
	const char *serial; /* hex */
	long long not_before, not_after; /* seconds since 1970-01-01 UTC */
	const char *key; /* "RSA 2048", "EC P-256", "Ed25519" */
	struct words names; /* "DNS:web.example", "IP:192.0.2.1" */
	struct words usages; /* "serverAuth", "clientAuth", ... */
	struct words parts; /* the names of the parts that it has */
	struct words chain; /* fingerprints of the chain, nearest first */
	bool self_signed;
	struct rows unnamed; /* subjects of those in leaf and chain that have no common name (CN), one word
			      * each: some products stumble over them */
	const char *client_fingerprint; /* NULL without a client pair */
	struct rows lasts; /* what else in it ends, with the client pair, the authorities and the
			    * revocation lists that rules ask for: "the client certificate of CN=app",
			    * its first and its last second */
	struct rows links; /* the certificates of `chain`, nearest first, and when they end: as in
			    * `lasts`, where they stand besides if a rule asks for a whole chain */
	struct rows warnings; /* sentences for the operator, one word each */
};

/* From and to the record. ERROR_INTERNAL: a field is missing or not of its form. */
bool credential_read(struct arena *arena, const struct record *record,
		struct credential *credential, struct error *error) must_check;
struct record *credential_record(struct arena *arena, const struct credential *credential);

/* Finds the facts record and the parts in a credential file's text, and checks that the
 * digest is right. `parts` points into `text`. ERROR_INTERNAL: damaged. */
bool credential_file_read(struct arena *arena, const char *text, struct credential *credential,
		const char **parts, struct error *error) must_check;

/* The PEM blocks of one part, pointing into `parts`; length 0 when there is none. */
struct span {
	const char *start;
	size_t length;
};
struct span credential_part(const char *parts, enum part part);

/* A name for what is made of a credential under a layout (which settings it was made with): 16
 * characters of each one's digest, "5f0c...-77ab...". */
const char *generation_name(struct arena *arena, const char *digest, const char *layout);
