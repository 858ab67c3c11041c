#include "controller/inspect/prove/traits.h"

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "controller/base/printable.h"
#include "controller/inspect/crypto.h"
#include "controller/inspect/subject-name.h"

enum { DNS_NAME_MAX = 253 };

/* ---- key and signature ---- */

static const char *curve_name(struct arena *arena, const EVP_PKEY *key)
{
	char group[64];
	const char *nist;

	if (!EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
		return "an unnamed curve";
	nist = EC_curve_nid2nist(OBJ_txt2nid(group));
	return arena_copy(arena, nist ? nist : group);
}

static void read_key(struct arena *arena, const EVP_PKEY *key, struct traits *traits)
{
	static const char *const types[] = { "RSA", "RSA-PSS", "EC", "Ed25519", "Ed448" };

	traits->bits = EVP_PKEY_get_bits(key);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (EVP_PKEY_is_a(key, types[i]))
			traits->key_type = types[i];
	if (strcmp(traits->key_type, "EC") == 0)
		traits->curve = curve_name(arena, key);
	if (traits->curve)
		traits->key = arena_printf(arena, "EC %s", traits->curve);
	else if (strncmp(traits->key_type, "RSA", 3) == 0)
		traits->key = arena_printf(arena, "%s %d", traits->key_type, traits->bits);
	else
		traits->key = traits->key_type;
}

/* RSASSA-PSS tells its digest in its parameters; SHA-1 where it tells none (RFC 4055). */
static int pss_digest(const X509_ALGOR *algorithm)
{
	RSA_PSS_PARAMS *read = ASN1_TYPE_unpack_sequence(
			ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
	int nid = NID_undef;

	if (read)
		nid = read->hashAlgorithm ? OBJ_obj2nid(read->hashAlgorithm->algorithm) : NID_sha1;
	RSA_PSS_PARAMS_free(read);
	return nid;
}

static const char *signature_digest(const X509 *x509)
{
	const int signature = X509_get_signature_nid(x509);
	const X509_ALGOR *algorithm;
	int digest = NID_undef;

	X509_get0_signature(NULL, &algorithm, x509);
	if (signature == NID_rsassaPss)
		digest = pss_digest(algorithm);
	else if (!OBJ_find_sigid_algs(signature, &digest, NULL))
		return "an unknown algorithm";
	return digest == NID_undef ? "none" : OBJ_nid2sn(digest);
}

/* ---- dates ---- */

/* Not by timegm(), which would read the time zone's file. */
bool traits_date(const ASN1_TIME *date, long long *seconds)
{
	ASN1_TIME *epoch = ASN1_TIME_new();
	int days = 0, rest = 0;
	const bool sound = epoch && ASN1_TIME_set_string(epoch, "19700101000000Z") &&
			ASN1_TIME_diff(&days, &rest, epoch, date);

	ASN1_TIME_free(epoch);
	*seconds = 86400LL * days + rest;
	return sound;
}

/* ---- lists ---- */

/* Names are compared, so one that can be one (RFC 1035, 2.3.4) is not cut. */
static const char *dns_name(struct arena *arena, const ASN1_STRING *name)
{
	const char *text = (const char *)ASN1_STRING_get0_data(name);
	const size_t length = (size_t)ASN1_STRING_length(name);

	return length <= DNS_NAME_MAX ? printable_whole(arena, text, length)
				      : printable(arena, text, length);
}

static const char *name_of(struct arena *arena, const GENERAL_NAME *name)
{
	char address[INET6_ADDRSTRLEN];
	const ASN1_OCTET_STRING *octets;
	int family, type;
	const ASN1_STRING *text = GENERAL_NAME_get0_value(name, &type);

	switch (type) {
	case GEN_DNS:
		return arena_printf(arena, "DNS:%s", dns_name(arena, text));
	case GEN_EMAIL:
	case GEN_URI:
		return arena_printf(arena, "%s:%s", type == GEN_EMAIL ? "email" : "URI",
				printable(arena, (const char *)ASN1_STRING_get0_data(text),
						(size_t)ASN1_STRING_length(text)));
	case GEN_IPADD:
		octets = text;
		family = ASN1_STRING_length(octets) == 4 ? AF_INET : AF_INET6;
		if (ASN1_STRING_length(octets) != 4 && ASN1_STRING_length(octets) != 16)
			return "other";
		(void)inet_ntop(family, ASN1_STRING_get0_data(octets), address, sizeof(address));
		return arena_printf(arena, "IP:%s", address);
	default:
		return "other";
	}
}

static void read_names(struct arena *arena, const X509 *x509, struct words *words)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	const int count = names ? sk_GENERAL_NAME_num(names) : 0;

	words->items = arena_new_many(arena, const char *, (size_t)count + 1);
	for (int i = 0; i < count; i++)
		words->items[words->count++] = name_of(arena, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
}

static bool read_usages(struct arena *arena, const X509 *x509, struct words *words)
{
	int critical = 0, count;
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(x509, NID_ext_key_usage, &critical, NULL);

	if (!usages)
		return critical == -1;
	count = sk_ASN1_OBJECT_num(usages);
	words->items = arena_new_many(arena, const char *, (size_t)count + 1);
	for (int i = 0; i < count && i < 64; i++) {
		const ASN1_OBJECT *usage = sk_ASN1_OBJECT_value(usages, i);
		const int nid = OBJ_obj2nid(usage);
		char digits[80];

		if (nid == NID_undef)
			(void)OBJ_obj2txt(digits, sizeof(digits), usage, 1);
		words->items[words->count++] =
				arena_copy(arena, nid == NID_undef ? digits : OBJ_nid2sn(nid));
	}
	sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
	return true;
}

static const char *read_serial(struct arena *arena, const X509 *x509)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
	const unsigned char *octets = ASN1_STRING_get0_data(serial);
	const size_t length = (size_t)ASN1_STRING_length(serial);
	char hex[2 * 32 + 1] = "00";

	for (size_t i = 0; i < length && i < 32; i++) {
		hex[2 * i] = "0123456789abcdef"[octets[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[octets[i] & 15];
		hex[2 * i + 2] = '\0';
	}
	return arena_copy(arena, hex);
}

bool traits_read(struct arena *arena, struct certificate *certificate, struct traits *traits,
		struct error *error)
{
	const X509 *x509 = certificate->x509;
	struct traits found = { .version = X509_get_version(x509) + 1, .key_type = "" };

	read_key(arena, certificate_public_key(certificate), &found);
	found.digest = signature_digest(x509);
	found.pss = X509_get_signature_nid(x509) == NID_rsassaPss;
	found.issuer = printable_name(arena, X509_get_issuer_name(x509));
	found.serial = read_serial(arena, x509);
	read_names(arena, x509, &found.names);
	if (!read_usages(arena, x509, &found.usages))
		return fail(error, ERROR_INPUT, "the certificate of %s: its usages are damaged",
				certificate->subject);
	if (!traits_date(X509_get0_notBefore(x509), &found.not_before) ||
			!traits_date(X509_get0_notAfter(x509), &found.not_after))
		return fail(error, ERROR_INPUT, "the certificate of %s: its dates are damaged",
				certificate->subject);
	*traits = found;
	return true;
}

/* ---- comparing ---- */

bool traits_allow(const struct traits *traits, const char *usage)
{
	return traits->usages.count == 0 || words_contain(traits->usages, usage) ||
			words_contain(traits->usages, "anyExtendedKeyUsage");
}

static bool dns_covers(const char *pattern, const char *name)
{
	const char *dot = strchr(name, '.');

	if (strcasecmp(pattern, name) == 0)
		return true;
	return strncmp(pattern, "*.", 2) == 0 && dot && dot != name && name[0] != '*' &&
			strcasecmp(pattern + 1, dot) == 0;
}

static bool is_address(const char *name, char address[INET6_ADDRSTRLEN])
{
	unsigned char octets[16];

	if (inet_pton(AF_INET, name, octets) == 1)
		return inet_ntop(AF_INET, octets, address, INET6_ADDRSTRLEN) != NULL;
	return inet_pton(AF_INET6, name, octets) == 1 &&
			inet_ntop(AF_INET6, octets, address, INET6_ADDRSTRLEN) != NULL;
}

static bool common_name_covers(const struct certificate *leaf, const char *name)
{
	char common[DNS_NAME_MAX + 1];
	const int length = X509_NAME_get_text_by_NID(
			X509_get_subject_name(leaf->x509), NID_commonName, common, sizeof(common));

	/* A zero byte in it would end what is compared. */
	return length > 0 && strlen(common) == (size_t)length && dns_covers(common, name);
}

bool traits_cover(const struct certificate *leaf, const struct traits *traits, const char *name)
{
	char address[INET6_ADDRSTRLEN];
	const bool is_ip = is_address(name, address);

	if (traits->names.count == 0)
		return common_name_covers(leaf, name);
	for (size_t i = 0; i < traits->names.count; i++) {
		const char *has = traits->names.items[i];

		if (is_ip && strncmp(has, "IP:", 3) == 0 && strcmp(has + 3, address) == 0)
			return true;
		if (!is_ip && strncmp(has, "DNS:", 4) == 0 && dns_covers(has + 4, name))
			return true;
	}
	return false;
}
