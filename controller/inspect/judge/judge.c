#include "controller/inspect/judge/judge.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>

#include "controller/inspect/judge/law.h"
#include "controller/inspect/subject-name.h"

struct court {
	struct arena *arena;
	const struct candidate *candidate;
	struct verdicts *verdicts;
};

/* ---- sentences ---- */

static enum judgement say(const struct court *court, enum judgement judgement, const char *text)
{
	court->verdicts->sentence = text;
	return judgement;
}

static void warn(const struct court *court, const char *text)
{
	rows_add(court->arena, &court->verdicts->warnings, text);
}

/* "PingDirectory certificates allow", but "the target's setting `key-types` allows". */
static const char *does(const struct court *court, const struct law *law, const char *verb)
{
	const bool one = strncmp(law->says, "the ", 4) == 0;

	return arena_printf(court->arena, "%s %s%s", law->says, verb, one ? "s" : "");
}

static const char *list(struct arena *arena, struct words words)
{
	const char *text = "nothing";

	for (size_t i = 0; i < words.count; i++)
		text = i == 0 ? words.items[0]
			      : arena_printf(arena, "%s, %s", text, words.items[i]);
	return text;
}

static bool contains_anycase(struct words words, const char *word)
{
	for (size_t i = 0; i < words.count; i++)
		if (strcasecmp(words.items[i], word) == 0)
			return true;
	return false;
}

/* ---- one pair ---- */

static enum judgement judge_bits(
		const struct court *court, const struct law *law, const struct traits *traits)
{
	const char *allowed;

	if (strncmp(traits->key_type, "RSA", 3) != 0 ||
			(traits->bits >= law->min && (law->max == 0 || traits->bits <= law->max)))
		return JUDGED_GOOD;
	if (law->max == 0)
		allowed = arena_printf(court->arena, "at least %ld", law->min);
	else if (law->max == law->min)
		allowed = arena_printf(court->arena, "only %ld", law->min);
	else
		allowed = arena_printf(court->arena, "%ld to %ld", law->min, law->max);
	return say(court, JUDGED_REFUSED,
			arena_printf(court->arena, "RSA key has %d bits; %s %s", traits->bits,
					does(court, law, "allow"), allowed));
}

static enum judgement judge_digest(
		const struct court *court, const struct law *law, struct certificate *certificate)
{
	struct traits traits;
	struct error error;
	const char *refused;

	if (!certificate_public_key(certificate) ||
			!traits_read(court->arena, certificate, &traits, &error))
		return JUDGED_GOOD;
	refused = traits.pss && contains_anycase(law->words, "RSASSA-PSS") ? "RSASSA-PSS"
									   : traits.digest;
	if (!contains_anycase(law->words, refused))
		return JUDGED_GOOD;
	return say(court, JUDGED_REFUSED,
			arena_printf(court->arena, "the certificate of %s is signed with %s; %s %s",
					certificate->subject, refused, does(court, law, "refuse"),
					list(court->arena, law->words)));
}

static enum judgement judge_digests(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	enum judgement judgement = JUDGED_GOOD;

	if (pair->key || !chain_self_signed(pair->leaf))
		judgement = judge_digest(court, law, pair->leaf);
	for (size_t i = 0; i < pair->chain.count && judgement == JUDGED_GOOD; i++)
		if (!chain_self_signed(pair->chain.links[i]))
			judgement = judge_digest(court, law, pair->chain.links[i]);
	return judgement;
}

/* NULL: it may be used for all of them. */
static const char *missing_usage(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	for (size_t i = 0; i < law->words.count; i++)
		if (!traits_allow(&pair->traits, law->words.items[i]))
			return arena_printf(court->arena,
					"the certificate of %s may not be used for %s; %s for %s",
					pair->leaf->subject, law->words.items[i],
					does(court, law, "ask"), list(court->arena, law->words));
	return NULL;
}

static enum judgement judge_usages(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	const char *missing = pair->is_client ? NULL : missing_usage(court, law, pair);

	if (missing && law->kind == RULE_USAGES)
		return say(court, JUDGED_REFUSED, missing);
	if (missing)
		warn(court, missing);
	return JUDGED_GOOD;
}

static enum judgement judge_names(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	for (size_t i = 0; i < law->words.count; i++)
		if (!traits_cover(pair->leaf, &pair->traits, law->words.items[i]))
			return say(court, JUDGED_REFUSED,
					arena_printf(court->arena,
							"the certificate of %s does not cover the "
							"name %s; %s for it",
							pair->leaf->subject, law->words.items[i],
							does(court, law, "ask")));
	return JUDGED_GOOD;
}

