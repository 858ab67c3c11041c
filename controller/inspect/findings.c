#include "controller/inspect/findings.h"

#include <assert.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <string.h>

#include "controller/inspect/crypto.h"
#include "controller/inspect/prove/proof.h"
#include "controller/inspect/read/envelope.h"
#include "controller/inspect/subject-name.h"

void findings_init(struct findings *findings)
{
	*findings = (struct findings){ .arena = arena_new() };
}

static void certificate_release(const struct certificate *certificate)
{
	X509_free(certificate->x509);
	EVP_PKEY_free(certificate->public_key);
}

void findings_done(struct findings *findings)
{
	for (size_t i = 0; i < findings->certificate_count; i++)
		certificate_release(findings->certificates[i]);
	for (size_t i = 0; i < findings->key_count; i++)
		EVP_PKEY_free(findings->keys[i]->pkey);
	for (size_t i = 0; i < findings->crl_count; i++)
		X509_CRL_free(findings->crls[i]->x509);
	for (size_t i = 0; i < findings->envelope_count; i++)
		envelope_release(findings->envelopes[i]);
	arena_free(findings->arena);
	*findings = (struct findings){ 0 };
}

/* ---- verdicts ---- */

enum verdict conclude(struct findings *findings, struct input *input, enum verdict verdict,
		const char *format, ...)
{
	struct error told;
	va_list arguments;

	va_start(arguments, format);
	(void)vfail(&told, ERROR_INPUT, format, arguments);
	va_end(arguments);

	input->verdict = verdict;
	input->sentence = arena_printf(findings->arena, "%s: %s", input->shown, told.text);
	return verdict;
}

void note(struct findings *findings, struct input *input, const char *what)
{
	if (!input->note)
		input->note = arena_copy(findings->arena, what);
	else if (!strstr(input->note, what))
		input->note = arena_printf(findings->arena, "%s and %s", input->note, what);
}

static unsigned long long bit(const struct input *input)
{
	return 1ULL << input->index;
}

void findings_remark(struct findings *findings, const struct input *input, const char *format, ...)
{
	struct remark *remark = arena_new_of(findings->arena, struct remark);
	struct error told;
	va_list arguments;

	va_start(arguments, format);
	(void)vfail(&told, ERROR_INPUT, format, arguments);
	va_end(arguments);
	remark->text = arena_printf(findings->arena, "%s: %s", input->shown, told.text);
	remark->file = bit(input);
	remark->next = findings->remarks;
	findings->remarks = remark;
}

/* ---- what is seen where ---- */

void findings_watch(struct findings *findings)
{
	findings->watching = true;
}

void findings_unwatch(struct findings *findings)
{
	findings->watching = false;
	findings->sightings = NULL;
}

static void see(struct findings *findings, const struct input *input,
		struct certificate *certificate, struct key *key, struct crl *crl)
{
	struct sighting *sighting;

	if (!findings->watching)
		return;
	sighting = arena_new_of(findings->arena, struct sighting);
	sighting->place = input->shown;
	sighting->certificate = certificate;
	sighting->key = key;
	sighting->crl = crl;
	sighting->next = findings->sightings;
	findings->sightings = sighting;
}

/* ---- certificates ---- */

/* An extension that is there twice or cannot be decoded makes a certificate unusable:
 * two readers may understand it differently. */
static bool extension_readable(const X509 *x509, int nid, void **decoded)
{
	int critical = 0;

	*decoded = X509_get_ext_d2i(x509, nid, &critical, NULL);
	return *decoded || critical == -1;
}

static bool read_constraints(const X509 *x509, bool *authority)
{
	void *decoded;
	const BASIC_CONSTRAINTS *basic;

	if (!extension_readable(x509, NID_basic_constraints, &decoded))
		return false;
	basic = decoded;
	*authority = basic && basic->ca;
	BASIC_CONSTRAINTS_free(decoded);
	return true;
}

bool certificate_is_authority(const X509 *x509)
{
	bool authority = false;

	return read_constraints(x509, &authority) && authority;
}

