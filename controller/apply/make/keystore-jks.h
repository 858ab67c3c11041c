#pragma once

/*
 * Writing a Java key store (JKS), version 2, with one entry: a private key and its chain. The
 * format is described in controller/inspect/read/java-store.h, what protects it in
 * controller/formats/java-protection.h.
 *
 * Java looks for an entry under its alias in lower case, and finds none that was stored otherwise.
 * So the alias is written in lower case, and has to be ASCII, where that is not a matter of
 * language.
 */

#include <openssl/x509.h>

#include "controller/apply/make/keystore.h"

struct keystore_content {
	EVP_PKEY *key;
	X509 *leaf;
	STACK_OF(X509) * chain; /* from the leaf's issuer upwards */
};

/* Appends the store to `bytes`. ERROR_CONFIG: the alias is missing, not ASCII, or longer than 255
 * characters. ERROR_INTERNAL: OpenSSL cannot write a key or certificate. */
bool keystore_jks_write(const struct keystore_content *content, const char *alias,
		const struct keystore_passwords *passwords, struct secret *bytes,
		struct error *error) must_check;
