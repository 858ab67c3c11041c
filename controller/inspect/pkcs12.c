#include "controller/inspect/format.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/password.h"

enum { BAG_NESTING_MAX = 4, BAGS_MAX = 1024 };

/* One key store while it is read. */
struct store {
	struct findings *findings;
	struct input *input;
	const char *passphrase; /* that opened it; NULL: none, which is not the empty one */
	int passphrase_length;
	unsigned depth, bags;
};

static enum verdict refuse(const struct store *store, const char *sentence)
{
	return conclude(store->findings, store->input, VERDICT_REFUSED, "%s", sentence);
}

static const char *why_not_opened(const struct store *store)
{
	return crypto_has_legacy() || store->passphrase
			? "a part of the PKCS#12 cannot be decrypted"
			: "a part of the PKCS#12 is encrypted in an old way that this "
			  "system's OpenSSL does not have";
}

/* Declares and pays for one derivation with the passphrase that is known to be right. */
static enum verdict pay(const struct store *store, const X509_ALGOR *algorithm)
{
	const long long cost = password_cost(algorithm);

	if (password_declare(store->findings, store->input, cost) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	return password_pay(store->findings, cost)
			? VERDICT_SOUND
			: refuse(store,
					  "the files together ask for too many password "
					  "iterations");
}

/* ---- bags ---- */

static enum verdict read_key(const struct store *store, const PKCS8_PRIV_KEY_INFO *key)
{
	unsigned char *der = NULL;
	const int length = i2d_PKCS8_PRIV_KEY_INFO(key, &der);
	const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
	const enum verdict verdict = key_read(store->findings, store->input, bytes, CRYPTO_PKCS8);

	OPENSSL_clear_free(der, bytes.length);
	return verdict;
}

/* The passphrase of the store first; Java's key stores may have another one for the key. */
static PKCS8_PRIV_KEY_INFO *open_key(const struct store *store, const X509_SIG *sealed)
{
	const X509_ALGOR *algorithm;
	PKCS8_PRIV_KEY_INFO *opened;
	const char *other;

	opened = PKCS8_decrypt(sealed, store->passphrase, store->passphrase_length);
	X509_SIG_get0(sealed, &algorithm, NULL);
	for (size_t i = 0; !opened && password_next(store->findings, i, &other) && other; i++) {
		if (other == store->passphrase)
			continue;
		if (!password_pay(store->findings, password_cost(algorithm)))
			return NULL;
		opened = PKCS8_decrypt(sealed, other, (int)strlen(other));
	}
	return opened;
}

static enum verdict read_shrouded_key(const struct store *store, const PKCS12_SAFEBAG *bag)
{
	const X509_SIG *sealed = PKCS12_SAFEBAG_get0_pkcs8(bag);
	const X509_ALGOR *algorithm;
	PKCS8_PRIV_KEY_INFO *opened;
	enum verdict verdict;

	X509_SIG_get0(sealed, &algorithm, NULL);
	if (pay(store, algorithm) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	opened = open_key(store, sealed);
	if (!opened)
		return refuse(store,
				"the passphrase opens the PKCS#12, but not the private key "
				"in it");
	verdict = read_key(store, opened);
	PKCS8_PRIV_KEY_INFO_free(opened);
	return verdict;
}

static enum verdict read_certificate(const struct store *store, const PKCS12_SAFEBAG *bag)
{
	X509 *certificate;
	unsigned char *der = NULL;
	struct bytes bytes;
	enum verdict verdict;

	if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return VERDICT_SOUND;
	certificate = PKCS12_SAFEBAG_get1_cert(bag);
	bytes = (struct bytes){ NULL, 0 };
	if (certificate) {
		const int length = i2d_X509(certificate, &der);

		bytes = (struct bytes){ der, length > 0 ? (size_t)length : 0 };
	}
	verdict = bytes.length > 0 ? findings_add_certificate(store->findings, store->input, bytes)
				   : refuse(store, "a certificate in it is damaged");
	OPENSSL_free(der);
	X509_free(certificate);
	return verdict;
}

static enum verdict read_crl(const struct store *store, const PKCS12_SAFEBAG *bag)
{
	X509_CRL *crl = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Crl
			? PKCS12_SAFEBAG_get1_crl(bag)
			: NULL;
	unsigned char *der = NULL;
	const int length = crl ? i2d_X509_CRL(crl, &der) : 0;
	const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
	const enum verdict verdict = bytes.length > 0
			? findings_add_crl(store->findings, store->input, bytes)
			: refuse(store, "a revocation list in it is damaged");

	OPENSSL_free(der);
	X509_CRL_free(crl);
	return verdict;
}

static enum verdict read_bags(struct store *store, const STACK_OF(PKCS12_SAFEBAG) * bags);

static enum verdict read_nested(struct store *store, const PKCS12_SAFEBAG *bag)
{
	enum verdict verdict;