static const char *read_extensions(const X509 *x509, struct certificate *made)
{
	void *names, *limits;
	int count, permitted = 0;

	if (!read_constraints(x509, &made->authority))
		return "its basic constraints are damaged";
	if (!extension_readable(x509, NID_subject_alt_name, &names))
		return "its subject alternative names are damaged";
	count = names ? sk_GENERAL_NAME_num(names) : 0;
	GENERAL_NAMES_free(names);
	if (count > CERTIFICATE_NAMES_MAX)
		return "it has more than 1000 names";

	if (!extension_readable(x509, NID_name_constraints, &limits))
		return "its name constraints are damaged";
	if (limits) {
		const NAME_CONSTRAINTS *constraints = limits;

		permitted = sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees) +
				sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees);
	}
	NAME_CONSTRAINTS_free(limits);
	return permitted > CERTIFICATE_CONSTRAINTS_MAX ? "it has more than 256 name constraints"
						       : NULL;
}

static struct certificate *find_certificate(
		const struct findings *findings, const struct digest *fingerprint)
{
	for (size_t i = 0; i < findings->certificate_count; i++)
		if (strcmp(findings->certificates[i]->fingerprint.hex, fingerprint->hex) == 0)
			return findings->certificates[i];
	return NULL;
}

enum verdict findings_add_certificate(
		struct findings *findings, struct input *input, struct bytes der)
{
	const struct digest fingerprint = digest_of(der.start, der.length);
	struct certificate *made = find_certificate(findings, &fingerprint);
	const char *wrong;

	if (made) {
		made->files |= bit(input);
		if (input->arrived > made->arrived)
			made->arrived = input->arrived;
		see(findings, input, made, NULL, NULL);
		return VERDICT_SOUND;
	}
	if (der.length > CERTIFICATE_SIZE_MAX)
		return conclude(findings, input, VERDICT_REFUSED,
				"a certificate has %zu bytes; at most %d are allowed", der.length,
				CERTIFICATE_SIZE_MAX);
	if (findings->certificate_count == FINDINGS_CERTIFICATES_MAX)
		return conclude(findings, input, VERDICT_REFUSED,
				"brings the certificates above %d", FINDINGS_CERTIFICATES_MAX);

	made = arena_new_of(findings->arena, struct certificate);
	made->x509 = crypto_certificate(der);
	if (!made->x509)
		return conclude(findings, input, VERDICT_REFUSED, "a certificate in it is damaged");
	findings->certificates[findings->certificate_count++] = made;
	made->der.start = (unsigned char *)arena_copy_bytes(findings->arena, der.start, der.length);
	made->der.length = der.length;
	made->fingerprint = fingerprint;
	made->subject = printable_name(findings->arena, X509_get_subject_name(made->x509));
	made->self_issued = X509_NAME_cmp(X509_get_subject_name(made->x509),
					    X509_get_issuer_name(made->x509)) == 0;
	made->files = bit(input);
	made->place = input->shown;
	made->arrived = input->arrived;
	see(findings, input, made, NULL, NULL);
	wrong = read_extensions(made->x509, made);
	return wrong ? conclude(findings, input, VERDICT_REFUSED, "the certificate of %s: %s",
				       made->subject, wrong)
		     : VERDICT_SOUND;
}

/* Certificate is SEQUENCE { tbs, ... }; tbs is SEQUENCE { [0] version, serial, algorithm,
 * issuer, validity, subject, key, ... }. */
struct bytes certificate_key_bytes(const struct certificate *certificate)
{
	struct bytes rest = certificate->der;
	struct tlv outer, tbs, part;

	if (!tlv_next(&rest, &outer) || !tlv_next(&outer.value, &tbs) ||
			!tlv_next(&tbs.value, &part))
		return (struct bytes){ 0 };
	for (int skip = part.tag == TLV_CONTEXT_0 ? 6 : 5; skip > 0; skip--)
		if (!tlv_next(&tbs.value, &part))
			return (struct bytes){ 0 };
	return part.whole;
}

