#include "controller/inspect/origin.h"

#include "controller/inspect/read/envelope.h"

unsigned long long files_with_keys(const struct findings *findings)
{
	unsigned long long files = 0;

	for (size_t i = 0; i < findings->key_count; i++)
		files |= findings->keys[i]->files;
	return files;
}

unsigned long long files_of_pair(const struct pair *pair)
{
	unsigned long long files = pair->leaf->files | (pair->key ? pair->key->files : 0);

	for (size_t i = 0; i < pair->chain.count; i++)
		files |= pair->chain.links[i]->files;
	return files;
}

/* Certificate, key, and what holds the key's passphrase. */
static unsigned long long files_of_halves(const struct findings *drop, const struct pair *pair)
{
	const struct envelope *envelope = pair->key ? envelope_of(drop, pair->key->place) : NULL;
	const unsigned long long files = pair->leaf->files | (pair->key ? pair->key->files : 0);

	return envelope ? files | envelope->files[0] | envelope->files[1] : files;
}

static unsigned long long files_at_heart(const struct candidate *candidate)
{
	const unsigned long long files = files_of_halves(candidate->drop, candidate->server);

	return candidate->client ? files | files_of_halves(candidate->drop, candidate->client)
				 : files;
}

/* The files with a key or a leaf that is not this candidate's. */
static unsigned long long files_of_others(const struct candidate *candidate)
{
	const struct findings *drop = candidate->drop;
	const struct pair *server = candidate->server, *client = candidate->client;
	unsigned long long files = 0;

	for (size_t i = 0; i < drop->key_count; i++)
		if (drop->keys[i] != server->key && !(client && drop->keys[i] == client->key))
			files |= drop->keys[i]->files;
	for (size_t i = 0; i < drop->certificate_count; i++) {
		const struct certificate *certificate = drop->certificates[i];

		if (certificate == server->leaf || (client && certificate == client->leaf))
			continue;
		if (certificate->has_key || !certificate->authority)
			files |= certificate->files;
	}
	return files;
}

unsigned long long files_of_candidate(
		const struct candidate *candidate, const struct composition *composition)
{
	const struct findings *drop = candidate->drop;
	unsigned long long files = files_of_pair(candidate->server);

	if (candidate->client)
		files |= files_of_pair(candidate->client);
	for (size_t i = 0; composition->with_crls && i < drop->crl_count; i++)
		files |= drop->crls[i]->files & candidate->within;
	for (size_t i = 0; composition->with_authorities && i < drop->certificate_count; i++)
		if (candidate_trusts(candidate, drop->certificates[i]))
			files |= drop->certificates[i]->files & candidate->within;
	return files_at_heart(candidate) | (files & ~files_of_others(candidate));
}
