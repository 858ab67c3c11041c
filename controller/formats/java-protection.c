#include "controller/formats/java-protection.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <string.h>

/* Fetched once, like digest.c's. */
static const EVP_MD *sha1(void)
{
	static EVP_MD *fetched;

	if (!fetched)
		fetched = EVP_MD_fetch(NULL, "SHA1", NULL);
	assert(fetched);
	return fetched;
}

void java_password(const char *passphrase, struct secret *password)
{
	unsigned char *units = NULL;
	int length = 0;

	/* OpenSSL ends it with a zero character, which is not part of P. */
	assert(OPENSSL_utf82uni(passphrase, (int)strlen(passphrase), &units, &length));
	secret_append(password, units, (size_t)length - 2);
	OPENSSL_clear_free(units, (size_t)length);
}

/* SHA-1 of the password and two things behind it. */
static struct java_digest digest_with(const struct secret *password, const void *first,
		size_t first_length, const void *second, size_t second_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct java_digest digest;
	const bool done = context && EVP_DigestInit_ex2(context, sha1(), NULL) == 1 &&
			EVP_DigestUpdate(context, password->bytes, password->length) == 1 &&
			EVP_DigestUpdate(context, first, first_length) == 1 &&
			EVP_DigestUpdate(context, second, second_length) == 1 &&
			EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1;

	assert(done);
	EVP_MD_CTX_free(context);
	return digest;
}

struct java_digest java_seal(const struct secret *password, const void *store, size_t length)
{
	static const char words[] = "Mighty Aphrodite";

	return digest_with(password, words, sizeof(words) - 1, store, length);
}

struct java_digest java_check(const struct secret *password, const void *key, size_t length)
{
	return digest_with(password, key, length, "", 0);
}

void java_cipher(const struct secret *password, const struct java_digest *salt,
		const unsigned char *bytes, size_t length, struct secret *result)
{
	struct java_digest stream = *salt;
	unsigned char part[JAVA_DIGEST_SIZE];

	for (size_t at = 0; at < length; at += JAVA_DIGEST_SIZE) {
		const size_t left = length - at;
		const size_t count = left < JAVA_DIGEST_SIZE ? left : JAVA_DIGEST_SIZE;

		stream = digest_with(password, stream.bytes, JAVA_DIGEST_SIZE, "", 0);
		for (size_t i = 0; i < count; i++)
			part[i] = bytes[at + i] ^ stream.bytes[i];
		secret_append(result, part, count);
	}
	OPENSSL_cleanse(&stream, sizeof(stream));
	OPENSSL_cleanse(part, sizeof(part));
}

bool java_digest_equal(const struct java_digest *digest, const unsigned char *bytes)
{
	return CRYPTO_memcmp(digest->bytes, bytes, JAVA_DIGEST_SIZE) == 0;
}
