/*
 * Shapes of key stores and messages by which decoders of others were broken, each named after what
 * it broke: refused, or read without harm. Those that have tests of their own are not here: archives
 * in test-archive.c, costs of passwords and signed PKCS#7 in test-formats.c, cross-signed circles in
 * test-judge-chains.c.
 */

#include "tests/unit/unit.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>

#include "tests/unit/hostile.h"

/* ---- PKCS#12 ---- */

/* CVE-2025-69419: a BMPString that grows when it becomes UTF-8, up to what a file may have. */
static void pkcs12_with_a_name_that_grows(void **state)
{
	static const unsigned char shapes[][2] = { { 0xff, 0xfd }, { 0xd8, 0x00 }, { 0x07, 0xff } };
	static unsigned char name[200000];

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		autodone(buffer) struct buffer file = { 0 };

		for (size_t j = 0; j < sizeof(name); j++)
			name[j] = shapes[i][j % 2];
		add_named_pkcs12(&file, &web, V_ASN1_BMPSTRING, name, sizeof(name));
		expect("a.p12", &file, "sound", "");
	}
}

/* CVE-2026-22795: an attribute of another type than its name promises. */
static void pkcs12_with_a_name_that_is_no_text(void **state)
{
	static const int types[] = { V_ASN1_INTEGER, V_ASN1_OCTET_STRING, V_ASN1_BIT_STRING,
		V_ASN1_UTF8STRING, V_ASN1_SEQUENCE };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		autodone(buffer) struct buffer file = { 0 };

		add_named_pkcs12(&file, &web, types[i], "\x30\x00", 2);
		expect("a.p12", &file, "sound", "");
	}
}

/* ContentInfo; `content` NULL: none. */
static void add_content_info(struct buffer *der, const char *oid, const struct buffer *content)
{
	autodone(buffer) struct buffer inner = { 0 };

	add_oid(&inner, oid);
	if (content)
		add_constructed(&inner, 0xa0, content);
	add_constructed(der, 0x30, &inner);
}

#define DATA           "1.2.840.113549.1.7.1"
#define SIGNED         "1.2.840.113549.1.7.2"
#define ENVELOPED      "1.2.840.113549.1.7.3"
#define ENCRYPTED      "1.2.840.113549.1.7.6"
#define AUTH_ENVELOPED "1.2.840.113549.1.9.16.1.23"

/* CVE-2024-0727: safes without the content that their type promises. */
static void pkcs12_with_safes_that_are_empty(void **state)
{
	static const char *const types[] = { DATA, ENCRYPTED, ENVELOPED };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		autodone(buffer) struct buffer safe = { 0 }, file = { 0 };

		add_content_info(&safe, types[i], NULL);
		add_safe_pkcs12(&file, &safe);
		expect("a.p12", &file, "refused", "a part of the PKCS#12");
	}
}

/* CVE-2025-69421: EncryptedData that has an algorithm and nothing that was encrypted. */
static void pkcs12_with_nothing_encrypted(void **state)
{
	autodone(buffer) struct buffer algorithm = { 0 }, parameters = { 0 }, info = { 0 },
				       inner = { 0 }, data = { 0 }, safe = { 0 }, file = { 0 };

	(void)state;
	add_element(&parameters, V_ASN1_OCTET_STRING, "saltsalt", 8);
	add_element(&parameters, V_ASN1_INTEGER, "\x01", 1);
	add_oid(&algorithm, "1.2.840.113549.1.12.1.3");
	add_constructed(&algorithm, 0x30, &parameters);
	add_oid(&info, DATA);
	add_constructed(&info, 0x30, &algorithm);
	add_element(&inner, V_ASN1_INTEGER, "\x00", 1);
	add_constructed(&inner, 0x30, &info);
	add_constructed(&data, 0x30, &inner);
	add_content_info(&safe, ENCRYPTED, &data);
	add_safe_pkcs12(&file, &safe);
	expect("a.p12", &file, "refused", "a part of the PKCS#12");
}

/* CVE-2025-11187 and CVE-2026-34181: PBMAC1 with a key of any length. SHA-1's identifier in the seal
 * makes way for that of PBMAC1, with PBKDF2's parameters behind it. */
