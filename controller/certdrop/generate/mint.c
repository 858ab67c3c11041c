#include "controller/certdrop/generate/mint.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR, SERIAL_SIZE = 16, SECURE_HEAP = 1 << 20, SMALLEST = 32 };
enum { RSA_LEAST = 2048, RSA_MOST = 8192 };

void minted_done(struct minted *minted)
{
	secret_done(&minted->key);
	buffer_done(&minted->document);
	*minted = (struct minted){ 0 };
}

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void extensions_done(STACK_OF(X509_EXTENSION) * *extensions)
{
	sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

static bool openssl_failed(struct error *error, const char *what)
{
	return fail(error, ERROR_RETRY, "%s: openssl failed", what);
}

/* ---- the key ---- */

static bool set_size(EVP_PKEY_CTX *context, const char *type, const char *size)
{
	const long bits = strtol(size, NULL, 10);

	if (strcmp(type, "RSA") == 0)
		return bits >= RSA_LEAST && bits <= RSA_MOST &&
				EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) == 1;
	if (strcmp(type, "EC") == 0)
		return EC_curve_nist2nid(size) != NID_undef &&
				EVP_PKEY_CTX_set_group_name(context, size) == 1;
	return *size == '\0';
}

/* "RSA 3072", "EC P-256", "Ed25519". */
static bool make_key(const char *kind, EVP_PKEY **key, struct error *error)
{
	const size_t length = strcspn(kind, " ");
	const char *size = kind[length] ? kind + length + 1 : "";
	EVP_PKEY_CTX *context;
	char type[16] = { 0 };
	bool good;

	if (length >= sizeof(type))
		return fail(error, ERROR_CONFIG, "\"%s\" is no kind of key", kind);
	memcpy(type, kind, length);
	/* The numbers of the key then lie in locked memory. */
	(void)CRYPTO_secure_malloc_init(SECURE_HEAP, SMALLEST);
	context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	good = context && EVP_PKEY_keygen_init(context) == 1 && set_size(context, type, size);
	if (good && EVP_PKEY_generate(context, key) != 1)
		*key = NULL;
	EVP_PKEY_CTX_free(context);
	if (!good)
		return fail(error, ERROR_CONFIG, "\"%s\" is no kind of key", kind);
	return *key || openssl_failed(error, "make the key");
}

/* ---- what is said of it ---- */

static GENERAL_NAME *name_of(const char *word)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(word);
	ASN1_IA5STRING *host = address ? NULL : ASN1_IA5STRING_new();

	if (name && address) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, address);
		return name;
	}
	if (name && host && ASN1_STRING_set(host, word, -1) == 1) {
		GENERAL_NAME_set0_value(name, GEN_DNS, host);
		return name;
	}
	GENERAL_NAME_free(name);
	ASN1_OCTET_STRING_free(address);
	ASN1_IA5STRING_free(host);
	return NULL;
}

static bool is_ascii(const char *word)
{
	while (*word > ' ' && *word < 0x7f)
		word++;
	return *word == '\0';
}

static bool add_names(
		STACK_OF(X509_EXTENSION) * *extensions, struct words words, struct error *error)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool good = names != NULL;

	for (size_t i = 0; i < words.count && good; i++) {
		GENERAL_NAME *name = is_ascii(words.items[i]) ? name_of(words.items[i]) : NULL;

		good = name && sk_GENERAL_NAME_push(names, name) > 0;
		if (!good)
			(void)fail(error, ERROR_CONFIG,
					"\"%s\" cannot be a name in a certificate: it takes DNS "
					"names in ASCII (xn--...) and addresses",
					words.items[i]);
		if (!good)
			GENERAL_NAME_free(name);
	}
	if (good &&
			X509V3_add1_i2d(extensions, NID_subject_alt_name, names, 0,
					X509V3_ADD_APPEND) != 1)
		good = openssl_failed(error, "write the names");
	GENERAL_NAMES_free(names);
	return good;
}

static bool add_usages(
		STACK_OF(X509_EXTENSION) * *extensions, struct words words, struct error *error)
{
	EXTENDED_KEY_USAGE *usages = EXTENDED_KEY_USAGE_new();
	bool good = usages != NULL;

	for (size_t i = 0; i < words.count && good; i++) {
		ASN1_OBJECT *usage = OBJ_txt2obj(words.items[i], 0);

		good = usage && sk_ASN1_OBJECT_push(usages, usage) > 0;
		if (good)
			continue;
		(void)fail(error, ERROR_CONFIG, "\"%s\" is not a key usage", words.items[i]);
		ASN1_OBJECT_free(usage);
	}
	if (good && words.count > 0 &&
			X509V3_add1_i2d(extensions, NID_ext_key_usage, usages, 0,
					X509V3_ADD_APPEND) != 1)
		good = openssl_failed(error, "write the usages");
	EXTENDED_KEY_USAGE_free(usages);
	return good;
}

static bool add_value(STACK_OF(X509_EXTENSION) * *extensions, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	const bool good = extension && X509v3_add_ext(extensions, extension, -1);

	X509_EXTENSION_free(extension);
	return good;
}

static bool make_extensions(const struct order *order, const EVP_PKEY *key,
		STACK_OF(X509_EXTENSION) * *extensions, struct error *error)
{
	const char *usage = EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
						      : "critical,digitalSignature";

	if (!add_value(extensions, NID_basic_constraints, "critical,CA:FALSE") ||
			!add_value(extensions, NID_key_usage, usage))
		return openssl_failed(error, "write the extensions");
	return add_usages(extensions, order->usages, error) &&
			add_names(extensions, order->names, error);
}

