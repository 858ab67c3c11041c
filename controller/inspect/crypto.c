#include "controller/inspect/crypto.h"

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <string.h>

#include "controller/base/digest.h"

enum { SECURE_HEAP = 2 << 20, SECURE_SMALLEST = 32, KEY_DER_MAX = 8192, PUBLIC_DER_MAX = 1400 };

struct decoder {
	OSSL_DECODER_CTX *context;
	EVP_PKEY *result; /* where the context puts what it made */
};

static struct algorithm {
	const char *name; /* OpenSSL's and ours */
	struct bytes oid; /* its contents */
	struct decoder pkcs8, public_key;
} algorithms[] = {
	{ "RSA", { (const unsigned char *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 } },
	{ "EC", { (const unsigned char *)"\x2a\x86\x48\xce\x3d\x02\x01", 7 } },
	{ "Ed25519", { (const unsigned char *)"\x2b\x65\x70", 3 } },
	{ "Ed448", { (const unsigned char *)"\x2b\x65\x71", 3 } },
	{ "RSA-PSS", { (const unsigned char *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9 } },
};
enum { ALGORITHM_COUNT = sizeof(algorithms) / sizeof(*algorithms) };

static struct decoder rsa_decoder, ec_decoder;

static struct digest_entry {
	int nid;
	const char *name;
	EVP_MD *digest;
} digests[] = {
	{ NID_sha256, "SHA256", NULL },
	{ NID_sha384, "SHA384", NULL },
	{ NID_sha512, "SHA512", NULL },
	{ NID_sha1, "SHA1", NULL },
	{ NID_sha224, "SHA224", NULL },
};

static OSSL_LIB_CTX *structure_only;
static bool ready, legacy;

/* ---- making ready ---- */

static bool decoder_init(struct decoder *decoder, const char *structure, const char *type,
		int selection, struct error *error)
{
	decoder->context = OSSL_DECODER_CTX_new_for_pkey(
			&decoder->result, "DER", structure, type, selection, NULL, NULL);
	if (!decoder->context || OSSL_DECODER_CTX_get_num_decoders(decoder->context) == 0)
		return fail(error, ERROR_RETRY, "openssl has no decoder for %s keys", type);
	return true;
}

static bool decoders_init(struct error *error)
{
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		struct algorithm *a = &algorithms[i];

		if (!decoder_init(&a->pkcs8, "PrivateKeyInfo", a->name, EVP_PKEY_KEYPAIR, error) ||
				!decoder_init(&a->public_key, "SubjectPublicKeyInfo", a->name,
						EVP_PKEY_PUBLIC_KEY, error))
			return false;
	}
	return decoder_init(&rsa_decoder, "type-specific", "RSA", EVP_PKEY_KEYPAIR, error) &&
			decoder_init(&ec_decoder, "type-specific", "EC", EVP_PKEY_KEYPAIR, error);
}

static bool digests_init(struct error *error)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(*digests); i++) {
		digests[i].digest = EVP_MD_fetch(NULL, digests[i].name, NULL);
		if (!digests[i].digest)
			return fail(error, ERROR_RETRY, "openssl has no %s", digests[i].name);
	}
	(void)digest_of("", 0);
	return true;
}

bool crypto_init(struct error *error)
{
	unsigned char seed;

	if (ready)
		return true;
	(void)CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_SMALLEST);
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
					    OPENSSL_INIT_ADD_ALL_CIPHERS |
					    OPENSSL_INIT_ADD_ALL_DIGESTS,
			    NULL))
		return fail(error, ERROR_RETRY, "openssl cannot be initialised");
	if (!OSSL_PROVIDER_load(NULL, "default"))
		return fail(error, ERROR_RETRY, "openssl has no default provider");
	legacy = OSSL_PROVIDER_load(NULL, "legacy") != NULL;

	structure_only = OSSL_LIB_CTX_new();
	if (!structure_only || !OSSL_PROVIDER_load(structure_only, "null"))
		return fail(error, ERROR_RETRY, "openssl has no null provider");
	if (!decoders_init(error) || !digests_init(error))
		return false;
	/* Both random generators seed themselves when first used. */
	if (RAND_bytes(&seed, 1) != 1 || RAND_priv_bytes(&seed, 1) != 1)
		return fail(error, ERROR_RETRY, "openssl has no random numbers");
	ready = true;
	return true;
}

bool crypto_has_legacy(void)
{
	return legacy;
}

const EVP_MD *crypto_digest(int nid)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(*digests); i++)
		if (digests[i].nid == nid)
			return digests[i].digest;
	return NULL;
}

/* ---- reading ---- */

/* An algorithm is SEQUENCE { OID, parameters }. An elliptic curve must be named: one that
 * brings its own parameters can be made to look like another one. */