	if (++store->depth > BAG_NESTING_MAX)
		return refuse(store, "the bags of the PKCS#12 are nested too deeply");
	verdict = read_bags(store, PKCS12_SAFEBAG_get0_safes(bag));
	store->depth--;
	return verdict;
}

static enum verdict read_bag(struct store *store, const PKCS12_SAFEBAG *bag)
{
	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_keyBag:
		return read_key(store, PKCS12_SAFEBAG_get0_p8inf(bag));
	case NID_pkcs8ShroudedKeyBag:
		return read_shrouded_key(store, bag);
	case NID_certBag:
		return read_certificate(store, bag);
	case NID_crlBag:
		return read_crl(store, bag);
	case NID_safeContentsBag:
		return read_nested(store, bag);
	default: /* secrets of other kinds: none of ours */
		return VERDICT_SOUND;
	}
}

static enum verdict read_bags(struct store *store, const STACK_OF(PKCS12_SAFEBAG) * bags)
{
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		enum verdict verdict;

		if (++store->bags > BAGS_MAX)
			return refuse(store, "the PKCS#12 has more than 1024 bags");
		verdict = read_bag(store, sk_PKCS12_SAFEBAG_value(bags, i));
		if (verdict != VERDICT_SOUND)
			return verdict;
	}
	return VERDICT_SOUND;
}

/* ---- safes ---- */

/* The type was checked; a message may still lack the content that its type promises. */
static const X509_ALGOR *encryption_of(const PKCS7 *safe)
{
	const PKCS7_ENCRYPT *encrypted = safe->d.encrypted;

	return encrypted && encrypted->enc_data && encrypted->enc_data->enc_data
			? encrypted->enc_data->algorithm
			: NULL;
}

static enum verdict read_safe(struct store *store, PKCS7 *safe)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	enum verdict verdict;

	if (PKCS7_type_is_data(safe) && safe->d.data) {
		bags = PKCS12_unpack_p7data(safe);
	} else if (PKCS7_type_is_encrypted(safe) && encryption_of(safe)) {
		if (pay(store, encryption_of(safe)) != VERDICT_SOUND)
			return VERDICT_REFUSED;
		bags = PKCS12_unpack_p7encdata(safe, store->passphrase, store->passphrase_length);
	} else {
		return refuse(store,
				"a part of the PKCS#12 is sealed with a public key, or damaged");
	}
	if (!bags)
		return refuse(store, why_not_opened(store));
	verdict = read_bags(store, bags);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return verdict;
}

static enum verdict read_safes(struct store *store, const PKCS12 *sealed)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(sealed);
	enum verdict verdict = VERDICT_SOUND;

	if (!safes)
		return refuse(store, "the PKCS#12 is damaged");
	for (int i = 0; i < sk_PKCS7_num(safes) && verdict == VERDICT_SOUND; i++)
		verdict = read_safe(store, sk_PKCS7_value(safes, i));
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return verdict;
}

/* ---- the password ---- */

static bool choose(struct store *store, size_t index)
{
	if (!password_next(store->findings, index, &store->passphrase))
		return false;
	store->passphrase_length = store->passphrase ? (int)strlen(store->passphrase) : 0;
	return true;
}

/* The seal (MAC) tells whether a passphrase is right. */
static enum verdict open_sealed(struct store *store, PKCS12 *sealed)
{
	const ASN1_INTEGER *iterations;
	const X509_ALGOR *digest;
	const ASN1_OBJECT *method;
	int64_t cost = 1;

	PKCS12_get0_mac(NULL, &digest, NULL, &iterations, sealed);
	X509_ALGOR_get0(&method, NULL, NULL, digest);
	if (OBJ_obj2nid(method) == NID_pbmac1)
		return refuse(store, "the PKCS#12 is sealed with PBMAC1, which is not known here");
	if (iterations && ASN1_INTEGER_get_int64(&cost, iterations) != 1)
		cost = INT64_MAX;
	if (password_declare(store->findings, store->input, cost < 0 ? INT64_MAX : cost) !=
			VERDICT_SOUND)
		return VERDICT_REFUSED;
	for (size_t i = 0; choose(store, i); i++) {
		if (!password_pay(store->findings, cost))
			break;
		if (PKCS12_verify_mac(sealed, store->passphrase, store->passphrase_length) == 1)
			return read_safes(store, sealed);
	}
	return password_lacking(store->findings, store->input, "the PKCS#12");
}

/* Without a seal what can be decrypted and understood is right. */
static enum verdict open_unsealed(struct store *store, PKCS12 *sealed)
{
	enum verdict verdict = VERDICT_REFUSED;

	for (size_t i = 0; verdict == VERDICT_REFUSED && choose(store, i); i++) {
		store->input->derivations = 0;
		store->bags = store->depth = 0;
		verdict = read_safes(store, sealed);
	}
	return verdict;
}

enum verdict pkcs12_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	struct store store = { .findings = findings, .input = input };
	const unsigned char *at = bytes.start;
	PKCS12 *sealed = d2i_PKCS12(NULL, &at, (long)bytes.length);
	enum verdict verdict;

	if (!sealed || at != bytes.start + bytes.length)
		verdict = refuse(&store, "the PKCS#12 is damaged");
	else if (PKCS12_mac_present(sealed))
		verdict = open_sealed(&store, sealed);
	else
		verdict = open_unsealed(&store, sealed);
	PKCS12_free(sealed);
	ERR_clear_error();
	return verdict;
}
