#include "tests/unit/material.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { YEAR_2026 = 1767225600 };

/* ---- keys and certificates ---- */

EVP_PKEY *key_make(const char *kind)
{
	const char *size = strchr(kind, ' ');
	char type[16] = { 0 };
	EVP_PKEY_CTX *context;
	EVP_PKEY *key = NULL;

	memcpy(type, kind, size ? (size_t)(size - kind) : strlen(kind));
	context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	assert(context && EVP_PKEY_keygen_init(context) == 1);
	if (strncmp(type, "RSA", 3) == 0 && size)
		assert(EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)strtol(size, NULL, 10)) == 1);
	if (strcmp(type, "EC") == 0 && size)
		assert(EVP_PKEY_CTX_set_group_name(context, size + 1) == 1);
	assert(EVP_PKEY_generate(context, &key) == 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static void add_extensions(X509 *certificate, const struct recipe *recipe)
{
	char names[512];

	if (recipe->authority)
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	if (recipe->usages)
		add_extension(certificate, NID_ext_key_usage, recipe->usages);
	if (recipe->names && *recipe->names)
		add_extension(certificate, NID_subject_alt_name, recipe->names);
	if (recipe->names || recipe->authority || !recipe->name)
		return;
	(void)snprintf(names, sizeof(names), "DNS:%s", recipe->name);
	add_extension(certificate, NID_subject_alt_name, names);
}

static void name_it(X509 *certificate, const struct recipe *recipe)
{
	X509_NAME *name = X509_NAME_new();

	if (recipe->name)
		assert(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
				(const unsigned char *)recipe->name, -1, -1, 0));
	assert(X509_set_subject_name(certificate, name));
	assert(X509_set_issuer_name(certificate,
			recipe->issuer ? X509_get_subject_name(recipe->issuer->certificate)
				       : name));
	X509_NAME_free(name);
}

static void date_it(X509 *certificate, const struct recipe *recipe)
{
	const time_t start = recipe->not_before ? (time_t)recipe->not_before : YEAR_2026;
	const time_t end = start + 86400L * (recipe->days ? recipe->days : 3650);

	assert(ASN1_TIME_set(X509_getm_notBefore(certificate), start));
	assert(ASN1_TIME_set(X509_getm_notAfter(certificate), end));
}

static const EVP_MD *digest_for(const EVP_PKEY *key, const struct recipe *recipe)
{
	if (EVP_PKEY_is_a(key, "Ed25519") || EVP_PKEY_is_a(key, "Ed448"))
		return NULL;
	return EVP_get_digestbyname(recipe->digest ? recipe->digest : "SHA256");
}

void identity_make(struct identity *identity, const struct recipe *recipe)
{
	X509 *certificate = X509_new();
	EVP_PKEY *signer;

	identity->key = recipe->with_key;
	if (identity->key)
		EVP_PKEY_up_ref(identity->key);
	else
		identity->key = key_make(recipe->key ? recipe->key : "EC P-256");
	signer = recipe->issuer ? recipe->issuer->key : identity->key;

	assert(X509_set_version(certificate, recipe->version_1 ? X509_VERSION_1 : X509_VERSION_3));
	assert(ASN1_INTEGER_set_uint64(
			X509_get_serialNumber(certificate), (uint64_t)(rand() % 1000000 + 1)));
	name_it(certificate, recipe);
	date_it(certificate, recipe);
	assert(X509_set_pubkey(certificate, identity->key));
	if (!recipe->version_1)
		add_extensions(certificate, recipe);
	assert(X509_sign(certificate, signer, digest_for(signer, recipe)));
	identity->certificate = certificate;
}

void identity_done(struct identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	*identity = (struct identity){ 0 };
}

/* ---- PEM ---- */

static void add_bio(struct buffer *text, BIO *bio)
{
	char *start;
	const long length = BIO_get_mem_data(bio, &start);

	buffer_append(text, start, (size_t)length);
	BIO_free(bio);
}

void add_certificate(struct buffer *text, const struct identity *identity)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert(PEM_write_bio_X509(bio, identity->certificate));
	add_bio(text, bio);
}

