#include "controller/inspect/read/format.h"

#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/read/password.h"

/* ---- unencrypted ---- */

/* PKCS#8 that carries its public key too (RFC 5958, version 1) is rewritten without it:
 * OpenSSL 3.0 does not read that form. Returns the length, 0: it is not of that form. */
static size_t without_public_key(struct bytes der, unsigned char *plain, size_t size)
{
	struct bytes rest = der;
	struct tlv outer, version, algorithm, key;
	size_t length;

	if (!tlv_expect(&rest, TLV_SEQUENCE, &outer) ||
			!tlv_expect(&outer.value, TLV_INTEGER, &version) ||
			version.value.length != 1 || version.value.start[0] != 1 ||
			!tlv_expect(&outer.value, TLV_SEQUENCE, &algorithm) ||
			!tlv_expect(&outer.value, TLV_OCTET_STRING, &key))
		return 0;
	length = 3 + algorithm.whole.length + key.whole.length;
	if (length > 0xffff || length + 4 > size)
		return 0;
	plain[0] = TLV_SEQUENCE;
	plain[1] = 0x82;
	plain[2] = (unsigned char)(length >> 8);
	plain[3] = (unsigned char)length;
	plain[4] = TLV_INTEGER;
	plain[5] = 1;
	plain[6] = 0;
	memcpy(plain + 7, algorithm.whole.start, algorithm.whole.length);
	memcpy(plain + 7 + algorithm.whole.length, key.whole.start, key.whole.length);
	return length + 4;
}

static EVP_PKEY *decode_version_1(struct bytes der)
{
	unsigned char *plain = OPENSSL_secure_malloc(der.length + 8);
	struct bytes rewritten = { plain, 0 };
	EVP_PKEY *key = NULL;

	if (plain)
		rewritten.length = without_public_key(der, plain, der.length + 8);
	if (rewritten.length > 0)
		key = crypto_private_key(rewritten, CRYPTO_PKCS8);
	OPENSSL_secure_clear_free(plain, der.length + 8);
	return key;
}

/* Why OpenSSL would not have it. */
static enum verdict unusable(struct findings *findings, struct input *input, struct bytes der,
		enum crypto_form form)
{
	struct tlv outer, version, algorithm;
	const char *type = "";

	if (form == CRYPTO_PKCS8 && tlv_expect(&der, TLV_SEQUENCE, &outer) &&
			tlv_expect(&outer.value, TLV_INTEGER, &version) &&
			tlv_expect(&outer.value, TLV_SEQUENCE, &algorithm))
		type = crypto_key_type(algorithm.value);
	if (!type)
		return conclude(findings, input, VERDICT_REFUSED,
				"the private key is of a type that is not used here; "
				"RSA, RSA-PSS, EC, Ed25519 and Ed448 are");
	return conclude(findings, input, VERDICT_REFUSED,
			"the private key is damaged, too large, or on a curve without a name");
}

enum verdict key_read(struct findings *findings, struct input *input, struct bytes der,
		enum crypto_form form)
{
	EVP_PKEY *key = crypto_private_key(der, form);

	if (!key && form == CRYPTO_PKCS8)
		key = decode_version_1(der);
	return key ? findings_add_key(findings, input, key) : unusable(findings, input, der, form);
}

/* ---- encrypted ---- */

static enum verdict read_opened(
		struct findings *findings, struct input *input, const PKCS8_PRIV_KEY_INFO *opened)
{
	unsigned char *der = NULL;
	const int length = i2d_PKCS8_PRIV_KEY_INFO(opened, &der);
	const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
	const enum verdict verdict = key_read(findings, input, bytes, CRYPTO_PKCS8);

	OPENSSL_clear_free(der, bytes.length);
	return verdict;
}

static enum verdict try_passphrases(
		struct findings *findings, struct input *input, const X509_SIG *sealed)
{
	const X509_ALGOR *algorithm;
	const char *passphrase;
	long long cost;

	X509_SIG_get0(sealed, &algorithm, NULL);
	cost = password_cost(algorithm);
	if (password_declare(findings, input, cost) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	for (size_t i = 0; password_next_for_key(findings, input, NULL, i, &passphrase); i++) {
		PKCS8_PRIV_KEY_INFO *opened;
		enum verdict verdict;

		if (!password_pay(findings, cost))
			break;
		opened = PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase));
		if (!opened)
			continue;
		verdict = read_opened(findings, input, opened);
		PKCS8_PRIV_KEY_INFO_free(opened);
		return verdict;
	}
	return password_lacking(findings, input, "the private key");
}

enum verdict encrypted_key_read(struct findings *findings, struct input *input, struct bytes der)
{
	const unsigned char *at = der.start;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)der.length);
	enum verdict verdict;

	if (!sealed || at != der.start + der.length)
		verdict = conclude(findings, input, VERDICT_REFUSED,
				"an encrypted private key in it is damaged");
	else
		verdict = try_passphrases(findings, input, sealed);
	X509_SIG_free(sealed);
	return verdict;
}
