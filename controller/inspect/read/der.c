#include "controller/inspect/read/format.h"

#include <openssl/x509.h>

#include "controller/inspect/crypto.h"

enum shape {
	SHAPE_UNKNOWN,
	SHAPE_SIGNED, /* a certificate, a CRL or a request */
	SHAPE_PKCS8,
	SHAPE_ENCRYPTED_KEY,
	SHAPE_RSA,
	SHAPE_EC,
	SHAPE_DSA,
	SHAPE_PUBLIC_KEY,
	SHAPE_PKCS7,
	SHAPE_PKCS12,
	SHAPE_BCFKS,
};

static unsigned char first_tag(struct bytes bytes)
{
	return bytes.length > 0 ? bytes.start[0] : 0;
}

/* It starts with a number: keys and PKCS#12. */
static enum shape shape_of_versioned(struct tlv version, struct bytes rest)
{
	const unsigned char next = first_tag(rest);
	struct tlv part;
	unsigned numbers = 1;

	if (next == TLV_OCTET_STRING)
		return SHAPE_EC;
	if (next == TLV_SEQUENCE && version.value.length == 1 && version.value.start[0] == 3)
		return SHAPE_PKCS12;
	if (next == TLV_SEQUENCE)
		return SHAPE_PKCS8;
	while (tlv_expect(&rest, TLV_INTEGER, &part))
		numbers++;
	return numbers >= 9 ? SHAPE_RSA : numbers == 6 ? SHAPE_DSA : SHAPE_UNKNOWN;
}

/* It starts with a SEQUENCE: everything signed, and what begins with an algorithm. */
static enum shape shape_of_nested(struct bytes first, struct bytes rest)
{
	const unsigned char next = first_tag(rest);
	struct tlv inner, part;

	if (first_tag(first) == TLV_OID)
		return next == TLV_OCTET_STRING          ? SHAPE_ENCRYPTED_KEY
				: next == TLV_BIT_STRING ? SHAPE_PUBLIC_KEY
							 : SHAPE_UNKNOWN;
	if (tlv_next(&first, &inner) && inner.tag == TLV_SEQUENCE &&
			first_tag(inner.value) == TLV_OID && first_tag(first) == TLV_OCTET_STRING)
		return SHAPE_BCFKS;
	if (next == TLV_SEQUENCE && tlv_next(&rest, &part) && first_tag(rest) == TLV_BIT_STRING)
		return SHAPE_SIGNED;
	return SHAPE_UNKNOWN;
}

static enum shape shape_of(struct bytes bytes)
{
	struct tlv outer, first;

	if (!tlv_expect(&bytes, TLV_SEQUENCE, &outer) || !tlv_next(&outer.value, &first))
		return SHAPE_UNKNOWN;
	if (first.tag == TLV_INTEGER)
		return shape_of_versioned(first, outer.value);
	if (first.tag == TLV_OID)
		return SHAPE_PKCS7;
	return first.tag == TLV_SEQUENCE ? shape_of_nested(first.value, outer.value)
					 : SHAPE_UNKNOWN;
}

/* TBSCertList: version 2, algorithm, issuer, then a time; a v1 list lacks the version. A
 * certificate has a validity there, a SEQUENCE. */
static bool is_crl(struct bytes bytes)
{
	struct tlv outer, tbs, part;

	if (!tlv_next(&bytes, &outer) || !tlv_next(&outer.value, &tbs) ||
			!tlv_next(&tbs.value, &part))
		return false;
	if (part.tag == TLV_INTEGER && !tlv_next(&tbs.value, &part))
		return false;
	return part.tag == TLV_SEQUENCE && tlv_expect(&tbs.value, TLV_SEQUENCE, &part) &&
			(first_tag(tbs.value) == 0x17 || first_tag(tbs.value) == 0x18);
}

/* CertificationRequestInfo: version 0, a name, a key, and attributes in [0]. */
static bool is_request(struct bytes bytes)
{
	struct tlv outer, info, part;

	return tlv_next(&bytes, &outer) && tlv_next(&outer.value, &info) &&
			tlv_expect(&info.value, TLV_INTEGER, &part) &&
			tlv_expect(&info.value, TLV_SEQUENCE, &part) &&
			tlv_expect(&info.value, TLV_SEQUENCE, &part) &&
			(info.value.length == 0 || first_tag(info.value) == TLV_CONTEXT_0);
}

