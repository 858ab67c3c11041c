#pragma once

/*
 * Key stores: a credential's leaf, chain and key in one password-protected file.
 *
 * format "pkcs12" (RFC 7292). Profile "modern" is what OpenSSL 3, Java 8u301 and later and
 * Windows Server 2019 read: PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA-256, MAC with
 * SHA-256. Profile "old-java" is the common ground of older ones: PBE-SHA1-3DES, MAC with
 * SHA-1. Such a store has one password: Java does not read it with another one for the key.
 *
 * format "jks": see keystore-jks.h. It has no profiles.
 */

#include "controller/base/secret.h"
#include "controller/model/step.h"

struct keystore_passwords {
	const char *store;
	const char *key; /* NULL: the store's */
};

/* Appends the store to `bytes`. `parts` are a credential file's (model/credential.h).
 * ERROR_CONFIG: an unknown format or profile, an alias or passwords that the format cannot have.
 * ERROR_INPUT: leaf or key is missing or cannot be read. */
bool keystore_build(const struct make_step *make, const char *parts,
		const struct keystore_passwords *passwords, struct secret *bytes,
		struct error *error) must_check;