void add_key(struct buffer *text, const struct identity *identity, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert(PEM_write_bio_PKCS8PrivateKey(bio, identity->key,
			passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
			passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
	add_bio(text, bio);
}

void add_traditional_key(
		struct buffer *text, const struct identity *identity, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert(PEM_write_bio_PrivateKey_traditional(bio, identity->key,
			passphrase ? EVP_aes_128_cbc() : NULL, (const unsigned char *)passphrase,
			passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
	add_bio(text, bio);
}

void add_crl(struct buffer *text, const struct identity *issuer)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, YEAR_2026);

	assert(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	assert(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)));
	assert(X509_CRL_set1_lastUpdate(crl, time) && X509_CRL_set1_nextUpdate(crl, time));
	assert(X509_CRL_sign(crl, issuer->key, EVP_sha256()));
	assert(PEM_write_bio_X509_CRL(bio, crl));
	ASN1_TIME_free(time);
	X509_CRL_free(crl);
	add_bio(text, bio);
}

/* ---- DER ---- */

void add_certificate_der(struct buffer *bytes, const struct identity *identity)
{
	unsigned char *der = NULL;
	const int length = i2d_X509(identity->certificate, &der);

	assert(length > 0);
	buffer_append(bytes, der, (size_t)length);
	OPENSSL_free(der);
}

void add_key_der(struct buffer *bytes, const struct identity *identity)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(identity->key);
	unsigned char *der = NULL;
	const int length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

	assert(length > 0);
	buffer_append(bytes, der, (size_t)length);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
}

void add_pkcs7_der(struct buffer *bytes, const struct identity *const *identities, size_t count)
{
	PKCS7 *message = PKCS7_new();
	unsigned char *der = NULL;
	int length;

	assert(PKCS7_set_type(message, NID_pkcs7_signed));
	assert(PKCS7_content_new(message, NID_pkcs7_data));
	for (size_t i = 0; i < count; i++)
		assert(PKCS7_add_certificate(message, identities[i]->certificate));
	length = i2d_PKCS7(message, &der);
	assert(length > 0);
	buffer_append(bytes, der, (size_t)length);
	OPENSSL_free(der);
	PKCS7_free(message);
}

static void claim(PKCS12 *store, long iterations)
{
	const ASN1_INTEGER *count;

	PKCS12_get0_mac(NULL, NULL, NULL, &count, store);
	assert(ASN1_INTEGER_set((ASN1_INTEGER *)(size_t)count, iterations));
}

void add_pkcs12(struct buffer *bytes, const struct pkcs12_recipe *recipe)
{
	const int iterations = recipe->iterations ? recipe->iterations : 2048;
	const int certificate_pbe = recipe->legacy ? NID_pbe_WithSHA1And40BitRC2_CBC : 0;
	const int key_pbe = recipe->legacy ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : 0;
	STACK_OF(X509) *chain = sk_X509_new_null();
	unsigned char *der = NULL;
	OSSL_PROVIDER *base = NULL, *legacy = NULL;
	PKCS12 *store;
	int length;

	if (recipe->legacy) {
		base = OSSL_PROVIDER_load(NULL, "default");
		legacy = OSSL_PROVIDER_load(NULL, "legacy");
		assert(base && legacy);
	}
	for (size_t i = 0; recipe->chain[i]; i++)
		assert(sk_X509_push(chain, recipe->chain[i]->certificate));
	store = PKCS12_create(recipe->passphrase, "name", recipe->identity->key,
			recipe->identity->certificate, chain, key_pbe, certificate_pbe, iterations,
			recipe->seal_iterations ? recipe->seal_iterations : 2048, 0);
	assert(store);
	if (recipe->claimed_iterations)
		claim(store, recipe->claimed_iterations);
	length = i2d_PKCS12(store, &der);
	assert(length > 0);
	buffer_append(bytes, der, (size_t)length);
	OPENSSL_free(der);
	PKCS12_free(store);
	sk_X509_free(chain);
	if (legacy)
		assert(OSSL_PROVIDER_unload(legacy) && OSSL_PROVIDER_unload(base));
}

/* ---- ZIP ---- */

void add_zip(struct buffer *bytes, const char *const names[], const struct buffer *contents,
		size_t count)
{
	zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *archive = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
	zip_int64_t length;
	char part[4096];

	assert(source && archive);
	zip_source_keep(source);
	for (size_t i = 0; i < count; i++) {
		zip_source_t *member = zip_source_buffer(
				archive, contents[i].bytes, contents[i].length, 0);

		assert(zip_file_add(archive, names[i], member, 0) >= 0);
	}
	assert(zip_close(archive) == 0 && zip_source_open(source) == 0);
	while ((length = zip_source_read(source, part, sizeof(part))) > 0)
		buffer_append(bytes, part, (size_t)length);
	(void)zip_source_close(source);
	zip_source_free(source);
}
