/*
 * One bit of a private key is wrong: the pair proof refuses it, or the key is the same as before.
 * With THOROUGH in the environment each bit is tried, else a sample; what it took is printed, and
 * means something in a release build only.
 */

#include "tests/unit/unit.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/prove/proof.h"
#include "tests/unit/material.h"

/* Of the flips that change key material at least so many per thousand are refused. */
enum { REFUSED_PER_MILLE = 995 };

struct tally {
	unsigned refused, harmless, duds;
	double seconds;
};

/* As findings and pairs do it: decode, arithmetic, public halves, one signature. */
static EVP_PKEY *prove(struct bytes der, EVP_PKEY *public_key)
{
	EVP_PKEY *key = crypto_private_key(der, CRYPTO_PKCS8);

	if (key && !proof_of_consistency(key) && EVP_PKEY_eq(key, public_key) == 1 &&
			proof_of_possession(key, public_key))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* What a product would be given is this, not the bytes that were dropped: a public point that was
 * written in another form is put right. */
static bool is_same(EVP_PKEY *key, const struct buffer *sound)
{
	unsigned char *der = NULL;
	PKCS8_PRIV_KEY_INFO *info;
	bool same;
	int length;

	if (EVP_PKEY_is_a(key, "EC"))
		(void)EVP_PKEY_set_utf8_string_param(
				key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
	info = EVP_PKEY2PKCS8(key);
	length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	same = length > 0 && (size_t)length == sound->length &&
			memcmp(der, sound->bytes, sound->length) == 0;

	OPENSSL_clear_free(der, length > 0 ? (size_t)length : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return same;
}

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void flip(struct buffer *key, size_t bit)
{
	key->bytes[bit / 8] = (char)(key->bytes[bit / 8] ^ 1 << bit % 8);
}

static void try_bit(const struct identity *leaf, const struct buffer *sound, size_t bit,
		struct tally *tally)
{
	autodone(buffer) struct buffer der = { 0 };
	EVP_PKEY *accepted;
	double started;

	buffer_append(&der, sound->bytes, sound->length);
	flip(&der, bit);
	started = now();
	accepted = prove((struct bytes){ (unsigned char *)der.bytes, der.length }, leaf->key);
	tally->seconds += now() - started;
	if (!accepted)
		tally->refused++;
	else if (is_same(accepted, sound))
		tally->harmless++;
	else
		tally->duds++;
	EVP_PKEY_free(accepted);
	ERR_clear_error();
}

static double cost_of_a_sound_key(const struct identity *leaf, const struct buffer *sound)
{
	const double started = now();

	for (int i = 0; i < 20; i++) {
		EVP_PKEY *key = prove(
				(struct bytes){ (unsigned char *)sound->bytes, sound->length },
				leaf->key);

		assert_non_null(key);
		EVP_PKEY_free(key);
	}
	return (now() - started) / 20;
}

static void try_bits(const char *kind, unsigned step)
{
	const struct recipe recipe = { .name = "leaf.example", .key = kind };
	autodone(identity) struct identity leaf = { 0 };
	autodone(buffer) struct buffer sound = { 0 };
	struct tally tally = { 0 };
	unsigned tried = 0, changed;
	double cost;

	identity_make(&leaf, &recipe);
	add_key_der(&sound, &leaf);
	cost = cost_of_a_sound_key(&leaf, &sound);
	for (size_t bit = 0; bit < 8 * sound.length; bit += step, tried++)
		try_bit(&leaf, &sound, bit, &tally);
	changed = tally.refused + tally.duds;
	print_message("%s: %u of %zu bits: %u refused, %u make no difference, %u duds accepted; "
		      "%.3f ms a damaged key, %.3f ms a sound one\n",
			kind, tried, 8 * sound.length, tally.refused, tally.harmless, tally.duds,
			tally.seconds / tried * 1000, cost * 1000);
	assert_true(changed > 200);
	assert_true(1000 * tally.refused >= REFUSED_PER_MILLE * changed);
}

static void keys_with_a_wrong_bit_are_refused(void **state)
{
	static const struct {
		const char *kind;
		unsigned step; /* a prime, so that it meets each bit of a byte */
	} cases[] = { { "RSA 2048", 13 }, { "RSA 3072", 23 }, { "EC P-256", 3 }, { "EC P-384", 5 },
		{ "Ed25519", 1 } };
	const bool all = getenv("THOROUGH") != NULL;
	struct error error;

	(void)state;
	assert_true(crypto_init(&error));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		try_bits(cases[i].kind, all ? 1 : cases[i].step);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_with_a_wrong_bit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
