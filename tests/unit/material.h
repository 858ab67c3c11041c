#pragma once

/*
 * Certificates and keys for tests, made on the spot: nothing secret is in the repository,
 * and nothing expires.
 *
 *         autodone(identity) struct identity ca = { 0 }, leaf = { 0 };
 *
 *         identity_make(&ca, &(struct recipe){ .name = "Test CA", .authority = true });
 *         identity_make(&leaf, &(struct recipe){ .name = "web.example", .issuer = &ca });
 *         add_certificate(&text, &leaf);
 *         add_key(&text, &leaf, NULL);
 *
 * Whatever fails ends the test program. Keys are EC P-256 unless the recipe says
 * otherwise, because those are quick to make.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "controller/base/buffer.h"
#include "controller/base/owned.h"

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

struct recipe {
	const char *name; /* common name; NULL: an empty subject */
	const char *key; /* "EC P-256" (the default), "RSA 2048", "RSA-PSS 2048", "Ed25519", ... */
	EVP_PKEY *with_key; /* this key instead of a new one; stays the caller's */
	const struct identity *issuer; /* NULL: self-signed */
	const char *names; /* subject alternative names as in openssl.cnf: "DNS:a,IP:::1"; NULL: DNS
			    * and the name, unless it is an authority; "": none */
	const char *usages; /* "serverAuth,clientAuth"; NULL: none stated */
	const char *digest; /* of the signature; NULL: SHA256 (none for Ed25519, Ed448) */
	bool authority;
	bool version_1;
	long long not_before; /* seconds since 1970; 0: 2026-01-01 */
	int days; /* 0: 3650 */
};

void identity_make(struct identity *identity, const struct recipe *recipe);
void identity_done(struct identity *identity);

EVP_PKEY *key_make(const char *kind);

/* PEM */
void add_certificate(struct buffer *text, const struct identity *identity);
void add_key(struct buffer *text, const struct identity *identity, const char *passphrase);
void add_traditional_key(
		struct buffer *text, const struct identity *identity, const char *passphrase);
void add_crl(struct buffer *text, const struct identity *issuer);

/* DER */
void add_certificate_der(struct buffer *bytes, const struct identity *identity);
void add_key_der(struct buffer *bytes, const struct identity *identity);
void add_pkcs7_der(struct buffer *bytes, const struct identity *const *identities, size_t count);

struct pkcs12_recipe {
	const struct identity *identity;
	const struct identity *chain[4]; /* NULL at the end */
	const char *passphrase;
	int iterations; /* for keys and certificates; 0: 2048 */
	int seal_iterations; /* for the MAC; 0: 2048; -1: there is none */
	long claimed_iterations; /* what the seal says instead of the truth; 0: the truth */
	bool legacy; /* RC2-40 and 3DES, as before OpenSSL 3 */
};
void add_pkcs12(struct buffer *bytes, const struct pkcs12_recipe *recipe);

/* A ZIP archive, deflated by libzip. */
void add_zip(struct buffer *bytes, const char *const names[], const struct buffer *contents,
		size_t count);
