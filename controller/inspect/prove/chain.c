#include "controller/inspect/prove/chain.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/prove/traits.h"

struct search {
	struct findings *sources[2];
	struct certificate *path[CHAIN_MAX + 1]; /* the leaf first */
	size_t depth;
	unsigned checks;
	bool to_root;
	struct chain best;
	long long best_until;
	bool any;
};

/* ---- one signature ---- */

/* Certificate is SEQUENCE { tbs, algorithm, BIT STRING signature }. */
static bool split(struct bytes der, struct bytes *signed_part, struct bytes *signature)
{
	struct tlv outer, tbs, algorithm, bits;

	if (!tlv_next(&der, &outer) || !tlv_next(&outer.value, &tbs) ||
			!tlv_next(&outer.value, &algorithm) ||
			!tlv_expect(&outer.value, TLV_BIT_STRING, &bits) || bits.value.length < 2)
		return false;
	*signed_part = tbs.whole;
	*signature = (struct bytes){ bits.value.start + 1, bits.value.length - 1 };
	return true;
}

static bool verify(EVP_PKEY *key, const EVP_MD *digest, struct bytes der)
{
	struct bytes signed_part, signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool good = context && split(der, &signed_part, &signature) &&
			EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
			EVP_DigestVerify(context, signature.start, signature.length,
					signed_part.start, signed_part.length) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

/* Signatures with parameters of their own (RSASSA-PSS) are left to OpenSSL's slow way. */
static bool verify_slowly(EVP_PKEY *key, struct bytes der)
{
	const unsigned char *at = der.start;
	X509 *x509 = d2i_X509(NULL, &at, (long)der.length);
	const bool good = x509 && X509_verify(x509, key) == 1;

	X509_free(x509);
	return good;
}

static bool verifies(EVP_PKEY *key, const struct certificate *subject)
{
	int digest, type;

	if (!OBJ_find_sigid_algs(X509_get_signature_nid(subject->x509), &digest, &type))
		return false;
	if (type == NID_ED25519 || type == NID_ED448)
		return verify(key, NULL, subject->der);
	if (digest == NID_undef)
		return verify_slowly(key, subject->der);
	return crypto_digest(digest) && verify(key, crypto_digest(digest), subject->der);
}

static bool may_issue(const struct certificate *issuer)
{
	return issuer->authority ||
			(issuer->self_issued && X509_get_version(issuer->x509) == X509_VERSION_1);
}

static bool names_match(const struct certificate *issuer, const struct certificate *subject)
{
	return X509_NAME_cmp(X509_get_subject_name(issuer->x509),
			       X509_get_issuer_name(subject->x509)) == 0;
}

bool chain_issued(struct certificate *issuer, const struct certificate *subject)
{
	EVP_PKEY *key = certificate_public_key(issuer);
	const bool issued = key && names_match(issuer, subject) && verifies(key, subject);

	ERR_clear_error();
	return issued;
}

bool chain_self_signed(struct certificate *certificate)
{
	if (certificate->self == SELF_UNKNOWN)
		certificate->self =
				certificate->self_issued && chain_issued(certificate, certificate)
				? SELF_SIGNED
				: SELF_NOT_SIGNED;
	return certificate->self == SELF_SIGNED;
}

/* ---- the way up ---- */

static bool is_on_path(const struct search *search, const struct certificate *candidate)
{
	for (size_t i = 0; i < search->depth; i++) {
		const struct certificate *link = search->path[i];

		if (strcmp(link->fingerprint.hex, candidate->fingerprint.hex) == 0)
			return true;
		if (i > 0 &&
				X509_NAME_cmp(X509_get_subject_name(link->x509),
						X509_get_subject_name(candidate->x509)) == 0 &&
				bytes_equal(certificate_key_bytes(link),
						certificate_key_bytes(candidate)))
			return true;
	}
	return false;
}

static long long end_of(const struct certificate *certificate)
{
	long long until;

	return traits_date(X509_get0_notAfter(certificate->x509), &until) ? until : LLONG_MAX;
}

/* When the first on the path ends. The leaf is on all of them. */
static long long end_of_path(const struct search *search)
{
	long long first = LLONG_MAX;

	for (size_t i = 0; i < search->depth; i++) {
		const long long until = end_of(search->path[i]);

		if (until < first)
			first = until;
	}
	return first;
}

static bool is_better(const struct search *search, const struct chain *found, long long until)
{
	const struct chain *best = &search->best;

	if (!search->any || found->end != best->end)
		return !search->any || found->end > best->end;
	/* A longer one that ends earlier may be a shorter one, and more of it. */
	if (found->end == CHAIN_OPEN && found->count != best->count)
		return found->count > best->count;
	if (until != search->best_until)
		return until > search->best_until;
	return found->count < best->count;
}

static bool has_issuer(struct search *search, const struct certificate *top);

/* Is there nothing more to find above the path as it is? */
static bool arrive(struct search *search)
{
	struct certificate *top = search->path[search->depth - 1];
	const bool root = chain_self_signed(top);
	const bool known = top->known && (root || !search->to_root);
	const long long until = end_of_path(search);
	struct chain found = { .count = search->depth - 1, .rooted = root };

	found.end = known ? CHAIN_KNOWN : root ? CHAIN_ROOT : CHAIN_OPEN;
	if (is_better(search, &found, until)) {
		for (size_t i = 0; i < found.count; i++)
			found.links[i] = search->path[i + 1];
		found.cut = found.end == CHAIN_OPEN && found.count == CHAIN_MAX &&
				has_issuer(search, top);
		search->any = true;
		search->best = found;
		search->best_until = until;
	}
	return found.end != CHAIN_OPEN || found.count == CHAIN_MAX;
}

static void climb(struct search *search);

static bool is_issuer(
		struct search *search, struct certificate *candidate, const struct certificate *of)
{
	return may_issue(candidate) && names_match(candidate, of) &&
			!is_on_path(search, candidate) && search->checks++ < CHAIN_CHECKS_MAX &&
			chain_issued(candidate, of);
}

static bool has_issuer(struct search *search, const struct certificate *top)
{
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; search->sources[s] && i < search->sources[s]->certificate_count;
				i++)
			if (is_issuer(search, search->sources[s]->certificates[i], top))
				return true;
	return false;
}

static void try_issuer(struct search *search, struct certificate *candidate)
{
	if (!is_issuer(search, candidate, search->path[search->depth - 1]))
		return;
	search->path[search->depth++] = candidate;
	climb(search);
	search->depth--;
}

static void climb(struct search *search)
{
	if (arrive(search))
		return;
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; search->sources[s] && i < search->sources[s]->certificate_count;
				i++)
			try_issuer(search, search->sources[s]->certificates[i]);
}

static void mark_known(const struct findings *drop, const struct findings *authorities)
{
	for (size_t i = 0; i < drop->certificate_count; i++) {
		struct certificate *mine = drop->certificates[i];

		for (size_t j = 0; j < authorities->certificate_count && !mine->known; j++)
			mine->known = strcmp(mine->fingerprint.hex,
						      authorities->certificates[j]
								      ->fingerprint.hex) == 0;
	}
}

void chain_build(struct findings *drop, struct findings *authorities, struct certificate *leaf,
		bool to_root, struct chain *chain)
{
	struct search search = { .sources = { drop, authorities }, .to_root = to_root };

	if (authorities)
		mark_known(drop, authorities);
	search.path[search.depth++] = leaf;
	/* A self-signed leaf, known or not, has nothing above it. */
	climb(&search);
	*chain = search.best;
}