static void judge_validity(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	const long long days = (pair->traits.not_after - pair->traits.not_before) / 86400;

	if (days < law->min)
		warn(court,
				arena_printf(court->arena,
						"the certificate of %s is valid for %lld days in "
						"all; %s for %ld",
						pair->leaf->subject, days, does(court, law, "ask"),
						law->min));
}

static enum judgement miss_issuer(const struct court *court, const struct certificate *of)
{
	return say(court, JUDGED_MISSING,
			arena_printf(court->arena, "the certificate of %s, which issued %s",
					printable_name(court->arena,
							X509_get_issuer_name(of->x509)),
					of->subject));
}

/* The last one of the chain, or the leaf alone. */
static const struct certificate *top_of(const struct pair *pair)
{
	const struct chain *chain = &pair->chain;

	return chain->count > 0 ? chain->links[chain->count - 1] : pair->leaf;
}

/* What is there but beyond the longest chain will not come any more. */
static enum judgement miss_more(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	if (!pair->chain.cut)
		return miss_issuer(court, top_of(pair));
	return say(court, JUDGED_REFUSED,
			arena_printf(court->arena,
					"the chain of %s has more than %d certificates, which is the most "
					"that is taken; %s for a complete chain",
					pair->leaf->subject, CHAIN_MAX, does(court, law, "ask")));
}

static enum judgement judge_chain(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	const char *word = law->words.count > 0 ? law->words.items[0] : "any";
	const struct chain *chain = &pair->chain;
	const struct certificate *top = top_of(pair);
	const bool wants_root = strcmp(word, "root") == 0;

	if (strcmp(word, "any") == 0 || (chain->count == 0 && chain->rooted))
		return JUDGED_GOOD;
	if (chain->end == CHAIN_OPEN || (wants_root && !chain->rooted))
		return miss_more(court, law, pair);
	if (chain->end == CHAIN_ROOT && court->candidate->has_authorities)
		return say(court, JUDGED_REFUSED,
				arena_printf(court->arena,
						"the chain of %s ends at %s, which is not among the "
						"known authorities; %s for a complete chain",
						pair->leaf->subject, top->subject,
						does(court, law, "ask")));
	return JUDGED_GOOD;
}

static enum judgement judge_anchor(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	const struct certificate *top = top_of(pair);

	if (pair->chain.rooted && candidate_trusts(court->candidate, top))
		return JUDGED_GOOD;
	if (!pair->chain.rooted)
		return miss_more(court, law, pair);
	return say(court, JUDGED_REFUSED,
			arena_printf(court->arena,
					"the chain of %s ends at %s, which is not among the "
					"authorities that come with it; %s for it",
					pair->leaf->subject, top->subject,
					does(court, law, "ask")));
}

static bool signed_by(const struct crl *crl, struct certificate *issuer)
{
	EVP_PKEY *key = certificate_public_key(issuer);
	const bool good = key &&
			X509_NAME_cmp(X509_CRL_get_issuer(crl->x509),
					X509_get_subject_name(issuer->x509)) == 0 &&
			X509_CRL_verify(crl->x509, key) == 1;

	ERR_clear_error();
	return good;
}

static bool is_issued(const struct candidate *candidate, const struct crl *crl)
{
	for (size_t i = 0; i < candidate->drop->certificate_count; i++)
		if (candidate_trusts(candidate, candidate->drop->certificates[i]) &&
				signed_by(crl, candidate->drop->certificates[i]))
			return true;
	return false;
}

static enum judgement judge_crls(const struct court *court, const struct law *law)
{
	const struct candidate *candidate = court->candidate;

	for (size_t i = 0; i < candidate->drop->crl_count; i++) {
		const struct crl *crl = candidate->drop->crls[i];

		if ((crl->files & candidate->within) && !is_issued(candidate, crl))
			return say(court, JUDGED_REFUSED,
					arena_printf(court->arena,
							"the revocation list of %s in %s is signed by "
							"none of the authorities that come with it; "
							"%s for that",
							printable_name(court->arena,
									X509_CRL_get_issuer(
											crl->x509)),
							crl->place, does(court, law, "ask")));
	}
	return JUDGED_GOOD;
}

static enum judgement refuse_unless(const struct court *court, bool good, const char *text)
{
	return good ? JUDGED_GOOD : say(court, JUDGED_REFUSED, text);
}

