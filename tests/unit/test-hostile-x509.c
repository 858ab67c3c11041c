/* Shapes of certificates, revocation lists and keys by which decoders of others were broken, each
 * named after what it broke: refused, or read without harm. */

#include "tests/unit/unit.h"

#include <openssl/asn1.h>
#include <string.h>

#include "tests/unit/hostile.h"
#include "tests/unit/inspecting.h"

/* ---- certificates ---- */

static void expect_extended(const char *oid, const struct buffer *value, const char *state,
		const char *sentence)
{
	const struct recipe recipe = { .name = "web.example",
		.issuer = &authority,
		.with_key = web.key,
		.names = strcmp(oid, "2.5.29.17") == 0 ? "" : NULL };
	autodone(identity) struct identity odd = { 0 };
	autodone(buffer) struct buffer file = { 0 };

	identity_make(&odd, &recipe);
	extend(&odd, &authority, oid, value);
	add_certificate(&file, &odd);
	expect("a.pem", &file, state, sentence);
}

/* The same element over and over. */
static void add_many(struct buffer *der, unsigned char tag, const char *content, size_t length,
		unsigned count)
{
	autodone(buffer) struct buffer inner = { 0 };

	for (unsigned i = 0; i < count; i++)
		add_element(&inner, tag, content, length);
	add_constructed(der, 0x30, &inner);
}

/* CVE-2024-12243: time in the square of the number of names. */
static void certificate_with_ten_thousand_names(void **state)
{
	autodone(buffer) struct buffer names = { 0 };

	(void)state;
	add_many(&names, 0x82, "a.b", 3, 10000);
	expect_extended("2.5.29.17", &names, "refused", "it has more than 1000 names");
}

/* CVE-2025-32988: an otherName whose value is not there, or not what it says; CVE-2023-0286: an
 * x400Address. */
