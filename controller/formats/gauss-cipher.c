#include "controller/formats/gauss-cipher.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <string.h>

enum {
	BLOCK = 16,
	SALT_AT = 17,
	IV_AT = 34,
	CIPHER_SUM_AT = GAUSS_CIPHER_SIZE - 4,
	RAND_SUM_AT = GAUSS_RAND_SIZE - 4,
	PADDING = 0x80,
};

static const char specials[] = "~!@#$%^&*()-_=+\\|[{}];:,<.>/?";

/* ---- the checksum ---- */

/* One entry of zlib's table: the polynomial 0xEDB88320, reflected. */
static uint32_t crc_entry(unsigned index)
{
	uint32_t entry = index;

	for (int bit = 0; bit < 8; bit++)
		entry = entry & 1 ? entry >> 1 ^ 0xEDB88320U : entry >> 1;
	return entry;
}

/* The register moves to the left although the table is that of a register moving to the right:
 * a slip of long ago that has become the format. */
static uint32_t checksum(const unsigned char *bytes, size_t length)
{
	uint32_t sum = 0xFFFFFFFFU;

	for (size_t i = 0; i < length; i++)
		sum = crc_entry((sum >> 24 ^ bytes[i]) & 0xFF) ^ sum << 8;
	return sum ^ 0xFFFFFFFFU;
}

static void put_checksum(unsigned char *bytes, size_t at)
{
	const uint32_t sum = checksum(bytes, at);

	for (size_t i = 0; i < 4; i++)
		bytes[at + i] = (unsigned char)(sum >> 8 * i);
}

static bool check(const unsigned char *bytes, size_t length, size_t size, size_t manager_size,
		const char *what, struct error *error)
{
	uint32_t stored = 0;

	if (length == manager_size)
		return fail(error, ERROR_INPUT,
				"has %zu bytes: it is one of a cluster manager (CM) built with "
				"AES-256, which the database cannot read; make one of %zu bytes with "
				"gs_guc encrypt",
				length, size);
	if (length != size)
		return fail(error, ERROR_INPUT, "has %zu bytes; a %s file of openGauss has %zu",
				length, what, size);
	for (size_t i = 0; i < 4; i++)
		stored |= (uint32_t)bytes[size - 4 + i] << 8 * i;
	if (stored != checksum(bytes, size - 4))
		return fail(error, ERROR_INPUT,
				"is damaged: its checksum is not that of a %s file of openGauss",
				what);
	return true;
}

bool gauss_cipher_check(const void *bytes, size_t length, struct error *error)
{
	return check(bytes, length, GAUSS_CIPHER_SIZE, GAUSS_MANAGER_CIPHER_SIZE, "cipher", error);
}

bool gauss_rand_check(const void *bytes, size_t length, struct error *error)
{
	return check(bytes, length, GAUSS_RAND_SIZE, GAUSS_MANAGER_RAND_SIZE, "rand", error);
}

/* ---- one block ---- */

/* As OpenSSL numbers them. */
enum { DECRYPT = 0, ENCRYPT = 1 };

static void derive(
		const unsigned char *password, const unsigned char *salt, unsigned char key[BLOCK])
{
	const int derived = PKCS5_PBKDF2_HMAC((const char *)password, BLOCK, salt, BLOCK,
			GAUSS_CIPHER_ROUNDS, EVP_sha256(), BLOCK, key);

	assert(derived == 1);
}

/* OpenSSL's own padding is another one, so it is off. */
static void crypt_block(int direction, const struct gauss_cipher *files,
		const unsigned char in[BLOCK], unsigned char out[BLOCK])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char key[BLOCK];
	int length = 0;
	int done;

	assert(context);
	derive(files->rand, files->cipher + SALT_AT, key);
	done = EVP_CipherInit_ex(context, EVP_aes_128_cbc(), NULL, key, files->cipher + IV_AT,
			       direction) == 1 &&
			EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
			EVP_CipherUpdate(context, out, &length, in, BLOCK) == 1;
	assert(done && length == BLOCK);
	EVP_CIPHER_CTX_free(context);
	OPENSSL_cleanse(key, sizeof(key));
}

/* ---- decoding ---- */

/* 16 bytes without padding: what release 5.1 and before made of a passphrase that fills the
 * block. Wrong files decrypt to this once in ten million times. */
static bool fills_the_block(const unsigned char plain[BLOCK])
{
	for (size_t i = 0; i < BLOCK; i++)
		if (plain[i] < '!' || plain[i] > '~')
			return false;
	return true;
}

