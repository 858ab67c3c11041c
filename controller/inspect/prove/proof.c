#include "controller/inspect/prove/proof.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <string.h>

#include "controller/inspect/crypto.h"

enum rsa_number { N, E, D, P, Q, DP, DQ, QINV, NUMBER_COUNT };

static const char *const number_names[NUMBER_COUNT] = {
	[N] = OSSL_PKEY_PARAM_RSA_N,
	[E] = OSSL_PKEY_PARAM_RSA_E,
	[D] = OSSL_PKEY_PARAM_RSA_D,
	[P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
	[Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
	[DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
	[DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
	[QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

/* For one prime: e and d are inverse modulo prime - 1, and the short exponent is d's rest. */
static bool prime_fits(
		BIGNUM *const numbers[], const BIGNUM *prime, const BIGNUM *exponent, BN_CTX *work)
{
	BIGNUM *less = BN_CTX_get(work), *product = BN_CTX_get(work), *rest = BN_CTX_get(work);

	if (!rest || !BN_is_odd(prime) || BN_is_one(prime) || !BN_copy(less, prime) ||
			!BN_sub_word(less, 1))
		return false;
	if (!BN_mod_mul(product, numbers[E], numbers[D], less, work) || !BN_is_one(product))
		return false;
	return BN_nnmod(rest, numbers[D], less, work) && BN_cmp(rest, exponent) == 0;
}

static const char *check_arithmetic(BIGNUM *const numbers[], BN_CTX *work)
{
	BIGNUM *product = BN_CTX_get(work);

	if (!product || !BN_mul(product, numbers[P], numbers[Q], work) ||
			BN_cmp(product, numbers[N]) != 0)
		return "it is damaged, its modulus is not the product of its primes";
	if (!prime_fits(numbers, numbers[P], numbers[DP], work) ||
			!prime_fits(numbers, numbers[Q], numbers[DQ], work))
		return "it is damaged, its exponents do not fit its primes";
	if (BN_cmp(numbers[QINV], numbers[P]) >= 0 ||
			!BN_mod_mul(product, numbers[QINV], numbers[Q], numbers[P], work) ||
			!BN_is_one(product))
		return "it is damaged, its coefficient does not fit its primes";
	return NULL;
}

static const char *check_rsa(const EVP_PKEY *key)
{
	BIGNUM *numbers[NUMBER_COUNT] = { 0 };
	BN_CTX *work = BN_CTX_secure_new();
	const char *wrong = NULL;

	for (int i = 0; i < NUMBER_COUNT && !wrong; i++)
		if (!EVP_PKEY_get_bn_param(key, number_names[i], &numbers[i]))
			wrong = "it lacks one of the numbers that an RSA key has";
	if (!wrong && EVP_PKEY_get_bits(key) > OPENSSL_RSA_MAX_MODULUS_BITS / 2)
		wrong = "it has more than 8192 bits";
	if (!wrong && work) {
		BN_CTX_start(work);
		wrong = check_arithmetic(numbers, work);
		BN_CTX_end(work);
	}
	for (int i = 0; i < NUMBER_COUNT; i++)
		BN_clear_free(numbers[i]);
	BN_CTX_free(work);
	return wrong;
}

/* Its private key reads like any other on a curve; its certificates do not, so that without a word
 * they would be waited for. */
static bool is_sm2(const EVP_PKEY *key)
{
	char curve[32];

	return EVP_PKEY_is_a(key, "SM2") ||
			(EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
					strcmp(curve, "SM2") == 0);
}

const char *proof_of_consistency(EVP_PKEY *key)
{
	if (is_sm2(key))
		return "it is SM2, of a national standard (GB/T 32918) that is not used here; have a "
		       "pair with RSA or ECDSA issued";
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return check_rsa(key);
	return NULL;
}

/* RSA and EC sign a digest that we choose; RSA-PSS may be bound to one of its own, the
 * Edwards curves know just one. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC") ? crypto_digest(NID_sha256)
								     : NULL;
}

static bool sign_and_verify(
		EVP_MD_CTX *signing, EVP_MD_CTX *verifying, EVP_PKEY *key, EVP_PKEY *public_key)
{
	static const unsigned char words[] = "certdrop: this key belongs to that certificate";
	unsigned char signature[OPENSSL_RSA_MAX_MODULUS_BITS / 8];
	size_t length = sizeof(signature);
	const EVP_MD *digest = digest_for(key);

	return signing && verifying && EVP_DigestSignInit(signing, NULL, digest, NULL, key) == 1 &&
			EVP_DigestSign(signing, signature, &length, words, sizeof(words)) == 1 &&
			EVP_DigestVerifyInit(verifying, NULL, digest, NULL, public_key) == 1 &&
			EVP_DigestVerify(verifying, signature, length, words, sizeof(words)) == 1;
}

bool proof_of_possession(EVP_PKEY *key, EVP_PKEY *public_key)
{
	EVP_MD_CTX *signing = EVP_MD_CTX_new(), *verifying = EVP_MD_CTX_new();
	const bool proven = sign_and_verify(signing, verifying, key, public_key);

	EVP_MD_CTX_free(signing);
	EVP_MD_CTX_free(verifying);
	return proven;
}
