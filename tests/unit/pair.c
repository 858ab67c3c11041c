#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "controller/base/message.h"
#include "controller/model/credential.h"
#include "tests/unit/pair.h"

static char *text_of(BIO *bio)
{
	char *bytes;
	const long length = BIO_get_mem_data(bio, &bytes);
	char *copy = strndup(bytes, (size_t)length);

	BIO_free(bio);
	return copy;
}

static void sign(struct pair *pair, const char *common_name)
{
	static long serial;
	X509_NAME *name;

	pair->pkey = EVP_EC_gen("P-256");
	pair->x509 = X509_new();
	assert_non_null(pair->pkey);
	assert_true(X509_set_version(pair->x509, X509_VERSION_3));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(pair->x509), ++serial));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(pair->x509), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(pair->x509), 86400));
	name = X509_get_subject_name(pair->x509);
	assert_true(X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0));
	assert_true(X509_set_issuer_name(pair->x509, name));
	assert_true(X509_set_pubkey(pair->x509, pair->pkey));
	assert_true(X509_sign(pair->x509, pair->pkey, EVP_sha256()) > 0);
}

static void write_pem(struct pair *pair)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	int length;

	assert_true(PEM_write_bio_X509(bio, pair->x509));
	pair->certificate = text_of(bio);
	bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_PKCS8PrivateKey(bio, pair->pkey, NULL, NULL, 0, NULL, NULL));
	pair->key = text_of(bio);
	length = i2d_X509(pair->x509, &der);
	assert_true(length > 0);
	pair->fingerprint = digest_of(der, (size_t)length);
	OPENSSL_free(der);
}

static void write_file(struct pair *pair, const char *common_name)
{
	autoarena struct arena *arena = arena_new();
	const char *parts = arena_printf(arena, "certdrop part: leaf\n%scertdrop part: key\n%s",
			pair->certificate, pair->key);
	const char *names[] = { "leaf", "key" };
	struct credential facts = {
		.digest = pair->digest.hex,
		.fingerprint = pair->fingerprint.hex,
		.key_fingerprint = pair->fingerprint.hex,
		.subject = common_name,
		.issuer = common_name,
		.serial = "01",
		.not_after = 86400,
		.key = "EC P-256",
		.parts = { .items = names, .count = 2 },
		.self_signed = true,
	};
	struct error error;

	pair->digest = digest_of(parts, strlen(parts));
	record_print(credential_record(arena, &facts), &pair->file);
	buffer_printf(&pair->file, "\n%s", parts);
	if (!memfd_of("credential", pair->file.bytes, pair->file.length, &pair->fd, &error))
		fail_msg("%s", error.text);
}

void pair_make(struct pair *pair, const char *common_name)
{
	*pair = (struct pair){ .fd = -1 };
	sign(pair, common_name);
	write_pem(pair);
	write_file(pair, common_name);
}

void pair_done(struct pair *pair)
{
	X509_free(pair->x509);
	EVP_PKEY_free(pair->pkey);
	free(pair->certificate);
	free(pair->key);
	buffer_done(&pair->file);
	owned_close(&pair->fd);
}