/* 0: the padding is not one. */
static size_t passphrase_length(const unsigned char plain[BLOCK])
{
	size_t length = BLOCK;

	if (fills_the_block(plain))
		return BLOCK;
	while (length > 0 && plain[length - 1] == 0)
		length--;
	if (length == 0 || plain[length - 1] != PADDING)
		return 0;
	return memchr(plain, 0, length - 1) ? 0 : length - 1;
}

bool gauss_cipher_decode(
		const struct gauss_cipher *files, struct secret *passphrase, struct error *error)
{
	unsigned char plain[BLOCK];
	size_t length;

	if (!gauss_cipher_check(files->cipher, GAUSS_CIPHER_SIZE, error))
		return fail_while(error, "the cipher file");
	if (!gauss_rand_check(files->rand, GAUSS_RAND_SIZE, error))
		return fail_while(error, "the rand file");
	crypt_block(DECRYPT, files, files->cipher, plain);
	length = passphrase_length(plain);
	if (length > 0) {
		secret_done(passphrase);
		secret_append(passphrase, plain, length);
	}
	OPENSSL_cleanse(plain, sizeof(plain));
	return length > 0 ||
			fail(error, ERROR_INPUT,
					"the cipher and the rand file do not belong together");
}

/* ---- encoding ---- */

bool gauss_cipher_encode(const struct secret *passphrase, const struct gauss_salts *salts,
		struct gauss_cipher *files, struct error *error)
{
	const char *wrong = gauss_passphrase_wrong(passphrase);
	unsigned char plain[BLOCK] = { 0 };

	if (wrong)
		return fail(error, ERROR_INPUT, "the passphrase %s", wrong);
	memcpy(plain, passphrase->bytes, passphrase->length);
	plain[passphrase->length] = PADDING;

	*files = (struct gauss_cipher){ 0 };
	memcpy(files->rand, salts->password, BLOCK);
	memcpy(files->cipher + SALT_AT, salts->salt, BLOCK);
	memcpy(files->cipher + IV_AT, salts->iv, BLOCK);
	crypt_block(ENCRYPT, files, plain, files->cipher);
	OPENSSL_cleanse(plain, sizeof(plain));
	put_checksum(files->cipher, CIPHER_SUM_AT);
	put_checksum(files->rand, RAND_SUM_AT);
	return true;
}

bool gauss_salts_random(struct gauss_salts *salts, struct error *error)
{
	if (RAND_bytes(salts->password, BLOCK) != 1 || RAND_bytes(salts->salt, BLOCK) != 1 ||
			RAND_bytes(salts->iv, BLOCK) != 1)
		return fail(error, ERROR_RETRY, "openssl has no random numbers");
	return true;
}

/* ---- passphrases ---- */

static int kinds_of(const struct secret *passphrase)
{
	bool upper = false, lower = false, digit = false, special = false;

	for (size_t i = 0; i < passphrase->length; i++) {
		const unsigned char byte = passphrase->bytes[i];

		if (byte >= 'A' && byte <= 'Z')
			upper = true;
		else if (byte >= 'a' && byte <= 'z')
			lower = true;
		else if (byte >= '0' && byte <= '9')
			digit = true;
		else if (memchr(specials, byte, sizeof(specials) - 1))
			special = true;
	}
	return upper + lower + digit + special;
}

const char *gauss_passphrase_wrong(const struct secret *passphrase)
{
	if (passphrase->length < GAUSS_PASSPHRASE_MIN)
		return "has fewer than 8 bytes; openGauss allows 8 to 15";
	if (passphrase->length > GAUSS_PASSPHRASE_MAX)
		return "has more than 15 bytes; openGauss allows 8 to 15";
	if (memchr(passphrase->bytes, 0, passphrase->length))
		return "holds a zero byte, which would end it";
	if (kinds_of(passphrase) < 3)
		return "has fewer than three of the kinds upper case, lower case, digits and "
		       "special characters, which openGauss asks for";
	return NULL;
}

/* 64 characters, so that six bits choose one evenly; with fewer than three kinds, which is rare,
 * another one is made. */
bool gauss_passphrase_random(struct secret *passphrase, struct error *error)
{
	static const char alphabet[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	unsigned char bytes[GAUSS_PASSPHRASE_MAX];

	do {
		if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1)
			return fail(error, ERROR_RETRY, "openssl has no random numbers");
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)alphabet[bytes[i] & 63];
		secret_done(passphrase);
		secret_append(passphrase, bytes, sizeof(bytes));
	} while (gauss_passphrase_wrong(passphrase));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return true;
}
