#include "controller/apply/make/keystore.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "controller/apply/make/keystore-jks.h"
#include "controller/base/owned.h"
#include "controller/model/credential.h"

/* As many as keytool and OpenSSL write by themselves are few; this costs a reader some
 * milliseconds. */
enum { ITERATIONS = 20000 };

static void chain_done(STACK_OF(X509) * *chain)
{
	sk_X509_pop_free(*chain, X509_free);
}

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void pkcs12_done(PKCS12 **store)
{
	PKCS12_free(*store);
}

static void bio_done(BIO **bio)
{
	BIO_free(*bio);
}

/* ---- what goes in ---- */

static BIO *bio_of(struct span span)
{
	return BIO_new_mem_buf(span.start, (int)span.length);
}

static EVP_PKEY *read_key(struct span span)
{
	autodone(bio) BIO *bio = span.length > 0 ? bio_of(span) : NULL;

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
}

static STACK_OF(X509) * read_certificates(struct span span)
{
	autodone(bio) BIO *bio = span.length > 0 ? bio_of(span) : NULL;
	STACK_OF(X509) *found = sk_X509_new_null();
	X509 *certificate;

	while (bio && found && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (sk_X509_push(found, certificate) == 0)
			X509_free(certificate);
	return found;
}

/* ---- PKCS#12 ---- */

static PKCS12 *create(bool old, const char *password, const char *alias,
		const struct keystore_content *content)
{
	const int cipher = old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
	const EVP_MD *digest = old ? EVP_sha1() : EVP_sha256();
	PKCS12 *store = PKCS12_create(password, alias, content->key, content->leaf, content->chain,
			cipher, cipher, ITERATIONS, -1, 0);

	if (store && PKCS12_set_mac(store, password, -1, NULL, 0, ITERATIONS, digest) == 1)
		return store;
	PKCS12_free(store);
	return NULL;
}

static bool write_out(PKCS12 *store, struct secret *bytes)
{
	unsigned char *der = NULL;
	const int length = i2d_PKCS12(store, &der);

	if (length <= 0)
		return false;
	secret_append(bytes, der, (size_t)length);
	OPENSSL_clear_free(der, (size_t)length);
	return true;
}

static bool write_pkcs12(const struct make_step *make, const struct keystore_content *content,
		const struct keystore_passwords *passwords, struct secret *bytes,
		struct error *error)
{
	const bool old = make->profile && strcmp(make->profile, "old-java") == 0;
	autodone(pkcs12) PKCS12 *store = NULL;

	if (make->profile && !old && strcmp(make->profile, "modern") != 0)
		return fail(error, ERROR_CONFIG, "unknown profile \"%s\"", make->profile);
	if (passwords->key)
		return fail(error, ERROR_CONFIG,
				"a PKCS#12 that Java is to read has one password, not another one "
				"for the key");
	store = create(old, passwords->store, make->alias, content);
	if (!store || !write_out(store, bytes))
		return fail(error, ERROR_INTERNAL, "building the store failed");
	return true;
}

/* ---- either ---- */

static bool write_store(const struct make_step *make, const struct keystore_content *content,
		const struct keystore_passwords *passwords, struct secret *bytes,
		struct error *error)
{
	if (make->format && strcmp(make->format, "pkcs12") == 0)
		return write_pkcs12(make, content, passwords, bytes, error);
	if (make->format && strcmp(make->format, "jks") == 0)
		return keystore_jks_write(content, make->alias, passwords, bytes, error);
	return fail(error, ERROR_CONFIG, "unknown format \"%s\"", make->format ? make->format : "");
}

bool keystore_build(const struct make_step *make, const char *parts,
		const struct keystore_passwords *passwords, struct secret *bytes,
		struct error *error)
{
	autodone(chain) STACK_OF(X509) *leaves = NULL;
	autodone(chain) STACK_OF(X509) *chain = NULL;
	autodone(pkey) EVP_PKEY *key = NULL;
	struct keystore_content content;

	leaves = read_certificates(credential_part(parts, PART_LEAF));
	chain = read_certificates(credential_part(parts, PART_CHAIN));
	key = read_key(credential_part(parts, PART_KEY));
	if (sk_X509_num(leaves) != 1 || !key)
		return fail(error, ERROR_INPUT, "%s: no usable leaf and key", make->make);
	content = (struct keystore_content){ key, sk_X509_value(leaves, 0), chain };
	return write_store(make, &content, passwords, bytes, error) ||
			fail_while(error, "%s", make->make);
}