static enum judgement judge_pair(
		const struct court *court, const struct law *law, const struct pair *pair)
{
	struct arena *arena = court->arena;
	const struct traits *traits = &pair->traits;
	const char *allowed = list(arena, law->words);

	switch (law->kind) {
	case RULE_KEY_TYPES:
		return refuse_unless(court, contains_anycase(law->words, traits->key_type),
				arena_printf(arena, "the key is %s; %s %s", traits->key,
						does(court, law, "allow"), allowed));
	case RULE_RSA_BITS:
		return judge_bits(court, law, traits);
	case RULE_EC_CURVES:
		return refuse_unless(court,
				!traits->curve || contains_anycase(law->words, traits->curve),
				arena_printf(arena, "the EC key is on %s; %s %s",
						traits->curve ? traits->curve : "no curve",
						does(court, law, "allow"), allowed));
	case RULE_SIGNATURES:
		return judge_digests(court, law, pair);
	case RULE_USAGES:
	case RULE_USAGES_ADVISED:
		return judge_usages(court, law, pair);
	case RULE_NAMES:
		return pair->is_client ? JUDGED_GOOD : judge_names(court, law, pair);
	case RULE_CHAIN:
		return judge_chain(court, law, pair);
	case RULE_VALIDITY:
		judge_validity(court, law, pair);
		return JUDGED_GOOD;
	case RULE_VERSION_3:
		return refuse_unless(court, traits->version == 3,
				arena_printf(arena,
						"the certificate of %s is X.509 version %ld; %s "
						"version 3 only",
						pair->leaf->subject, traits->version,
						does(court, law, "allow")));
	case RULE_NOT_SELF_SIGNED:
		return refuse_unless(court, !chain_self_signed(pair->leaf),
				arena_printf(arena,
						"the certificate of %s is self-signed; %s others only",
						pair->leaf->subject, does(court, law, "allow")));
	case RULE_ANCHOR:
		return judge_anchor(court, law, pair);
	case RULE_PARTS:
	case RULE_CRL_ISSUED:
	case RULE_PACKAGE:
	case RULE_OWN:
	case RULE_NO_KEY:
		break;
	}
	return JUDGED_GOOD;
}

/* ---- the parts ---- */

static bool has_authority(const struct candidate *candidate)
{
	for (size_t i = 0; i < candidate->drop->certificate_count; i++)
		if (candidate_trusts(candidate, candidate->drop->certificates[i]))
			return true;
	return false;
}

static bool has_crl(const struct candidate *candidate)
{
	for (size_t i = 0; i < candidate->drop->crl_count; i++)
		if (candidate->drop->crls[i]->files & candidate->within)
			return true;
	return false;
}

static enum judgement judge_part(const struct court *court, const char *part)
{
	const struct candidate *candidate = court->candidate;
	const char *subject = candidate->server->leaf->subject;
	const char *missing = NULL;

	if (strcmp(part, "ca") == 0 && !has_authority(candidate))
		missing = "the certificate of the authority (CA)";
	else if (strcmp(part, "crl") == 0 && !has_crl(candidate))
		missing = "the revocation list (CRL)";
	else if (strncmp(part, "client-", 7) == 0 && !candidate->client)
		missing = "the client pair (certificate and key)";
	else if (strcmp(part, "chain") == 0 && candidate->server->chain.count == 0 &&
			!candidate->server->chain.rooted)
		missing = "the certificate of the issuer";
	return missing ? say(court, JUDGED_MISSING,
					 arena_printf(court->arena, "%s that goes with %s", missing,
							 subject))
		       : JUDGED_GOOD;
}

/* "client-key?" */
static bool is_optional(const char *part)
{
	return *part && part[strlen(part) - 1] == '?';
}

static enum judgement judge_parts(const struct court *court, const struct law *law)
{
	enum judgement judgement = JUDGED_GOOD;

	for (size_t i = 0; i < law->words.count && judgement == JUDGED_GOOD; i++)
		if (!is_optional(law->words.items[i]))
			judgement = judge_part(court, law->words.items[i]);
	return judgement;
}

static enum judgement judge_one(const struct court *court, const struct law *law)
{
	enum judgement judgement;

	if (law->kind == RULE_PARTS)
		return judge_parts(court, law);
	if (law->kind == RULE_CRL_ISSUED)
		return judge_crls(court, law);
	judgement = judge_pair(court, law, court->candidate->server);
	if (judgement == JUDGED_GOOD && court->candidate->client)
		judgement = judge_pair(court, law, court->candidate->client);
	return judgement;
}

/* What is refused can never become good, so it is told before what is missing. */
enum judgement judge(struct arena *arena, const struct records *rules,
		const struct candidate *candidate, struct verdicts *verdicts)
{
	const struct court court = { arena, candidate, verdicts };
	enum judgement worst = JUDGED_GOOD;
	const char *missing = NULL;
	struct law law;

	*verdicts = (struct verdicts){ 0 };
	for (size_t i = 0; i < rules->count; i++) {
		enum judgement judgement;

		if (!law_read(rules->items[i], &law))
			continue;
		judgement = judge_one(&court, &law);
		if (judgement == JUDGED_REFUSED)
			return judgement;
		if (judgement == JUDGED_MISSING && !missing) {
			missing = verdicts->sentence;
			worst = judgement;
		}
	}
	verdicts->sentence = missing;
	return worst;
}