static void pkcs12_sealed_with_pbmac1(void **state)
{
	static const char pbmac1[] =
			"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e\x30\x04\x02\x02\x7f\xff";
	autodone(buffer) struct buffer mac = { 0 }, digest = { 0 }, info = { 0 }, safes = { 0 },
				       octets = { 0 }, all = { 0 }, file = { 0 };

	(void)state;
	buffer_append(&info, pbmac1, sizeof(pbmac1) - 1);
	add_constructed(&digest, 0x30, &info);
	add_element(&digest, V_ASN1_OCTET_STRING, "0123456789abcdef0123456789abcdef", 32);
	add_constructed(&mac, 0x30, &digest);
	add_element(&mac, V_ASN1_OCTET_STRING, "saltsalt", 8);
	add_element(&mac, V_ASN1_INTEGER, "\x01", 1);
	add_element(&octets, V_ASN1_OCTET_STRING, "\x30\x00", 2);
	add_content_info(&safes, DATA, &octets);
	add_element(&all, V_ASN1_INTEGER, "\x03", 1);
	buffer_append(&all, safes.bytes, safes.length);
	add_constructed(&all, 0x30, &mac);
	add_constructed(&file, 0x30, &all);
	expect("a.p12", &file, "refused", "is sealed with PBMAC1, which is not known here");
}

/* ---- PKCS#7 and CMS ---- */

/* CVE-2025-15467, CVE-2026-63072: the nonce of an AuthEnvelopedData, the wrapped key of an
 * EnvelopedData. Of CMS nothing but a list of certificates is opened. */
static void cms_that_is_no_list_of_certificates(void **state)
{
	static const char *const types[] = { ENVELOPED, AUTH_ENVELOPED, ENCRYPTED, DATA };
	static unsigned char nonce[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		autodone(buffer) struct buffer inner = { 0 }, content = { 0 }, file = { 0 };

		add_element(&inner, V_ASN1_INTEGER, "\x00", 1);
		add_element(&inner, 0x31, "", 0);
		add_element(&inner, V_ASN1_OCTET_STRING, nonce, sizeof(nonce));
		add_constructed(&content, 0x30, &inner);
		add_content_info(&file, types[i], &content);
		expect("a.p7b", &file, "refused", "PKCS#7");
	}
}

/* In PEM, where a short one is not taken for text. */
static void expect_pkcs7_refused(const struct buffer *message)
{
	autodone(buffer) struct buffer file = { 0 };
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long length;

	assert_true(PEM_write_bio(bio, "PKCS7", "", (unsigned char *)message->bytes,
				    (long)message->length) > 0);
	length = BIO_get_mem_data(bio, &text);
	buffer_append(&file, text, (size_t)length);
	BIO_free(bio);
	expect("a.pem", &file, "refused", "PKCS#7");
}

/* CVE-2026-22796, CVE-2026-45447: what is signed, without what signed it, or without content. */
static void pkcs7_that_promises_what_is_not_there(void **state)
{
	static const char *const insides[] = { "", "\x02\x01\x01", "\x02\x01\x01\x31\x00",
		"\x02\x01\x01\x31\x00\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01" };
	static const size_t lengths[] = { 0, 3, 5, 18 };
	autodone(buffer) struct buffer nothing = { 0 };

	(void)state;
	add_content_info(&nothing, SIGNED, NULL);
	expect_pkcs7_refused(&nothing);
	for (size_t i = 0; i < sizeof(insides) / sizeof(*insides); i++) {
		autodone(buffer) struct buffer content = { 0 }, message = { 0 };

		add_element(&content, 0x30, insides[i], lengths[i]);
		add_content_info(&message, SIGNED, &content);
		expect_pkcs7_refused(&message);
	}
}

/* ---- key stores of others ---- */

/* CVE-2018-5382: Bouncy Castle's BKS, whose seal has 16 bits; CVE-2017-10356, CVE-2018-2794: secret
 * keys, which Java serialises. Neither is opened. */
static void key_stores_that_are_not_opened(void **state)
{
	static const char bks[] = "\0\0\0\1\0\0\0\x14saltsaltsaltsaltsalt\0\0\7\xd0";
	static const char secret[] = "\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\3\0\1a\0\0\0\0\0\0\0\0"
				     "\xac\xed\0\5";
	autodone(buffer) struct buffer first = { 0 }, second = { 0 };

	(void)state;
	buffer_append(&first, bks, sizeof(bks) - 1);
	expect("a.bks", &first, "ignored", "holds no certificate and no key");
	buffer_append(&second, secret, sizeof(secret) - 1);
	expect("a.jks", &second, "refused", "neither a private key nor a trusted certificate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pkcs12_with_a_name_that_grows),
		cmocka_unit_test(pkcs12_with_a_name_that_is_no_text),
		cmocka_unit_test(pkcs12_with_safes_that_are_empty),
		cmocka_unit_test(pkcs12_with_nothing_encrypted),
		cmocka_unit_test(pkcs12_sealed_with_pbmac1),
		cmocka_unit_test(cms_that_is_no_list_of_certificates),
		cmocka_unit_test(pkcs7_that_promises_what_is_not_there),
		cmocka_unit_test(key_stores_that_are_not_opened),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
