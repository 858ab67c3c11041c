#include "controller/inspect/compose.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/buffer.h"
#include "controller/inspect/judge/lasting.h"

struct composer {
	struct arena *arena;
	const struct candidate *candidate;
	const struct composition *how;
	struct secret *parts;
	const char *names[PART_CRL + 1];
	size_t count;
};

/* ---- PEM ---- */

static void add_text(struct secret *text, const char *words)
{
	secret_append(text, words, strlen(words));
}

static void add_pem(struct secret *text, const char *label, struct bytes der)
{
	unsigned char line[72];

	add_text(text, "-----BEGIN ");
	add_text(text, label);
	add_text(text, "-----\n");
	while (der.length > 0) {
		const size_t part = der.length < 48 ? der.length : 48;
		const int length = EVP_EncodeBlock(line, der.start, (int)part);

		line[length] = '\n';
		secret_append(text, line, (size_t)length + 1);
		der.start += part;
		der.length -= part;
	}
	OPENSSL_cleanse(line, sizeof(line));
	add_text(text, "-----END ");
	add_text(text, label);
	add_text(text, "-----\n");
}

static void begin_part(struct composer *composer, enum part part)
{
	add_text(composer->parts, "certdrop part: ");
	add_text(composer->parts, part_name(part));
	add_text(composer->parts, "\n");
	composer->names[composer->count++] = part_name(part);
}

/* ---- parts ---- */

static bool is_left_out(const struct composer *composer, struct certificate *link)
{
	return !composer->how->with_root && chain_self_signed(link);
}

static void add_chain(struct composer *composer, const struct pair *pair, enum part part)
{
	bool begun = false;

	for (size_t i = 0; i < pair->chain.count; i++) {
		if (is_left_out(composer, pair->chain.links[i]))
			continue;
		if (!begun)
			begin_part(composer, part);
		begun = true;
		add_pem(composer->parts, "CERTIFICATE", pair->chain.links[i]->der);
	}
}

