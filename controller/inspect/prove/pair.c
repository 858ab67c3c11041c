#include "controller/inspect/prove/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "controller/inspect/prove/proof.h"
#include "controller/inspect/prove/role.h"

/* ---- finding ---- */

static void prove(const struct pair_search *search, struct pair *pair)
{
	struct arena *arena = search->drop->arena;
	struct error error;

	pair->arrived = pair->leaf->arrived;
	if (pair->key && pair->key->arrived > pair->arrived)
		pair->arrived = pair->key->arrived;
	if (pair->key && !proof_of_possession(pair->key->pkey, certificate_public_key(pair->leaf)))
		pair->wrong = arena_printf(arena,
				"the private key in %s is damaged: a signature made with it does "
				"not verify with the certificate of %s",
				pair->key->place, pair->leaf->subject);
	else if (!certificate_public_key(pair->leaf))
		pair->wrong = arena_printf(arena,
				"the key of the certificate of %s is of an unknown kind",
				pair->leaf->subject);
	else if (!traits_read(arena, pair->leaf, &pair->traits, &error))
		pair->wrong = arena_copy(arena, error.text);
	ERR_clear_error();
	if (pair->wrong)
		return;
	if (search->with_clients)
		role_read(pair);
	chain_build(search->drop, search->authorities, pair->leaf, search->to_root, &pair->chain);
	pair->leaf->used = true;
	for (size_t i = 0; i < pair->chain.count; i++)
		pair->chain.links[i]->used = true;
}

static void match(const struct pair_search *search, struct certificate *leaf, struct pairs *pairs)
{
	EVP_PKEY *public_key = certificate_public_key(leaf);

	for (size_t i = 0; public_key && i < search->drop->key_count; i++) {
		struct key *key = search->drop->keys[i];

		if (EVP_PKEY_eq(key->pkey, public_key) != 1)
			continue;
		key->has_certificate = leaf->has_key = true;
		if (pairs->count < PAIRS_MAX)
			pairs->items[pairs->count++] = (struct pair){ .leaf = leaf, .key = key };
	}
}

static int better_first(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	if (a->traits.not_before != b->traits.not_before)
		return a->traits.not_before > b->traits.not_before ? -1 : 1;
	if (a->arrived != b->arrived)
		return a->arrived > b->arrived ? -1 : 1;
	return strcmp(a->leaf->fingerprint.hex, b->leaf->fingerprint.hex);
}

static void keep_leaves(struct pairs *pairs)
{
	size_t kept = 0;

	for (size_t i = 0; i < pairs->count; i++)
		if (!pairs->items[i].leaf->authority)
			pairs->items[kept++] = pairs->items[i];
	if (kept > 0)
		pairs->count = kept;
}

bool candidate_trusts(const struct candidate *candidate, const struct certificate *certificate)
{
	return certificate->authority && !certificate->has_key &&
			(certificate->files & candidate->within);
}

bool pair_lies_within(const struct pair *pair, unsigned long long files)
{
	return (pair->leaf->files & files) && (!pair->key || (pair->key->files & files));
}

static void prove_and_sort(const struct pair_search *search, struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++)
		prove(search, &pairs->items[i]);
	if (search->with_clients)
		roles_compare(search, pairs);
	if (pairs->count > 0)
		qsort(pairs->items, pairs->count, sizeof(*pairs->items), better_first);
}

void pairs_find(const struct pair_search *search, struct pairs *pairs)
{
	pairs->count = 0;
	for (size_t i = 0; i < search->drop->certificate_count; i++)
		match(search, search->drop->certificates[i], pairs);
	keep_leaves(pairs);
	prove_and_sort(search, pairs);
}

/* By the names, which is enough to tell what may be meant. */
static bool issues_another(const struct findings *drop, const struct certificate *issuer)
{
	for (size_t i = 0; i < drop->certificate_count; i++) {
		const struct certificate *other = drop->certificates[i];

		if (!other->self_issued &&
				X509_NAME_cmp(X509_get_issuer_name(other->x509),
						X509_get_subject_name(issuer->x509)) == 0)
			return true;
	}
	return false;
}

void pairs_find_alone(const struct pair_search *search, bool all, struct pairs *pairs)
{
	const struct findings *drop = search->drop;

	pairs->count = 0;
	for (size_t i = 0; i < drop->certificate_count && pairs->count < PAIRS_MAX; i++)
		if (all || !drop->certificates[i]->authority ||
				!issues_another(drop, drop->certificates[i]))
			pairs->items[pairs->count++] =
					(struct pair){ .leaf = drop->certificates[i] };
	prove_and_sort(search, pairs);
}