static bool set_name(X509_NAME *name, const char *common_name, struct error *error)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
			       (const unsigned char *)common_name, -1, -1, 0) == 1 ||
			fail(error, ERROR_CONFIG,
					"\"%s\" cannot be a common name: it takes at most 64 "
					"characters",
					common_name);
}

/* NULL: the algorithm has a digest of its own. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : NULL;
}

/* ---- the certificate ---- */

static bool set_serial(X509 *certificate)
{
	unsigned char bytes[SERIAL_SIZE];
	BIGNUM *number;
	bool good;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x3f) | 0x40; /* positive, and of the same length always */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return good;
}

static bool add_extensions(X509 *certificate, const STACK_OF(X509_EXTENSION) * extensions)
{
	bool good = true;

	for (int i = 0; i < sk_X509_EXTENSION_num(extensions) && good; i++)
		good = X509_add_ext(certificate, sk_X509_EXTENSION_value(extensions, i), -1) == 1;
	return good;
}

static bool fill_certificate(X509 *certificate, const struct order *order, EVP_PKEY *key,
		long long now, struct error *error)
{
	autodone(extensions) STACK_OF(X509_EXTENSION) *extensions = NULL;

	if (!make_extensions(order, key, &extensions, error) ||
			!set_name(X509_get_subject_name(certificate), order->common_name, error))
		return false;
	return (X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
			       X509_set_issuer_name(certificate,
					       X509_get_subject_name(certificate)) == 1 &&
			       ASN1_TIME_set(X509_getm_notBefore(certificate), now - HOUR) &&
			       ASN1_TIME_set(X509_getm_notAfter(certificate),
					       now - HOUR + DAY * order->days) &&
			       X509_set_pubkey(certificate, key) == 1 &&
			       add_extensions(certificate, extensions) &&
			       X509_sign(certificate, key, digest_for(key)) > 0) ||
			openssl_failed(error, "make the certificate");
}

static struct digest digest_of_der(unsigned char *der, int length)
{
	const struct digest digest = digest_of(der, length > 0 ? (size_t)length : 0);

	OPENSSL_free(der);
	return digest;
}

static bool make_certificate(const struct order *order, EVP_PKEY *key, long long now,
		struct minted *minted, BIO *out, struct error *error)
{
	X509 *certificate = X509_new();
	unsigned char *der = NULL;
	bool good = certificate && fill_certificate(certificate, order, key, now, error);
	int length;

	if (good && PEM_write_bio_X509(out, certificate) != 1)
		good = openssl_failed(error, "write the certificate");
	if (good) {
		length = i2d_X509(certificate, &der);
		minted->fingerprint = digest_of_der(der, length);
		minted->not_after = now - HOUR + (long long)DAY * order->days;
	}
	X509_free(certificate);
	return good;
}

/* ---- the request ---- */

static bool fill_request(
		X509_REQ *request, const struct order *order, EVP_PKEY *key, struct error *error)
{
	autodone(extensions) STACK_OF(X509_EXTENSION) *extensions = NULL;

	if (!make_extensions(order, key, &extensions, error) ||
			!set_name(X509_REQ_get_subject_name(request), order->common_name, error))
		return false;
	return (X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
			       X509_REQ_set_pubkey(request, key) == 1 &&
			       X509_REQ_add_extensions(request, extensions) == 1 &&
			       X509_REQ_sign(request, key, digest_for(key)) > 0) ||
			openssl_failed(error, "make the request");
}

static bool make_request(const struct order *order, EVP_PKEY *key, BIO *out, struct error *error)
{
	X509_REQ *request = X509_REQ_new();
	bool good = request && fill_request(request, order, key, error);

	if (good && PEM_write_bio_X509_REQ(out, request) != 1)
		good = openssl_failed(error, "write the request");
	X509_REQ_free(request);
	return good;
}

/* ---- all of it ---- */

static bool write_document(const struct order *order, enum mint_kind kind, long long now,
		EVP_PKEY *key, struct minted *minted, struct error *error)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long length;
	bool good = out != NULL;

	if (good && kind == MINT_SELF_SIGNED)
		good = make_certificate(order, key, now, minted, out, error);
	else if (good)
		good = make_request(order, key, out, error);
	if (good) {
		length = BIO_get_mem_data(out, &text);
		buffer_append(&minted->document, text, (size_t)length);
	}
	BIO_free(out);
	return good;
}

static bool write_key(const EVP_PKEY *key, struct secret *secret, struct error *error)
{
	BIO *out = BIO_new(BIO_s_secmem());
	const bool good = out &&
			PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1;
	char *text;
	long length;

	if (good) {
		length = BIO_get_mem_data(out, &text);
		secret_append(secret, text, (size_t)length);
	}
	BIO_free(out);
	return good || openssl_failed(error, "write the key");
}

bool mint(const struct order *order, enum mint_kind kind, long long now, struct minted *minted,
		struct error *error)
{
	autodone(pkey) EVP_PKEY *key = NULL;
	autodone(minted) struct minted made = { 0 };
	unsigned char *der = NULL;
	int length;

	if (!make_key(order->key, &key, error) || !write_key(key, &made.key, error) ||
			!write_document(order, kind, now, key, &made, error))
		return false;
	length = i2d_PUBKEY(key, &der);
	made.key_fingerprint = digest_of_der(der, length);
	*minted = made;
	made = (struct minted){ 0 };
	return true;
}
