#pragma once

/*
 * The two files in which openGauss keeps the passphrase of a private key: server.key.cipher and
 * server.key.rand, client.key.cipher and client.key.rand. `gs_guc encrypt` writes them, the
 * server reads them when it opens its key.
 *
 *         gauss_salts_random(&salts, error)
 *         gauss_cipher_encode(&passphrase, &salts, &files, error)
 *
 *         gauss_cipher_decode(&files, &passphrase, error)
 *
 * Layout, little endian, from the server's cipher.h:
 *
 *         cipher   16 ciphertext, 1 filler, 16 salt, 1 filler, 16 CBC IV, 2 filler, 4 checksum
 *         rand     16 password for the key derivation, 4 filler, 4 checksum
 *
 * Key: PBKDF2-HMAC-SHA256 (RFC 8018) of the rand file's 16 bytes with the salt, 10,000 rounds, 16
 * bytes. Plaintext: the passphrase, 0x80, and zeros up to one block (ISO/IEC 7816-4). Cipher:
 * AES-128-CBC. Fillers may hold anything, and count for the checksum. The checksum is the CRC that
 * PostgreSQL used before 9.5: the table of zlib's polynomial with the register shifted the other
 * way, so that it is not zlib's crc32.
 *
 * The cluster manager (CM) reads the same files, unless it was built with ENABLE_LIBPQ=OFF: then its
 * fields have 32 bytes, for AES-256 (CM, src/include/cm/cm_cipher.h). Such files are told apart by their
 * sizes, and refused.
 *
 * Who has both files has the passphrase: this is no protection, their mode is.
 *
 * Source: openGauss-server, src/include/cipher.h, src/common/port/cipher.cpp and
 * src/include/utils/pg_crc.h; the manual's page on gs_guc for the rules of passphrases.
 */

#include "controller/base/secret.h"

enum {
	GAUSS_CIPHER_SIZE = 56,
	GAUSS_RAND_SIZE = 24,
	GAUSS_MANAGER_CIPHER_SIZE = 104, /* of a CM built without libpq; not read, but known */
	GAUSS_MANAGER_RAND_SIZE = 40,
	GAUSS_CIPHER_ROUNDS = 10000, /* of the key derivation, for whoever has to pay for it */
	GAUSS_PASSPHRASE_MIN = 8, /* bytes */
	GAUSS_PASSPHRASE_MAX = 15,
};

struct gauss_cipher {
	unsigned char cipher[GAUSS_CIPHER_SIZE];
	unsigned char rand[GAUSS_RAND_SIZE];
};

/* What is random in the files. */
struct gauss_salts {
	unsigned char password[16], salt[16], iv[16];
};

/* Is this, by its size and its checksum, a cipher file, or a rand file? ERROR_INPUT continues a
 * sentence that begins with the file's name: "has 55 bytes; a cipher file has 56". */
bool gauss_cipher_check(const void *bytes, size_t length, struct error *error) must_check;
bool gauss_rand_check(const void *bytes, size_t length, struct error *error) must_check;

/* The passphrase that both files hold; it replaces what `passphrase` held. Up to release 5.1 there
 * were passphrases of 16 bytes, which fill the block and leave no room for the padding; they are
 * read, and gauss_passphrase_wrong() says that they cannot be written any more. ERROR_INPUT: a
 * checksum is wrong, or the files do not belong together. */
bool gauss_cipher_decode(const struct gauss_cipher *files, struct secret *passphrase,
		struct error *error) must_check;

/* ERROR_INPUT: gauss_passphrase_wrong() has something to say. */
bool gauss_cipher_encode(const struct secret *passphrase, const struct gauss_salts *salts,
		struct gauss_cipher *files, struct error *error) must_check;

/* ERROR_RETRY: there are no random numbers. */
bool gauss_salts_random(struct gauss_salts *salts, struct error *error) must_check;

/* A new passphrase of 15 characters that the rules allow, about 90 bits strong. ERROR_RETRY: there
 * are no random numbers. */
bool gauss_passphrase_random(struct secret *passphrase, struct error *error) must_check;

/* What `gs_guc encrypt` would refuse: fewer than 8 or more than 15 bytes, or fewer than three of
 * the kinds upper case, lower case, digits, and ~!@#$%^&*()-_=+\|[{}];:,<.>/? . Other bytes are
 * allowed and count as no kind; a zero byte would end the passphrase. NULL: nothing. Otherwise it
 * continues a sentence: "has 16 bytes; 8 to 15 are allowed". */
const char *gauss_passphrase_wrong(const struct secret *passphrase);
