#include "controller/inspect/read/pkcs12-bags.h"

#include <openssl/err.h>
#include <string.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/read/entries.h"
#include "controller/inspect/read/format.h"
#include "controller/inspect/read/password.h"

enum { BAG_NESTING_MAX = 4, BAGS_MAX = 1024 };

static enum verdict refuse(const struct bags *bags, const char *sentence)
{
	return conclude(bags->findings, bags->input, VERDICT_REFUSED, "%s", sentence);
}

void bags_done(struct bags *bags)
{
	for (size_t i = 0; i < bags->safe_count; i++)
		sk_PKCS12_SAFEBAG_pop_free(bags->safes[i], PKCS12_SAFEBAG_free);
	bags->safe_count = bags->count = 0;
	bags->depth = 0;
}

enum verdict bags_pay(const struct bags *bags, const X509_ALGOR *algorithm)
{
	const long long cost = password_cost(algorithm);

	if (password_declare(bags->findings, bags->input, cost) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	return password_pay(bags->findings, cost) ? VERDICT_SOUND
						  : password_unpaid(bags->findings, bags->input);
}

/* ---- gathering ---- */

static enum verdict gather(struct bags *bags, const STACK_OF(PKCS12_SAFEBAG) * list);

static enum verdict gather_nested(struct bags *bags, const PKCS12_SAFEBAG *bag)
{
	enum verdict verdict;

	if (++bags->depth > BAG_NESTING_MAX)
		return refuse(bags, "the bags of the PKCS#12 are nested too deeply");
	verdict = gather(bags, PKCS12_SAFEBAG_get0_safes(bag));
	bags->depth--;
	return verdict;
}

static enum verdict gather(struct bags *bags, const STACK_OF(PKCS12_SAFEBAG) * list)
{
	enum verdict verdict = VERDICT_SOUND;

	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(list) && verdict == VERDICT_SOUND; i++) {
		PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(list, i);

		if (bags->count == BAGS_MAX)
			return refuse(bags, "the PKCS#12 has more than 1024 bags");
		bags->items = arena_with_room(bags->findings->arena, bags->items, bags->count,
				&bags->size, sizeof(PKCS12_SAFEBAG *));
		bags->items[bags->count++] = bag;
		if (PKCS12_SAFEBAG_get_nid(bag) == NID_safeContentsBag)
			verdict = gather_nested(bags, bag);
	}
	return verdict;
}

enum verdict bags_gather(struct bags *bags, STACK_OF(PKCS12_SAFEBAG) * safe)
{
	bags->safes = arena_with_room(bags->findings->arena, bags->safes, bags->safe_count,
			&bags->safe_size, sizeof(STACK_OF(PKCS12_SAFEBAG) *));
	bags->safes[bags->safe_count++] = safe;
	return gather(bags, safe);
}

/* ---- keys ---- */

static enum verdict read_open_key(const struct bags *bags, const PKCS8_PRIV_KEY_INFO *key)
{
	unsigned char *der = NULL;
	const int length = i2d_PKCS8_PRIV_KEY_INFO(key, &der);
	const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
	const enum verdict verdict = key_read(bags->findings, bags->input, bytes, CRYPTO_PKCS8);

	OPENSSL_clear_free(der, bytes.length);
	return verdict;
}

/* The passphrase of the store first; the key may have another one. */
static enum verdict open_key(
		const struct bags *bags, const X509_SIG *sealed, PKCS8_PRIV_KEY_INFO **opened)
{
	const X509_ALGOR *algorithm;
	const char *passphrase;

	X509_SIG_get0(sealed, &algorithm, NULL);
	if (bags_pay(bags, algorithm) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	*opened = PKCS8_decrypt(sealed, bags->passphrase,
			bags->passphrase ? (int)strlen(bags->passphrase) : 0);
	for (size_t i = 0; !*opened &&
			password_next_for_key(bags->findings, bags->input, NULL, i, &passphrase);
			i++) {
		if (passphrase == bags->passphrase)
			continue;
		if (!password_pay(bags->findings, password_cost(algorithm)))
			return password_unpaid(bags->findings, bags->input);
		*opened = PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase));
	}
	return VERDICT_SOUND;
}

static enum verdict read_key(
		const struct bags *bags, const PKCS12_SAFEBAG *bag, const struct store_entry *entry)
{
	PKCS8_PRIV_KEY_INFO *opened = NULL;
	enum verdict verdict;

	if (PKCS12_SAFEBAG_get_nid(bag) == NID_keyBag)
		return read_open_key(bags, PKCS12_SAFEBAG_get0_p8inf(bag));
	verdict = open_key(bags, PKCS12_SAFEBAG_get0_pkcs8(bag), &opened);
	if (verdict != VERDICT_SOUND)
		return verdict;
	if (!opened)
		return password_lacking_for_key(bags->findings, bags->input, "PKCS#12",
				entry_shown(bags->findings->arena, entry->alias));
	verdict = read_open_key(bags, opened);
	PKCS8_PRIV_KEY_INFO_free(opened);
	return verdict;
}

static bool is_key(const PKCS12_SAFEBAG *bag)
{
	const int nid = PKCS12_SAFEBAG_get_nid(bag);

	return nid == NID_keyBag || nid == NID_pkcs8ShroudedKeyBag;
}