static enum verdict read_signed(struct findings *findings, struct input *input, struct bytes der)
{
	if (is_crl(der))
		return findings_add_crl(findings, input, der);
	if (is_request(der)) {
		note(findings, input, "a certificate request");
		return VERDICT_IGNORED;
	}
	return findings_add_certificate(findings, input, der);
}

static enum verdict read_object(struct findings *findings, struct input *input, struct bytes der)
{
	switch (shape_of(der)) {
	case SHAPE_SIGNED:
		return read_signed(findings, input, der);
	case SHAPE_PKCS8:
		return key_read(findings, input, der, CRYPTO_PKCS8);
	case SHAPE_RSA:
		return key_read(findings, input, der, CRYPTO_RSA);
	case SHAPE_EC:
		return key_read(findings, input, der, CRYPTO_EC);
	case SHAPE_ENCRYPTED_KEY:
		return encrypted_key_read(findings, input, der);
	case SHAPE_PKCS7:
		return pkcs7_read(findings, input, der);
	case SHAPE_PKCS12:
		return pkcs12_read(findings, input, der);
	case SHAPE_PUBLIC_KEY:
		note(findings, input, "a public key");
		return VERDICT_IGNORED;
	case SHAPE_DSA:
		return conclude(findings, input, VERDICT_REFUSED,
				"the private key is DSA, which is not used here");
	case SHAPE_BCFKS:
		return conclude(findings, input, VERDICT_REFUSED,
				"is a Bouncy Castle key store (BCFKS), which only Bouncy Castle "
				"reads; make a PKCS#12 of it: keytool -importkeystore "
				"-srcstoretype BCFKS -srckeystore OLD -deststoretype PKCS12 "
				"-destkeystore NEW.p12 -providerpath bc-fips.jar -providerclass "
				"org.bouncycastle.jcajce.provider.BouncyCastleFipsProvider");
	case SHAPE_UNKNOWN:
		break;
	}
	return conclude(findings, input, VERDICT_REFUSED,
			"the DER in it is neither a certificate, nor a key, nor a key store");
}

static enum verdict cut_short(
		struct findings *findings, struct input *input, struct bytes bytes, size_t promised)
{
	if (promised > FORMAT_SIZE_MAX)
		return conclude(findings, input, VERDICT_REFUSED,
				"says that it has %zu bytes; at most %d are allowed", promised,
				FORMAT_SIZE_MAX);
	if (promised == 0)
		return conclude(findings, input, VERDICT_INCOMPLETE, "stops too early");
	return conclude(findings, input, VERDICT_INCOMPLETE, "has %zu of the %zu bytes it promises",
			bytes.length, promised);
}

static enum verdict read_all(struct findings *findings, struct input *input, struct bytes rest)
{
	enum verdict best = VERDICT_IGNORED;

	for (unsigned objects = 0; rest.length > 0; objects++) {
		struct bytes object = { rest.start, 0 };
		const enum tlv_measure measure = tlv_measure(rest, &object.length);
		enum verdict verdict;

		if (objects == PEM_BLOCKS_MAX)
			return conclude(findings, input, VERDICT_REFUSED,
					"holds more than %d objects", PEM_BLOCKS_MAX);
		if (measure == TLV_DAMAGED || rest.start[0] != TLV_SEQUENCE)
			return conclude(findings, input, VERDICT_REFUSED,
					"something that is not DER follows in it");
		if (measure == TLV_SHORT)
			return cut_short(findings, input, rest, object.length);
		verdict = read_object(findings, input, object);
		if (verdict == VERDICT_REFUSED || verdict == VERDICT_INCOMPLETE)
			return verdict;
		if (verdict == VERDICT_SOUND)
			best = VERDICT_SOUND;
		rest.start += object.length;
		rest.length -= object.length;
	}
	return best;
}

enum verdict der_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	const enum verdict verdict = read_all(findings, input, bytes);

	if (verdict == VERDICT_IGNORED)
		return conclude(findings, input, VERDICT_IGNORED,
				"holds only %s, which is not used", input->note);
	input->verdict = verdict;
	return verdict;
}
