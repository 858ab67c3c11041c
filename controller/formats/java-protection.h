#pragma once

/*
 * The arithmetic that protects a Java key store (JKS), for its reader (controller/inspect) and its
 * writer (controller/apply). The public description is OpenJDK's source, JavaKeyStore.java and
 * KeyProtector.java in sun/security/provider:
 *
 *         P            a password in UTF-16, big-endian, without a mark
 *         seal         SHA-1(P, "Mighty Aphrodite", the whole store before the seal)
 *         sealed key   salt (20 bytes), cipher, check (20 bytes)
 *         cipher       the key XOR SHA-1(P, salt), SHA-1(P, the 20 bytes before), ...
 *         check        SHA-1(P, the key)
 *
 * The store's password and a key's may differ, and each is known to be right or wrong by itself.
 * It is weak by design, because passwords cost nothing to try: whoever can read such a file has
 * almost read the key.
 */

#include "controller/base/secret.h"

enum { JAVA_DIGEST_SIZE = 20 };

struct java_digest {
	unsigned char bytes[JAVA_DIGEST_SIZE];
};

/* Appends P. What is not UTF-8 is taken for Latin-1, as OpenSSL does for PKCS#12. */
void java_password(const char *passphrase, struct secret *password);

/* The seal of a store, and the check of a key. */
struct java_digest java_seal(const struct secret *password, const void *store, size_t length);
struct java_digest java_check(const struct secret *password, const void *key, size_t length);

/* Appends a key's cipher, or the key of a cipher: it is the same. */
void java_cipher(const struct secret *password, const struct java_digest *salt,
		const unsigned char *bytes, size_t length, struct secret *result);

/* In the same time, however much of them is equal. */
bool java_digest_equal(const struct java_digest *digest, const unsigned char *bytes);
