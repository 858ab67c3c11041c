#include "controller/inspect/read/format.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/read/password.h"
#include "controller/inspect/read/pkcs12-bags.h"

static enum verdict refuse(const struct bags *bags, const char *sentence)
{
	return conclude(bags->findings, bags->input, VERDICT_REFUSED, "%s", sentence);
}

/* Without a passphrase, which is tried last, little can be decrypted anyway. */
static const char *why_not_opened(const struct bags *bags)
{
	return crypto_has_legacy() || !bags->passphrase
			? "a part of the PKCS#12 cannot be decrypted"
			: "a part of the PKCS#12 is encrypted in an old way that this "
			  "system's OpenSSL does not have";
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

static int length_of(const char *passphrase)
{
	return passphrase ? (int)strlen(passphrase) : 0;
}

static enum verdict open_safe(struct bags *bags, PKCS7 *safe)
{
	STACK_OF(PKCS12_SAFEBAG) *opened = NULL;

	if (PKCS7_type_is_data(safe) && safe->d.data) {
		opened = PKCS12_unpack_p7data(safe);
	} else if (PKCS7_type_is_encrypted(safe) && encryption_of(safe)) {
		if (bags_pay(bags, encryption_of(safe)) != VERDICT_SOUND)
			return VERDICT_REFUSED;
		opened = PKCS12_unpack_p7encdata(
				safe, bags->passphrase, length_of(bags->passphrase));
	} else {
		return refuse(bags,
				"a part of the PKCS#12 is sealed with a public key, or damaged");
	}
	return opened ? bags_gather(bags, opened) : refuse(bags, why_not_opened(bags));
}

static enum verdict read_safes(struct bags *bags, const PKCS12 *sealed)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(sealed);
	enum verdict verdict = VERDICT_SOUND;

	if (!safes)
		return refuse(bags, "the PKCS#12 is damaged");
	for (int i = 0; i < sk_PKCS7_num(safes) && verdict == VERDICT_SOUND; i++)
		verdict = open_safe(bags, sk_PKCS7_value(safes, i));
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return verdict == VERDICT_SOUND ? bags_read(bags) : verdict;
}

/* ---- the password ---- */

/* The seal (MAC) tells whether a passphrase is right. */
static enum verdict open_sealed(struct bags *bags, PKCS12 *sealed)
{
	const ASN1_INTEGER *iterations;
	const X509_ALGOR *digest;
	const ASN1_OBJECT *method;
	int64_t cost = 1;

	PKCS12_get0_mac(NULL, &digest, NULL, &iterations, sealed);
	X509_ALGOR_get0(&method, NULL, NULL, digest);
	if (OBJ_obj2nid(method) == NID_pbmac1)
		return refuse(bags, "the PKCS#12 is sealed with PBMAC1, which is not known here");
	if (iterations && ASN1_INTEGER_get_int64(&cost, iterations) != 1)
		cost = INT64_MAX;
	if (password_declare(bags->findings, bags->input, cost < 0 ? INT64_MAX : cost) !=
			VERDICT_SOUND)
		return VERDICT_REFUSED;
	for (size_t i = 0; password_next(bags->findings, bags->input, i, &bags->passphrase); i++) {
		if (!password_pay(bags->findings, cost))
			break;
		if (PKCS12_verify_mac(sealed, bags->passphrase, length_of(bags->passphrase)) == 1)
			return read_safes(bags, sealed);
	}
	return password_lacking(bags->findings, bags->input, "the PKCS#12");
}

/* Without a seal what can be decrypted and understood is right. */
static enum verdict open_unsealed(struct bags *bags, PKCS12 *sealed)
{
	const long long before = bags->input->derivations;
	enum verdict verdict = VERDICT_REFUSED;

	for (size_t i = 0; verdict == VERDICT_REFUSED &&
			password_next(bags->findings, bags->input, i, &bags->passphrase);
			i++) {
		bags->input->derivations = before;
		bags_done(bags);
		verdict = read_safes(bags, sealed);
	}
	return verdict;
}

enum verdict pkcs12_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	autodone(bags) struct bags bags = { .findings = findings, .input = input };
	const unsigned char *at = bytes.start;
	PKCS12 *sealed = d2i_PKCS12(NULL, &at, (long)bytes.length);
	enum verdict verdict;

	if (!sealed || at != bytes.start + bytes.length)
		verdict = refuse(&bags, "the PKCS#12 is damaged");
	else if (PKCS12_mac_present(sealed))
		verdict = open_sealed(&bags, sealed);
	else
		verdict = open_unsealed(&bags, sealed);
	PKCS12_free(sealed);
	ERR_clear_error();
	return verdict;
}
