#pragma once

/*
 * OpenSSL, made ready once and kept quick. Everything it would load or look up later is
 * loaded here, before the sandbox closes: the default and (where installed) the legacy
 * provider, digests, and one decoder for each kind of key. With OpenSSL 3.0 building a
 * decoder costs 80 us and using it 8 us, so they are kept; certificates are parsed in a
 * library context with the null provider, where their public keys are not decoded until
 * somebody asks (6 us instead of 95 us).
 *
 *         crypto_init(&error)                once; again is harmless
 *         key = crypto_private_key(der, CRYPTO_PKCS8)
 *         EVP_PKEY_free(key)
 *
 * Private numbers live in OpenSSL's secure heap (locked, guarded, 2 MiB). Configuration
 * files of OpenSSL are not read. Not for threads.
 */

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "controller/base/error.h"
#include "controller/inspect/read/tlv.h"

/* ERROR_RETRY: OpenSSL lacks something it was built with. */
bool crypto_init(struct error *error) must_check;

/* Was the legacy provider found? Without it old PKCS#12 files (RC2, RC4, DES) cannot be
 * read. */
bool crypto_has_legacy(void);

enum crypto_form {
	CRYPTO_PKCS8, /* PrivateKeyInfo, RFC 5208 and 5958 */
	CRYPTO_RSA, /* RSAPrivateKey, RFC 8017 */
	CRYPTO_EC, /* ECPrivateKey, RFC 5915 */
};

/* The key type that an AlgorithmIdentifier names: "RSA", "RSA-PSS", "EC", "Ed25519" or
 * "Ed448"; NULL for others. */
const char *crypto_key_type(struct bytes algorithm);

/* NULL: not such a key, or of a type, size (RSA up to 8192 bits) or form (EC with
 * parameters of its own) that is not used here. */
EVP_PKEY *crypto_private_key(struct bytes der, enum crypto_form form);
EVP_PKEY *crypto_public_key(struct bytes der); /* SubjectPublicKeyInfo */

/* A certificate whose public key is not decoded. NULL: it is not one, or bytes follow it.
 */
X509 *crypto_certificate(struct bytes der);

/* "SHA1", "SHA256", ... behind a signature algorithm's digest number; fetched once.
 * NULL: unknown, or too old to prove anything (MD5 and before). */
const EVP_MD *crypto_digest(int nid);