static void certificate_with_names_of_other_kinds(void **state)
{
	static const struct {
		unsigned char tag;
		const char *content;
		size_t length;
		const char *state;
	} cases[] = {
		{ 0xa0, "\x06\x01\x2a", 3, "refused" },
		{ 0xa0, "\x06\x01\x2a\xa0\x00", 5, "refused" },
		{ 0xa0, "\x06\x01\x2a\xa0\x05\x30\x80\x30\x80\x00", 10, "refused" },
		{ 0xa0, "\x06\x01\x2a\xa0\x02\x05\x00", 7, "sound" },
		{ 0xa3, "\x30\x00", 2, "sound" },
		{ 0x87, "\x01\x02\x03", 3, "sound" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(buffer) struct buffer names = { 0 };

		add_many(&names, cases[i].tag, cases[i].content, cases[i].length, 1);
		expect_extended("2.5.29.17", &names, cases[i].state, "");
	}
}

/* CVE-2025-14831: name constraints by the hundred; CVE-2022-3602: punycode in one of them. */
static void certificate_with_odd_name_constraints(void **state)
{
	static const char dns[] = "\x82\x03"
				  "a.b";
	static const char mail[] = "\x81\x14x@xn--aaaaaaaaaaaaaa";
	autodone(buffer) struct buffer trees = { 0 }, permitted = { 0 }, many = { 0 }, one = { 0 },
				       inner = { 0 };

	(void)state;
	add_many(&trees, 0x30, dns, sizeof(dns) - 1, 2000);
	add_element(&permitted, 0xa0, trees.bytes + 4, trees.length - 4);
	add_constructed(&many, 0x30, &permitted);
	expect_extended("2.5.29.30", &many, "refused", "it has more than 256 name constraints");

	buffer_clear(&permitted);
	add_element(&inner, 0x30, mail, sizeof(mail) - 1);
	add_constructed(&permitted, 0xa0, &inner);
	add_constructed(&one, 0x30, &permitted);
	expect_extended("2.5.29.30", &one, "sound", "");
}

/* CVE-2025-32989: a list of signed certificate timestamps that is longer than it is. */
static void certificate_with_a_damaged_list_of_timestamps(void **state)
{
	autodone(buffer) struct buffer list = { 0 };

	(void)state;
	add_element(&list, V_ASN1_OCTET_STRING, "\xff\xff\x00\x76\x00", 5);
	expect_extended("1.3.6.1.4.1.11129.2.4.2", &list, "sound", "");
}

/* CVE-2023-0464: mappings of policies, so that a tree of them would double with each. */
static void certificate_with_a_forest_of_policies(void **state)
{
	autodone(buffer) struct buffer policies = { 0 }, mappings = { 0 };

	(void)state;
	add_many(&policies, 0x30, "\x06\x02\x2a\x03", 4, 2000);
	expect_extended("2.5.29.32", &policies, "sound", "");
	add_many(&mappings, 0x30, "\x06\x02\x2a\x03\x06\x02\x2a\x04", 8, 2000);
	expect_extended("2.5.29.33", &mappings, "sound", "");
}

/* CVE-2026-7383: strings of wide characters, whole and cut, that become UTF-8. */
static void certificate_with_a_subject_of_wide_characters(void **state)
{
	static const struct {
		int type;
		int length;
	} cases[] = { { V_ASN1_UNIVERSALSTRING, 40000 }, { V_ASN1_BMPSTRING, 40000 },
		{ V_ASN1_T61STRING, 40000 }, { V_ASN1_UTF8STRING, 40000 } };
	static unsigned char text[40000];

	(void)state;
	/* U+0707 in four bytes, and not amiss in two or one. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 4 < 2 ? 0 : 7;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(buffer) struct buffer file = { 0 };
		X509 *odd = X509_dup(web.certificate);
		struct identity identity = { .key = web.key, .certificate = odd };

		assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(odd),
						 NID_organizationName, cases[i].type, text,
						 cases[i].length, -1, 0),
				1);
		assert_true(X509_sign(odd, authority.key, EVP_sha256()) > 0);
		add_certificate(&file, &identity);
		expect("a.pem", &file, "sound", "");
		X509_free(odd);
	}
}

/* CVE-2026-31789: numbers that become a text twice as long. */
static void certificate_with_a_serial_number_of_kilobytes(void **state)
{
	static unsigned char number[60000];
	autodone(buffer) struct buffer file = { 0 };
	X509 *odd = X509_dup(web.certificate);
	struct identity identity = { .key = web.key, .certificate = odd };

	(void)state;
	memset(number, 0x5a, sizeof(number));
	assert_int_equal(ASN1_STRING_set(X509_get_serialNumber(odd), number, sizeof(number)), 1);
	assert_true(X509_sign(odd, authority.key, EVP_sha256()) > 0);
	add_certificate(&file, &identity);
	expect("a.pem", &file, "sound", "");
	X509_free(odd);
}

/* CVE-2026-34180: an element that is longer than the one around it. Each length in turn. */
static void certificate_with_an_element_that_sticks_out(void **state)
{
	autodone(buffer) struct buffer sound = { 0 };
	unsigned refused = 0;

	(void)state;
	add_certificate_der(&sound, &web);
	for (size_t i = 5; i + 1 < sound.length; i++) {
		autodone(asking) struct asking asking = { 0 };
		const char was = sound.bytes[i];

		sound.bytes[i] = 0x7f;
		ask_file(&asking, "a.der", &sound);
		ask(&asking);
		refused += strcmp(state_of(&asking, "a.der"), "refused") == 0;
		sound.bytes[i] = was;
	}
	assert_true(refused > 20);
}

/* ---- revocation lists ---- */

/* CVE-2026-28388: a delta list that lacks the number which it is a delta to. */
static void revocation_list_that_is_half_a_delta(void **state)
{
	autodone(buffer) struct buffer empty = { 0 }, number = { 0 }, first = { 0 }, second = { 0 },
				       huge = { 0 };

	(void)state;
	add_odd_crl(&first, &authority, "2.5.29.27", &empty, 1);
	expect("a.crl", &first, "sound", "");
	add_element(&number, V_ASN1_INTEGER, "\x01", 1);
	add_odd_crl(&second, &authority, "2.5.29.27", &number, 1);
	expect("a.crl", &second, "sound", "");
	add_odd_crl(&huge, &authority, NULL, NULL, 60000);
	expect("a.crl", &huge, "sound", "");
}

/* ---- keys ---- */

/* CVE-2023-6237, CVE-2024-4603: checks whose time grows with the cube of the modulus. */
static void certificate_with_a_huge_key(void **state)
{
	static const int bits[] = { 8193, 16385, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		const struct recipe recipe = { .name = "web.example", .issuer = &authority };
		autodone(identity) struct identity odd = { 0 };
		autodone(buffer) struct buffer file = { 0 };
		EVP_PKEY *huge = huge_key_make(bits[i]);

		identity_make(&odd, &recipe);
		assert_int_equal(X509_set_pubkey(odd.certificate, huge), 1);
		assert_true(X509_sign(odd.certificate, authority.key, EVP_sha256()) > 0);
		add_certificate(&file, &odd);
		expect("a.pem", &file, "sound", "");
		EVP_PKEY_free(huge);
	}
}

static void add_pkcs8(
		struct buffer *file, const struct buffer *algorithm, const void *key, size_t length)
{
	autodone(buffer) struct buffer all = { 0 };

	add_element(&all, V_ASN1_INTEGER, "\x00", 1);
	add_constructed(&all, 0x30, algorithm);
	add_element(&all, V_ASN1_OCTET_STRING, key, length);
	add_constructed(file, 0x30, &all);
}

/* CVE-2023-5678, CVE-2026-42770: Diffie-Hellman parameters, which nothing here uses. */
static void key_of_diffie_hellman(void **state)
{
	static unsigned char prime[8001];
	autodone(buffer) struct buffer parameters = { 0 }, algorithm = { 0 }, file = { 0 };

	(void)state;
	memset(prime + 1, 0xff, sizeof(prime) - 1);
	add_element(&parameters, V_ASN1_INTEGER, prime, sizeof(prime));
	add_element(&parameters, V_ASN1_INTEGER, "\x02", 1);
	add_oid(&algorithm, "1.2.840.113549.1.3.1");
	add_constructed(&algorithm, 0x30, &parameters);
	add_pkcs8(&file, &algorithm, "\x02\x01\x02", 3);
	expect("a.der", &file, "refused", "of a type that is not used here");
}

/* CVE-2020-0601, CVE-2022-0778: a curve that the key brings along, over what is not a prime. */
static void key_on_a_curve_of_its_own(void **state)
{
	static const char number[] = "\x02\x01\x0f";
	autodone(buffer) struct buffer field = { 0 }, curve = { 0 }, algorithm = { 0 },
				       file = { 0 };

	(void)state;
	add_oid(&field, "1.2.840.10045.1.1");
	buffer_append(&field, number, 3);
	add_element(&curve, V_ASN1_INTEGER, "\x01", 1);
	add_constructed(&curve, 0x30, &field);
	add_oid(&algorithm, "1.2.840.10045.2.1");
	add_constructed(&algorithm, 0x30, &curve);
	add_pkcs8(&file, &algorithm, "\x30\x06\x02\x01\x01\x04\x01\x05", 8);
	expect("a.der", &file, "refused", "on a curve without a name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificate_with_ten_thousand_names),
		cmocka_unit_test(certificate_with_names_of_other_kinds),
		cmocka_unit_test(certificate_with_odd_name_constraints),
		cmocka_unit_test(certificate_with_a_damaged_list_of_timestamps),
		cmocka_unit_test(certificate_with_a_forest_of_policies),
		cmocka_unit_test(certificate_with_a_subject_of_wide_characters),
		cmocka_unit_test(certificate_with_a_serial_number_of_kilobytes),
		cmocka_unit_test(certificate_with_an_element_that_sticks_out),
		cmocka_unit_test(revocation_list_that_is_half_a_delta),
		cmocka_unit_test(certificate_with_a_huge_key),
		cmocka_unit_test(key_of_diffie_hellman),
		cmocka_unit_test(key_on_a_curve_of_its_own),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
