#include "controller/inspect/read/format.h"

#include <openssl/pkcs7.h>

static enum verdict add_certificates(
		struct findings *findings, struct input *input, const STACK_OF(X509) * certificates)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		unsigned char *der = NULL;
		const int length = i2d_X509(sk_X509_value(certificates, i), &der);
		const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
		const enum verdict verdict = findings_add_certificate(findings, input, bytes);

		OPENSSL_free(der);
		if (verdict != VERDICT_SOUND)
			return verdict;
	}
	return VERDICT_SOUND;
}

static enum verdict add_crls(
		struct findings *findings, struct input *input, const STACK_OF(X509_CRL) * crls)
{
	for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
		unsigned char *der = NULL;
		const int length = i2d_X509_CRL(sk_X509_CRL_value(crls, i), &der);
		const struct bytes bytes = { der, length > 0 ? (size_t)length : 0 };
		const enum verdict verdict = findings_add_crl(findings, input, bytes);

		OPENSSL_free(der);
		if (verdict != VERDICT_SOUND)
			return verdict;
	}
	return VERDICT_SOUND;
}

static enum verdict read_message(struct findings *findings, struct input *input, PKCS7 *message)
{
	const PKCS7_SIGNED *content;

	if (!PKCS7_type_is_signed(message) || !message->d.sign)
		return conclude(findings, input, VERDICT_REFUSED,
				"is PKCS#7 of another kind than a list of certificates");
	content = message->d.sign;
	/* What verifies signed messages has a history of holes, and nothing here needs it. */
	if (sk_PKCS7_SIGNER_INFO_num(content->signer_info) > 0)
		return conclude(findings, input, VERDICT_REFUSED,
				"is a signed PKCS#7 message; only a plain list of certificates "
				"is accepted");
	if (sk_X509_num(content->cert) <= 0 && sk_X509_CRL_num(content->crl) <= 0)
		return conclude(findings, input, VERDICT_REFUSED, "is PKCS#7 without certificates");
	if (add_certificates(findings, input, content->cert) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	return add_crls(findings, input, content->crl);
}

enum verdict pkcs7_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	const unsigned char *at = bytes.start;
	PKCS7 *message = d2i_PKCS7(NULL, &at, (long)bytes.length);
	enum verdict verdict;

	if (!message || at != bytes.start + bytes.length)
		verdict = conclude(findings, input, VERDICT_REFUSED, "its PKCS#7 is damaged");
	else
		verdict = read_message(findings, input, message);
	PKCS7_free(message);
	return verdict;
}