EVP_PKEY *certificate_public_key(struct certificate *certificate)
{
	if (!certificate->public_key_tried) {
		certificate->public_key_tried = true;
		certificate->public_key = crypto_public_key(certificate_key_bytes(certificate));
	}
	return certificate->public_key;
}

/* ---- keys and CRLs ---- */

enum verdict findings_add_key(struct findings *findings, struct input *input, EVP_PKEY *key)
{
	const char *wrong = proof_of_consistency(key);
	struct key *made;

	for (size_t i = 0; !wrong && i < findings->key_count; i++) {
		made = findings->keys[i];
		if (EVP_PKEY_eq(made->pkey, key) != 1)
			continue;
		made->files |= bit(input);
		if (input->arrived > made->arrived)
			made->arrived = input->arrived;
		EVP_PKEY_free(key);
		see(findings, input, NULL, made, NULL);
		return VERDICT_SOUND;
	}
	if (!wrong && findings->key_count == FINDINGS_KEYS_MAX)
		wrong = "there are more than 64 of them";
	if (wrong) {
		EVP_PKEY_free(key);
		return conclude(findings, input, VERDICT_REFUSED, "the private key: %s", wrong);
	}
	made = arena_new_of(findings->arena, struct key);
	made->pkey = key;
	made->files = bit(input);
	made->place = input->shown;
	made->arrived = input->arrived;
	findings->keys[findings->key_count++] = made;
	see(findings, input, NULL, made, NULL);
	return VERDICT_SOUND;
}

enum verdict findings_add_crl(struct findings *findings, struct input *input, struct bytes der)
{
	const struct digest digest = digest_of(der.start, der.length);
	const unsigned char *at = der.start;
	struct crl *made;

	for (size_t i = 0; i < findings->crl_count; i++) {
		if (strcmp(findings->crls[i]->digest.hex, digest.hex) == 0) {
			findings->crls[i]->files |= bit(input);
			see(findings, input, NULL, NULL, findings->crls[i]);
			return VERDICT_SOUND;
		}
	}
	if (findings->crl_count == FINDINGS_CRLS_MAX)
		return conclude(findings, input, VERDICT_REFUSED,
				"brings the revocation lists above %d", FINDINGS_CRLS_MAX);
	made = arena_new_of(findings->arena, struct crl);
	made->x509 = d2i_X509_CRL(NULL, &at, (long)der.length);
	if (!made->x509 || at != der.start + der.length) {
		X509_CRL_free(made->x509);
		return conclude(findings, input, VERDICT_REFUSED,
				"a revocation list in it is damaged");
	}
	made->der.start = (unsigned char *)arena_copy_bytes(findings->arena, der.start, der.length);
	made->der.length = der.length;
	made->digest = digest;
	made->files = bit(input);
	made->place = input->shown;
	findings->crls[findings->crl_count++] = made;
	see(findings, input, NULL, NULL, made);
	return VERDICT_SOUND;
}

/* ---- forgetting ---- */

void findings_forget(struct findings *findings, const struct input *input)
{
	const unsigned long long others = ~bit(input);
	size_t kept = 0;

	for (size_t i = 0; i < findings->certificate_count; i++) {
		struct certificate *certificate = findings->certificates[i];

		certificate->files &= others;
		if (certificate->files)
			findings->certificates[kept++] = certificate;
		else
			certificate_release(certificate);
	}
	findings->certificate_count = kept;

	kept = 0;
	for (size_t i = 0; i < findings->key_count; i++) {
		struct key *key = findings->keys[i];

		key->files &= others;
		if (key->files)
			findings->keys[kept++] = key;
		else
			EVP_PKEY_free(key->pkey);
	}
	findings->key_count = kept;

	kept = 0;
	for (size_t i = 0; i < findings->crl_count; i++) {
		struct crl *crl = findings->crls[i];

		crl->files &= others;
		if (crl->files)
			findings->crls[kept++] = crl;
		else
			X509_CRL_free(crl->x509);
	}
	findings->crl_count = kept;
	for (size_t i = 0; i < findings->envelope_count; i++)
		envelope_forget(findings->envelopes[i], bit(input));
}
