#include "controller/apply/make/keystore-jks.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "controller/formats/java-protection.h"

enum { VERSION = 2, KIND_KEY = 1, ALIAS_MAX = 255 };

static void append_number(struct secret *bytes, size_t size, unsigned long long number)
{
	for (size_t i = size; i-- > 0;) {
		const unsigned char octet = (unsigned char)(number >> 8 * i);

		secret_append(bytes, &octet, 1);
	}
}

static void append_text(struct secret *bytes, const char *text)
{
	append_number(bytes, 2, strlen(text));
	secret_append(bytes, text, strlen(text));
}

static bool is_ascii(const char *alias)
{
	while (*alias >= ' ' && *alias < 0x7f)
		alias++;
	return *alias == '\0';
}

static char in_lower_case(char letter)
{
	return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

static bool append_alias(struct secret *bytes, const char *alias, struct error *error)
{
	char lower[ALIAS_MAX + 1] = { 0 };

	if (!alias || !*alias)
		return fail(error, ERROR_CONFIG, "an entry of a JKS needs an alias");
	if (!is_ascii(alias) || strlen(alias) > ALIAS_MAX)
		return fail(error, ERROR_CONFIG,
				"the alias \"%s\" is not good for a JKS: it takes at most %d ASCII "
				"characters",
				alias, ALIAS_MAX);
	for (size_t i = 0; alias[i]; i++)
		lower[i] = in_lower_case(alias[i]);
	append_text(bytes, lower);
	return true;
}

/* ---- the key ---- */

/* salt, cipher and check of the key in PKCS#8. */
static bool seal_key(EVP_PKEY *key, const char *passphrase, struct secret *sealed)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	const int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	autodone(secret) struct secret password = { 0 };
	struct java_digest salt, check;
	const bool good = length > 0 && RAND_bytes(salt.bytes, JAVA_DIGEST_SIZE) == 1;

	if (good) {
		java_password(passphrase, &password);
		secret_append(sealed, salt.bytes, JAVA_DIGEST_SIZE);
		java_cipher(&password, &salt, der, (size_t)length, sealed);
		check = java_check(&password, der, (size_t)length);
		secret_append(sealed, check.bytes, JAVA_DIGEST_SIZE);
	}
	OPENSSL_clear_free(der, length > 0 ? (size_t)length : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return good;
}

/* EncryptedPrivateKeyInfo with the algorithm of Sun's key protector. */
static X509_SIG *wrap_key(const struct secret *sealed)
{
	X509_SIG *wrapped = X509_SIG_new();
	ASN1_OBJECT *sun = OBJ_txt2obj("1.3.6.1.4.1.42.2.17.1.1", 1);
	ASN1_OCTET_STRING *octets;
	X509_ALGOR *algorithm;

	if (wrapped && sun) {
		X509_SIG_getm(wrapped, &algorithm, &octets);
		if (X509_ALGOR_set0(algorithm, sun, V_ASN1_NULL, NULL) == 1) {
			sun = NULL;
			if (ASN1_OCTET_STRING_set(octets, sealed->bytes, (int)sealed->length) == 1)
				return wrapped;
		}
	}
	ASN1_OBJECT_free(sun);
	X509_SIG_free(wrapped);
	return NULL;
}

static bool append_key(struct secret *bytes, EVP_PKEY *key, const char *passphrase)
{
	autodone(secret) struct secret sealed = { 0 };
	X509_SIG *wrapped = seal_key(key, passphrase, &sealed) ? wrap_key(&sealed) : NULL;
	unsigned char *der = NULL;
	const int length = wrapped ? i2d_X509_SIG(wrapped, &der) : 0;

	if (length > 0) {
		append_number(bytes, 4, (unsigned)length);
		secret_append(bytes, der, (size_t)length);
	}
	OPENSSL_free(der);
	X509_SIG_free(wrapped);
	return length > 0;
}

/* ---- certificates ---- */

static bool append_certificate(struct secret *bytes, X509 *certificate)
{
	unsigned char *der = NULL;
	const int length = i2d_X509(certificate, &der);

	if (length > 0) {
		append_text(bytes, "X.509");
		append_number(bytes, 4, (unsigned)length);
		secret_append(bytes, der, (size_t)length);
	}
	OPENSSL_free(der);
	return length > 0;
}

static bool append_chain(struct secret *bytes, const struct keystore_content *content)
{
	const int count = content->chain ? sk_X509_num(content->chain) : 0;
	bool good;

	append_number(bytes, 4, (size_t)count + 1);
	good = append_certificate(bytes, content->leaf);
	for (int i = 0; i < count && good; i++)
		good = append_certificate(bytes, sk_X509_value(content->chain, i));
	return good;
}

bool keystore_jks_write(const struct keystore_content *content, const char *alias,
		const struct keystore_passwords *passwords, struct secret *bytes,
		struct error *error)
{
	autodone(secret) struct secret store = { 0 }, password = { 0 };
	struct java_digest seal;

	append_number(&store, 4, 0xfeedfeed);
	append_number(&store, 4, VERSION);
	append_number(&store, 4, 1);
	append_number(&store, 4, KIND_KEY);
	if (!append_alias(&store, alias, error))
		return false;
	append_number(&store, 8, 1000ULL * (unsigned long long)time(NULL));
	if (!append_key(&store, content->key, passwords->key ? passwords->key : passwords->store) ||
			!append_chain(&store, content))
		return fail(error, ERROR_INTERNAL, "writing the entry failed");
	java_password(passwords->store, &password);
	seal = java_seal(&password, store.bytes, store.length);
	secret_append(&store, seal.bytes, JAVA_DIGEST_SIZE);
	secret_append(bytes, store.bytes, store.length);
	return true;
}