static bool add_key(struct composer *composer, const struct pair *pair, enum part part)
{
	EVP_PKEY *key = pair->key->pkey;
	PKCS8_PRIV_KEY_INFO *info;
	unsigned char *der = NULL;
	int length;

	/* The same key has to give the same bytes, whatever form it came in. */
	if (EVP_PKEY_is_a(key, "EC")) {
		(void)EVP_PKEY_set_int_param(key, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 1);
		(void)EVP_PKEY_set_utf8_string_param(
				key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
	}
	info = EVP_PKEY2PKCS8(key);
	length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (length <= 0)
		return false;
	begin_part(composer, part);
	add_pem(composer->parts, "PRIVATE KEY", (struct bytes){ der, (size_t)length });
	OPENSSL_clear_free(der, (size_t)length);
	return true;
}

static bool add_pair(struct composer *composer, const struct pair *pair, enum part first)
{
	const bool client = first == PART_CLIENT_LEAF;

	begin_part(composer, first);
	add_pem(composer->parts, "CERTIFICATE", pair->leaf->der);
	add_chain(composer, pair, client ? PART_CLIENT_CHAIN : PART_CHAIN);
	return !pair->key || add_key(composer, pair, client ? PART_CLIENT_KEY : PART_KEY);
}

static int by_fingerprint(const void *left, const void *right)
{
	return strcmp((*(struct certificate *const *)left)->fingerprint.hex,
			(*(struct certificate *const *)right)->fingerprint.hex);
}

static int by_digest(const void *left, const void *right)
{
	return strcmp((*(struct crl *const *)left)->digest.hex,
			(*(struct crl *const *)right)->digest.hex);
}

/* In the order of their fingerprints. */
static struct certificate **authorities(const struct composer *composer, size_t *count)
{
	const struct findings *drop = composer->candidate->drop;
	struct certificate **chosen = arena_new_many(
			composer->arena, struct certificate *, drop->certificate_count + 1);

	*count = 0;
	for (size_t i = 0; i < drop->certificate_count; i++)
		if (candidate_trusts(composer->candidate, drop->certificates[i]))
			chosen[(*count)++] = drop->certificates[i];
	qsort(chosen, *count, sizeof(struct certificate *), by_fingerprint);
	return chosen;
}

static void add_authorities(struct composer *composer)
{
	size_t count;
	struct certificate **chosen = authorities(composer, &count);

	if (count > 0)
		begin_part(composer, PART_CA);
	for (size_t i = 0; i < count; i++) {
		chosen[i]->used = true;
		add_pem(composer->parts, "CERTIFICATE", chosen[i]->der);
	}
}

static void add_crls(struct composer *composer)
{
	const struct findings *drop = composer->candidate->drop;
	struct crl **chosen = arena_new_many(composer->arena, struct crl *, drop->crl_count + 1);
	size_t count = 0;

	for (size_t i = 0; i < drop->crl_count; i++)
		if (drop->crls[i]->files & composer->candidate->within)
			chosen[count++] = drop->crls[i];
	if (count == 0)
		return;
	qsort(chosen, count, sizeof(struct crl *), by_digest);
	begin_part(composer, PART_CRL);
	for (size_t i = 0; i < count; i++)
		add_pem(composer->parts, "X509 CRL", chosen[i]->der);
}

/* In the order of enum part. */
static bool add_parts(struct composer *composer)
{
	const struct candidate *candidate = composer->candidate;

	if (composer->how->bundle) {
		add_authorities(composer);
		return true;
	}
	if (!add_pair(composer, candidate->server, PART_LEAF))
		return false;
	if (candidate->client && !add_pair(composer, candidate->client, PART_CLIENT_LEAF))
		return false;
	if (composer->how->with_authorities)
		add_authorities(composer);
	if (composer->how->with_crls)
		add_crls(composer);
	return true;
}

/* ---- facts ---- */

static struct words chain_fingerprints(const struct composer *composer)
{
	const struct chain *chain = &composer->candidate->server->chain;
	struct words words = { 0 };

	words.items = arena_new_many(composer->arena, const char *, CHAIN_MAX);
	for (size_t i = 0; i < chain->count; i++)
		if (!is_left_out(composer, chain->links[i]))
			words.items[words.count++] = chain->links[i]->fingerprint.hex;
	return words;
}

static void add_unnamed(const struct composer *composer, const struct certificate *certificate,
		struct rows *rows)
{
	const X509_NAME *name = X509_get_subject_name(certificate->x509);

	if (X509_NAME_get_index_by_NID(name, NID_commonName, -1) < 0)
		rows_add(composer->arena, rows, certificate->subject);
}

static struct rows unnamed(const struct composer *composer)
{
	const struct pair *pair = composer->candidate->server;
	struct rows rows = { 0 };

	add_unnamed(composer, pair->leaf, &rows);
	for (size_t i = 0; i < pair->chain.count; i++)
		if (!is_left_out(composer, pair->chain.links[i]))
			add_unnamed(composer, pair->chain.links[i], &rows);
	return rows;
}

/* All of them count: the first that ends, ends it. */
static void state_bundle(const struct composer *composer, struct credential *facts)
{
	autodone(buffer) struct buffer all = { 0 };
	struct traits traits;
	struct error error;
	size_t count;
	struct certificate **chosen = authorities(composer, &count);

	facts->chain.count = 0;
	facts->chain.items = arena_new_many(composer->arena, const char *, count);
	facts->names.count = facts->usages.count = 0;
	for (size_t i = 0; i < count; i++) {
		buffer_append(&all, (const char *)chosen[i]->der.start, chosen[i]->der.length);
		facts->chain.items[facts->chain.count++] = chosen[i]->fingerprint.hex;
		if (traits_read(composer->arena, chosen[i], &traits, &error) &&
				traits.not_after < facts->not_after)
			facts->not_after = traits.not_after;
	}
	facts->fingerprint = arena_copy(composer->arena, digest_of(all.bytes, all.length).hex);
	if (count > 1)
		facts->subject = arena_printf(
				composer->arena, "%s and %zu more", facts->subject, count - 1);
}

static void state_facts(const struct composer *composer, struct credential *facts)
{
	const struct pair *pair = composer->candidate->server;
	const struct bytes key = certificate_key_bytes(pair->leaf);
	const struct digest digest = digest_of(composer->parts->bytes, composer->parts->length);
	const struct digest key_digest = digest_of(key.start, key.length);
	const struct words parts = { (const char **)(size_t)composer->names, composer->count };

	*facts = (struct credential){
		.digest = arena_copy(composer->arena, digest.hex),
		.fingerprint = pair->leaf->fingerprint.hex,
		.key_fingerprint = arena_copy(composer->arena, key_digest.hex),
		.subject = pair->leaf->subject,
		.issuer = pair->traits.issuer,
		.serial = pair->traits.serial,
		.not_before = pair->traits.not_before,
		.not_after = pair->traits.not_after,
		.key = pair->traits.key,
		.names = pair->traits.names,
		.usages = pair->traits.usages,
		.parts = words_copy(composer->arena, parts),
		.chain = chain_fingerprints(composer),
		.self_signed = chain_self_signed(pair->leaf),
		.unnamed = unnamed(composer),
		.lasts = lasting_rows(composer->arena, composer->candidate, composer->how),
		.links = lasting_links(composer->arena, composer->candidate, composer->how),
		.warnings = composer->how->warnings,
	};
	if (composer->how->bundle)
		state_bundle(composer, facts);
	if (composer->candidate->client)
		facts->client_fingerprint = composer->candidate->client->leaf->fingerprint.hex;
}

bool compose(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition, struct credential *facts,
		struct secret *text, struct error *error)
{
	autodone(secret) struct secret parts = { 0 };
	autodone(buffer) struct buffer head = { 0 };
	struct composer composer = { arena, candidate, composition, &parts, { 0 }, 0 };

	if (!add_parts(&composer))
		return fail(error, ERROR_RETRY, "the private key of %s cannot be written",
				candidate->server->leaf->subject);
	state_facts(&composer, facts);
	record_print(credential_record(arena, facts), &head);
	buffer_add(&head, "\n");
	if (head.length + parts.length > CREDENTIAL_FILE_MAX)
		return fail(error, ERROR_INPUT, "the credential of %s has more than %d bytes",
				candidate->server->leaf->subject, CREDENTIAL_FILE_MAX);
	secret_append(text, head.bytes, head.length);
	secret_append(text, parts.bytes, parts.length);
	return true;
}
