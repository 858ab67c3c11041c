#pragma once

/* The few facts about a certificate that a worker reports: which one it is, and how long
 * it is good for. */

#include <openssl/types.h>

#include "controller/base/digest.h"

struct certificate {
	struct digest fingerprint;
	long long not_after; /* seconds since 1970-01-01 UTC */
};

/* False: it cannot be encoded, or its date is not one. */
bool certificate_of(X509 *x509, struct certificate *certificate);

/* SHA-256 of its SubjectPublicKeyInfo's DER, which a certificate on the same key pair shares. False:
 * it cannot be encoded. */
bool certificate_key(X509 *x509, struct digest *digest);

/* For SSL_CTX_set_cert_verify_callback(): trusts, instead of a chain, just the server whose
 * certificate has a fingerprint that is among `pins`, a text with blanks between them. */
int certificate_check_pin(X509_STORE_CTX *context, void *pins);

/* The first PEM certificate in a text. False: there is none. */
bool certificate_find(const char *text, size_t length, struct certificate *certificate);

/* All of them, as one: the SHA-256 of their DER in the order of their own fingerprints, each once, so that
 * one alone has its own (model/credential.h); and the first end. False: there is none, one
 * cannot be read, or there are more than CERTIFICATES_MAX. */
enum { CERTIFICATES_MAX = 512 };
bool certificate_find_all(const char *text, size_t length, struct certificate *all);