static struct bytes alias_of(struct arena *arena, PKCS12_SAFEBAG *bag, unsigned *unnamed)
{
	char *name = PKCS12_get_friendlyname(bag);
	const char *alias = name ? arena_copy(arena, name) : arena_printf(arena, "%u", ++*unnamed);

	OPENSSL_free(name);
	return (struct bytes){ (const unsigned char *)alias, strlen(alias) };
}

static enum verdict choose(const struct bags *bags, struct store_entry *keys, size_t *count)
{
	unsigned unnamed = 0;
	size_t certificates = 0;

	for (size_t i = 0; i < bags->count; i++) {
		if (is_key(bags->items[i]))
			keys[(*count)++].alias =
					alias_of(bags->findings->arena, bags->items[i], &unnamed);
		certificates += PKCS12_SAFEBAG_get_nid(bags->items[i]) == NID_certBag;
	}
	return entries_choose(bags->findings, bags->input, keys, *count, certificates);
}

/* ---- certificates ---- */

/* Java's mark of a trusted certificate: Oracle's trustedKeyUsage attribute. */
static bool is_marked_trusted(const PKCS12_SAFEBAG *bag)
{
	ASN1_OBJECT *mark = OBJ_txt2obj("2.16.840.1.113894.746875.1.1", 1);
	const STACK_OF(X509_ATTRIBUTE) *attributes = PKCS12_SAFEBAG_get0_attrs(bag);
	const bool marked = mark && attributes && X509at_get_attr_by_OBJ(attributes, mark, -1) >= 0;

	ASN1_OBJECT_free(mark);
	return marked;
}

static bool has_key_here(const struct bags *bags, X509 *x509)
{
	const EVP_PKEY *public_key = X509_get0_pubkey(x509);

	for (size_t i = 0; public_key && i < bags->findings->key_count; i++) {
		const struct key *key = bags->findings->keys[i];

		if (key->files & 1ULL << bags->input->index &&
				EVP_PKEY_eq(key->pkey, public_key) == 1)
			return true;
	}
	return false;
}

/* Authorities always. Others when nobody would wait for their keys: not those of the keys that
 * were not chosen, nor those of peers. */
static bool is_of_use(
		const struct bags *bags, const PKCS12_SAFEBAG *bag, X509 *x509, bool some_keys_left)
{
	if (certificate_is_authority(x509))
		return true;
	return some_keys_left ? has_key_here(bags, x509) : !is_marked_trusted(bag);
}

static enum verdict read_certificate(
		const struct bags *bags, const PKCS12_SAFEBAG *bag, bool some_keys_left)
{
	X509 *x509 = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate
			? PKCS12_SAFEBAG_get1_cert(bag)
			: NULL;
	unsigned char *der = NULL;
	const int length = x509 ? i2d_X509(x509, &der) : 0;
	const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
	enum verdict verdict = VERDICT_SOUND;

	if (bytes.length > 0 && is_of_use(bags, bag, x509, some_keys_left))
		verdict = findings_add_certificate(bags->findings, bags->input, bytes);
	else if (bytes.length == 0 && PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate)
		verdict = refuse(bags, "a certificate in it is damaged");
	OPENSSL_free(der);
	X509_free(x509);
	return verdict;
}

static enum verdict read_crl(const struct bags *bags, const PKCS12_SAFEBAG *bag)
{
	X509_CRL *crl = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Crl
			? PKCS12_SAFEBAG_get1_crl(bag)
			: NULL;
	unsigned char *der = NULL;
	const int length = crl ? i2d_X509_CRL(crl, &der) : 0;
	const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
	const enum verdict verdict = bytes.length > 0
			? findings_add_crl(bags->findings, bags->input, bytes)
			: refuse(bags, "a revocation list in it is damaged");

	OPENSSL_free(der);
	X509_CRL_free(crl);
	return verdict;
}

/* ---- all of it ---- */

static enum verdict read_keys(const struct bags *bags, const struct store_entry *keys)
{
	enum verdict verdict = VERDICT_SOUND;
	size_t key = 0;

	for (size_t i = 0; i < bags->count && verdict == VERDICT_SOUND; i++) {
		if (!is_key(bags->items[i]))
			continue;
		if (keys[key].taken)
			verdict = read_key(bags, bags->items[i], &keys[key]);
		key++;
	}
	return verdict;
}

/* What else there is are secrets of other kinds: none of ours. */
static enum verdict read_others(const struct bags *bags, bool some_keys_left)
{
	enum verdict verdict = VERDICT_SOUND;

	for (size_t i = 0; i < bags->count && verdict == VERDICT_SOUND; i++) {
		const int nid = PKCS12_SAFEBAG_get_nid(bags->items[i]);

		if (nid == NID_certBag)
			verdict = read_certificate(bags, bags->items[i], some_keys_left);
		else if (nid == NID_crlBag)
			verdict = read_crl(bags, bags->items[i]);
	}
	return verdict;
}

enum verdict bags_read(const struct bags *bags)
{
	struct store_entry *keys =
			arena_new_many(bags->findings->arena, struct store_entry, bags->count + 1);
	size_t count = 0, taken = 0;

	if (choose(bags, keys, &count) != VERDICT_SOUND || read_keys(bags, keys) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	for (size_t i = 0; i < count; i++)
		taken += keys[i].taken;
	return read_others(bags, taken < count);
}
