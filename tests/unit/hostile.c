#include "tests/unit/unit.h"

#include "tests/unit/hostile.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/inspecting.h"

struct identity authority, web;

int hostile_begin(void **state)
{
	const struct recipe recipes[] = { { .name = "Root", .authority = true },
		{ .name = "web.example", .issuer = &authority } };

	(void)state;
	identity_make(&authority, &recipes[0]);
	identity_make(&web, &recipes[1]);
	return 0;
}

int hostile_end(void **state)
{
	(void)state;
	identity_done(&web);
	identity_done(&authority);
	return 0;
}

void expect(const char *name, const struct buffer *file, const char *state, const char *sentence)
{
	const clock_t start = clock();
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer key = { 0 };
	struct rusage used;

	add_key(&key, &web, NULL);
	ask_passphrases(&asking, "x\n");
	ask_rule(&asking, "rule parts P leaf chain? key ca? crl?");
	ask_rule(&asking, "rule crl-issued P");
	ask_rule(&asking, "rule names P web.example");
	ask_file(&asking, name, file);
	ask_file(&asking, "key.pem", &key);
	ask(&asking);
	if (strcmp(state_of(&asking, name), state) != 0 ||
			!strstr(sentence_of(&asking, name), sentence))
		fail_msg("wanted %s \"%s\", got: %s", state, sentence,
				buffer_text(&asking.reply.text));
	assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
	assert_true(clock() - start < HOSTILE_SECONDS * CLOCKS_PER_SEC);
	assert_true(used.ru_maxrss < HOSTILE_KIBIBYTES);
}

/* ---- DER ---- */

void add_element(struct buffer *der, unsigned char tag, const void *content, size_t length)
{
	const unsigned char head[] = { tag, 0x83, (unsigned char)(length >> 16),
		(unsigned char)(length >> 8), (unsigned char)length };
	const unsigned char small[] = { tag, (unsigned char)length };

	assert(length < 1 << 24);
	if (length < 0x80)
		buffer_append(der, small, sizeof(small));
	else if (length < 0x100)
		buffer_append(der, (unsigned char[]){ tag, 0x81, head[4] }, 3);
	else if (length < 0x10000)
		buffer_append(der, (unsigned char[]){ tag, 0x82, head[3], head[4] }, 4);
	else
		buffer_append(der, head, sizeof(head));
	buffer_append(der, content, length);
}

void add_constructed(struct buffer *der, unsigned char tag, const struct buffer *content)
{
	add_element(der, tag, content->bytes, content->length);
}

void add_oid(struct buffer *der, const char *oid)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

	add_element(der, V_ASN1_OBJECT, OBJ_get0_data(object), OBJ_length(object));
	ASN1_OBJECT_free(object);
}

/* ---- PKCS#12 ---- */

/* Takes over the safe. */
static void add_sealed(struct buffer *bytes, PKCS7 *safe)
{
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	PKCS12 *sealed = PKCS12_init(NID_pkcs7_data);
	unsigned char *der = NULL;
	int length;

	assert(safe && safes && sk_PKCS7_push(safes, safe) && sealed);
	assert(PKCS12_pack_authsafes(sealed, safes) == 1);
	assert(PKCS12_set_mac(sealed, "x", 1, NULL, 0, 1, NULL) == 1);
	length = i2d_PKCS12(sealed, &der);
	assert(length > 0);
	buffer_append(bytes, der, (size_t)length);
	OPENSSL_free(der);
	PKCS12_free(sealed);
	sk_PKCS7_pop_free(safes, PKCS7_free);
}

void add_named_pkcs12(struct buffer *bytes, const struct identity *identity, int type,
		const void *name, int length)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	PKCS12_SAFEBAG *bag = PKCS12_add_cert(&bags, identity->certificate);

	assert(bag && PKCS12_add1_attr_by_NID(bag, NID_friendlyName, type, name, length) == 1);
	bag = NULL;
	assert(PKCS12_add_key(&bags, identity->key, 0, -1, -1, NULL));
	bag = sk_PKCS12_SAFEBAG_value(bags, 1);
	assert(PKCS12_add1_attr_by_NID(bag, NID_friendlyName, type, name, length) == 1);
	add_sealed(bytes, PKCS12_pack_p7data(bags));
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

void add_safe_pkcs12(struct buffer *bytes, const struct buffer *content_info)
{
	const unsigned char *at = (const unsigned char *)content_info->bytes;

	add_sealed(bytes, d2i_PKCS7(NULL, &at, (long)content_info->length));
}

/* ---- certificates and revocation lists ---- */

static X509_EXTENSION *extension_of(const char *oid, const struct buffer *value)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	assert(object && octets);
	assert(ASN1_OCTET_STRING_set(octets, (const unsigned char *)value->bytes,
			       (int)value->length) == 1);
	extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
	assert(extension);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(object);
	return extension;
}

void extend(struct identity *identity, const struct identity *issuer, const char *oid,
		const struct buffer *value)
{
	X509_EXTENSION *extension = extension_of(oid, value);

	assert(X509_add_ext(identity->certificate, extension, -1) == 1);
	assert(X509_sign(identity->certificate, issuer->key, EVP_sha256()) > 0);
	X509_EXTENSION_free(extension);
}

static X509_REVOKED *revoked_of(size_t serial_length)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	autodone(buffer) struct buffer digits = { 0 };
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, 1767225600);

	for (size_t i = 0; i < serial_length; i++)
		buffer_add(&digits, "\x5a");
	assert(ASN1_STRING_set(serial, digits.bytes, (int)serial_length) == 1);
	assert(X509_REVOKED_set_serialNumber(revoked, serial) == 1);
	assert(X509_REVOKED_set_revocationDate(revoked, time) == 1);
	ASN1_TIME_free(time);
	ASN1_INTEGER_free(serial);
	return revoked;
}

void add_odd_crl(struct buffer *der, const struct identity *issuer, const char *oid,
		const struct buffer *value, size_t serial_length)
{
	X509_EXTENSION *extension = oid ? extension_of(oid, value) : NULL;
	ASN1_TIME *from = ASN1_TIME_set(NULL, 1767225600), *to = ASN1_TIME_set(NULL, 2082758400);
	X509_CRL *crl = X509_CRL_new();
	unsigned char *bytes = NULL;
	int length;

	assert(X509_CRL_set_version(crl, 1) == 1);
	assert(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)) == 1);
	assert(X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, to) == 1);
	if (serial_length > 0)
		assert(X509_CRL_add0_revoked(crl, revoked_of(serial_length)) == 1);
	assert(!extension || X509_CRL_add_ext(crl, extension, -1) == 1);
	assert(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	length = i2d_X509_CRL(crl, &bytes);
	assert(length > 0);
	buffer_append(der, bytes, (size_t)length);
	OPENSSL_free(bytes);
	X509_EXTENSION_free(extension);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(crl);
}

/* ---- keys ---- */

EVP_PKEY *huge_key_make(int bits)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_new();
	OSSL_PARAM *parameters;
	EVP_PKEY *key = NULL;

	assert(BN_rand(modulus, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1);
	assert(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1);
	assert(OSSL_PARAM_BLD_push_ulong(builder, OSSL_PKEY_PARAM_RSA_E, 65537) == 1);
	parameters = OSSL_PARAM_BLD_to_param(builder);
	assert(EVP_PKEY_fromdata_init(context) == 1);
	assert(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	BN_free(modulus);
	return key;
}
