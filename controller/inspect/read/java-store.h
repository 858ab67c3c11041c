#pragma once

/*
 * The layout of a Java key store (JKS), checked and taken apart without any password. The public
 * description is OpenJDK's source, sun/security/provider/JavaKeyStore.java. Big-endian throughout:
 *
 *         store        u4 0xfeedfeed, u4 version (1 or 2), u4 number of entries, the entries,
 *                      seal (20 bytes)
 *         entry        u4 kind, alias (u2 length, modified UTF-8), u8 ms since 1970, and
 *                      kind 1: u4 length, sealed key; u4 number of certificates, and those
 *                      kind 2: a certificate
 *         certificate  type (u2 length, "X.509"; not in version 1), u4 length, DER
 *
 *         java_store_read(arena, bytes, &store, &wrong)
 *         java_store_opens(&store, &password)            is it the store's password?
 *         java_key_open(&entry, &password, &key)         for each key that is wanted
 *
 * Every length is held to what is there and to the limits below: lengths above a limit are refused
 * at once, others that lead beyond the end mean that a writer may still be at it. What follows the
 * seal is not looked at, as Java does not.
 */

#include "controller/base/arena.h"
#include "controller/formats/java-protection.h"
#include "controller/inspect/read/tlv.h"

enum {
	JAVA_ENTRIES_MAX = 1024,
	JAVA_CHAIN_MAX = 100, /* certificates of one private key */
	JAVA_SEALED_KEY_MAX = 16 << 10,
};

struct java_entry {
	bool has_key; /* else a trusted certificate */
	struct bytes alias; /* not terminated, not printable */
	struct bytes key; /* EncryptedPrivateKeyInfo (RFC 5208) */
	struct bytes certificates; /* `count` of them: java_certificate_next() */
	unsigned count;
};

struct java_store {
	unsigned version;
	struct java_entry *entries;
	size_t count;
	struct bytes sealed; /* what the seal is about */
	const unsigned char *seal;
};

enum java_outcome { JAVA_WHOLE, JAVA_CUT, JAVA_REFUSED };

/* `wrong` is a printable sentence for JAVA_REFUSED. */
enum java_outcome java_store_read(struct arena *arena, struct bytes bytes, struct java_store *store,
		const char **wrong);

/* Takes the first certificate off an entry's `certificates`. False: there is none left. */
bool java_certificate_next(
		const struct java_store *store, struct bytes *certificates, struct bytes *der);

/* False: another password, or the store was changed since it was sealed. The password as
 * java_password() makes it. */
bool java_store_opens(const struct java_store *store, const struct secret *password);

enum java_opening { JAVA_OPENED, JAVA_OTHER_PASSWORD, JAVA_OTHER_PROTECTION };

/* Appends the PKCS#8 key to `key` when it is JAVA_OPENED. JAVA_OTHER_PROTECTION: damaged, or
 * another algorithm than Sun's key protector. */
enum java_opening java_key_open(
		const struct java_entry *entry, const struct secret *password, struct secret *key);

/* What one try costs, in iterations as password.h counts them. */
long long java_store_cost(const struct java_store *store);
long long java_key_cost(const struct java_entry *entry);