static struct algorithm *algorithm_of(struct bytes identifier)
{
	struct tlv oid, parameters;

	if (!tlv_expect(&identifier, TLV_OID, &oid))
		return NULL;
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		if (!bytes_equal(algorithms[i].oid, oid.value))
			continue;
		if (strcmp(algorithms[i].name, "EC") == 0 &&
				!tlv_expect(&identifier, TLV_OID, &parameters))
			return NULL;
		return &algorithms[i];
	}
	return NULL;
}

const char *crypto_key_type(struct bytes algorithm)
{
	struct tlv oid;

	if (!tlv_expect(&algorithm, TLV_OID, &oid))
		return NULL;
	for (size_t i = 0; i < ALGORITHM_COUNT; i++)
		if (bytes_equal(algorithms[i].oid, oid.value))
			return algorithms[i].name;
	return NULL;
}

static EVP_PKEY *decode(struct decoder *decoder, struct bytes der)
{
	const unsigned char *at = der.start;
	size_t left = der.length;
	EVP_PKEY *key;

	EVP_PKEY_free(decoder->result);
	decoder->result = NULL;
	if (!OSSL_DECODER_from_data(decoder->context, &at, &left) || left != 0) {
		EVP_PKEY_free(decoder->result);
		decoder->result = NULL;
		return NULL;
	}
	key = decoder->result;
	decoder->result = NULL;
	return key;
}

/* RSAPrivateKey (0: two primes) and ECPrivateKey (1) start with a version, which OpenSSL
 * neither checks nor corrects: it would go on into the product's file. */
static bool has_version(struct bytes der, unsigned char version)
{
	struct tlv outer, number;

	return tlv_expect(&der, TLV_SEQUENCE, &outer) && der.length == 0 &&
			tlv_expect(&outer.value, TLV_INTEGER, &number) &&
			number.value.length == 1 && number.value.start[0] == version;
}

static EVP_PKEY *decode_pkcs8(struct bytes der)
{
	struct bytes rest = der;
	struct tlv outer, version, identifier, key;
	struct algorithm *algorithm;

	if (!has_version(der, 0) || !tlv_next(&rest, &outer) || !tlv_next(&outer.value, &version) ||
			!tlv_expect(&outer.value, TLV_SEQUENCE, &identifier) ||
			!tlv_expect(&outer.value, TLV_OCTET_STRING, &key))
		return NULL;
	algorithm = algorithm_of(identifier.value);
	if (!algorithm || (strncmp(algorithm->name, "RSA", 3) == 0 && !has_version(key.value, 0)) ||
			(strcmp(algorithm->name, "EC") == 0 && !has_version(key.value, 1)))
		return NULL;
	return decode(&algorithm->pkcs8, der);
}

/* ECPrivateKey is SEQUENCE { version, OCTET STRING, [0] parameters, [1] public key }. */
static EVP_PKEY *decode_ec(struct bytes der)
{
	struct bytes rest = der;
	struct tlv outer, part, parameters, curve;

	if (!has_version(der, 1) || !tlv_next(&rest, &outer) || !tlv_next(&outer.value, &part) ||
			!tlv_expect(&outer.value, TLV_OCTET_STRING, &part) ||
			!tlv_expect(&outer.value, TLV_CONTEXT_0, &parameters) ||
			!tlv_expect(&parameters.value, TLV_OID, &curve))
		return NULL;
	return decode(&ec_decoder, der);
}

EVP_PKEY *crypto_private_key(struct bytes der, enum crypto_form form)
{
	if (der.length > KEY_DER_MAX)
		return NULL;
	switch (form) {
	case CRYPTO_PKCS8:
		return decode_pkcs8(der);
	case CRYPTO_RSA:
		return has_version(der, 0) ? decode(&rsa_decoder, der) : NULL;
	case CRYPTO_EC:
		return decode_ec(der);
	}
	return NULL;
}

EVP_PKEY *crypto_public_key(struct bytes der)
{
	struct bytes rest = der;
	struct tlv outer, identifier;
	struct algorithm *algorithm;

	if (der.length > PUBLIC_DER_MAX || !tlv_expect(&rest, TLV_SEQUENCE, &outer) ||
			rest.length != 0 || !tlv_expect(&outer.value, TLV_SEQUENCE, &identifier))
		return NULL;
	algorithm = algorithm_of(identifier.value);
	return algorithm ? decode(&algorithm->public_key, der) : NULL;
}

X509 *crypto_certificate(struct bytes der)
{
	const unsigned char *at = der.start;
	X509 *certificate = X509_new_ex(structure_only, NULL);

	/* d2i_X509 frees what it was given when it fails. */
	if (!certificate || !d2i_X509(&certificate, &at, (long)der.length))
		return NULL;
	if (at == der.start + der.length)
		return certificate;
	X509_free(certificate);
	return NULL;
}
