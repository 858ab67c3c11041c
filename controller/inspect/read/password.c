#include "controller/inspect/read/password.h"

#include <limits.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <string.h>

#include "controller/inspect/read/envelope.h"

static long long count_of(const ASN1_INTEGER *number, long long otherwise)
{
	int64_t value;

	if (!number)
		return otherwise;
	if (ASN1_INTEGER_get_int64(&value, number) != 1 || value < 0)
		return LLONG_MAX;
	return value;
}

static long long pbes1_cost(const ASN1_TYPE *parameter)
{
	PBEPARAM *read = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), parameter);
	const long long cost = read ? count_of(read->iter, 1) : -1;

	PBEPARAM_free(read);
	return cost;
}

static long long scrypt_cost(const ASN1_TYPE *parameter)
{
	SCRYPT_PARAMS *read = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), parameter);
	long long cost = -1;

	if (read) {
		const long long n = count_of(read->costParameter, 1);
		const long long r = count_of(read->blockSize, 1);
		const long long p = count_of(read->parallelizationParameter, 1);

		if (__builtin_mul_overflow(n, r, &cost) || __builtin_mul_overflow(cost, p, &cost))
			cost = LLONG_MAX;
	}
	SCRYPT_PARAMS_free(read);
	return cost;
}

static long long pbkdf2_cost(const ASN1_TYPE *parameter)
{
	PBKDF2PARAM *read = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), parameter);
	const long long cost = read ? count_of(read->iter, 1) : -1;

	PBKDF2PARAM_free(read);
	return cost;
}

static long long pbes2_cost(const ASN1_TYPE *parameter)
{
	PBE2PARAM *read = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), parameter);
	long long cost = -1;

	if (read) {
		const int nid = OBJ_obj2nid(read->keyfunc->algorithm);

		if (nid == NID_id_pbkdf2)
			cost = pbkdf2_cost(read->keyfunc->parameter);
		else if (nid == NID_id_scrypt)
			cost = scrypt_cost(read->keyfunc->parameter);
	}
	PBE2PARAM_free(read);
	return cost;
}

long long password_cost(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object;
	int type;
	const void *value;
	int nid;

	X509_ALGOR_get0(&object, &type, &value, algorithm);
	nid = OBJ_obj2nid(object);
	if (nid == NID_pbes2)
		return pbes2_cost(algorithm->parameter);
	if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, NULL, NULL, NULL))
		return pbes1_cost(algorithm->parameter);
	return -1;
}

enum verdict password_declare(struct findings *findings, struct input *input, long long cost)
{
	if (cost < 0)
		return conclude(findings, input, VERDICT_REFUSED,
				"is encrypted in a way that is not known here");
	if (cost > findings->derivations_max ||
			input->derivations > findings->derivations_max - cost)
		return conclude(findings, input, VERDICT_REFUSED,
				"asks for %s%lld password iterations; at most %lld are allowed",
				cost == LLONG_MAX ? "more than " : "",
				cost == LLONG_MAX ? findings->derivations_max
						  : input->derivations + cost,
				findings->derivations_max);
	input->derivations += cost;
	return VERDICT_SOUND;
}

bool password_pay(struct findings *findings, long long cost)
{
	if (cost > findings->derivations_left)
		return false;
	findings->derivations_left -= cost;
	return true;
}

static size_t given_count(const struct findings *findings)
{
	return findings->passphrases ? findings->passphrases->count : 0;
}

bool password_next(const struct findings *findings, const struct input *input, size_t index,
		const char **passphrase)
{
	const struct envelope *own = envelope_of(findings, input->shown);
	const size_t given = given_count(findings);
	const size_t last = given + findings->envelope_count;

	if (own) {
		*passphrase = envelope_passphrase(own);
		return *passphrase && index == 0;
	}
	if (index < given)
		*passphrase = findings->passphrases->lines[index];
	else if (index < last && envelope_passphrase(findings->envelopes[index - given]))
		*passphrase = envelope_passphrase(findings->envelopes[index - given]);
	else
		*passphrase = index <= last ? "" : NULL;
	return index < last + 2;
}

static enum verdict envelope_lacking(struct findings *findings, struct input *input,
		const struct envelope *envelope, const char *what)
{
	const char *slash = strrchr(envelope->key, '/');
	const char *name = slash ? slash + 1 : envelope->key;
	const char *lacks = envelope_lacks(envelope);

	if (lacks)
		return conclude(findings, input, VERDICT_INCOMPLETE,
				"%s is encrypted, and %s%s is not there", what, name, lacks);
	return conclude(findings, input, VERDICT_REFUSED,
			"%s does not open with the passphrase in %s.cipher and %s.rand", what, name,
			name);
}

bool password_next_for_key(const struct findings *findings, const struct input *input,
		const char *opened, size_t index, const char **passphrase)
{
	const struct passphrases *own = findings->key_passphrases;
	const size_t own_count = own ? own->count : 0;

	if (envelope_of(findings, input->shown))
		return password_next(findings, input, index, passphrase);
	*passphrase = opened;
	if (opened && index-- == 0)
		return true;
	if (index < own_count) {
		*passphrase = own->lines[index];
		return true;
	}
	return password_next(findings, input, index - own_count, passphrase) && *passphrase;
}

enum verdict password_lacking(struct findings *findings, struct input *input, const char *what)
{
	const struct envelope *own = envelope_of(findings, input->shown);
	const size_t given = given_count(findings);

	if (own)
		return envelope_lacking(findings, input, own, what);
	if (given == 0 && findings->package.count > 0)
		return conclude(findings, input, VERDICT_INCOMPLETE,
				"%s is encrypted, and neither a passphrase nor its .cipher and .rand "
				"files are there",
				what);
	if (given == 0)
		return conclude(findings, input, VERDICT_REFUSED,
				"%s is encrypted, and no passphrase was given", what);
	return conclude(findings, input, VERDICT_REFUSED, "%s is encrypted, and %s", what,
			given == 1 ? "the passphrase given does not open it"
				   : "none of the passphrases given opens it");
}

enum verdict password_lacking_for_key(
		struct findings *findings, struct input *input, const char *store, const char *key)
{
	const struct passphrases *own = findings->key_passphrases;

	return conclude(findings, input, VERDICT_REFUSED,
			"the passphrase opens the %s, but not the private key %s in it, %s", store,
			key,
			own && own->count > 0 ? "nor does one of the key-passphrases"
					      : "which has one of its own: name a file with it as "
						"key-passphrases");
}

enum verdict password_unpaid(struct findings *findings, struct input *input)
{
	return conclude(findings, input, VERDICT_REFUSED,
			"the files together ask for too many password iterations");
}
