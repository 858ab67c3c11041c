#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/unit/inspecting.h"
#include "tests/unit/material.h"

static struct identity root, sub, web, rsa;

static int make_material(void **state)
{
	const struct recipe root_recipe = { .name = "Test Root", .authority = true };
	const struct recipe sub_recipe = { .name = "Test Sub", .authority = true, .issuer = &root };
	const struct recipe web_recipe = { .name = "web.example", .issuer = &sub };
	const struct recipe rsa_recipe = {
		.name = "rsa.example", .issuer = &sub, .key = "RSA 2048"
	};

	(void)state;
	identity_make(&root, &root_recipe);
	identity_make(&sub, &sub_recipe);
	identity_make(&web, &web_recipe);
	identity_make(&rsa, &rsa_recipe);
	return 0;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&root);
	identity_done(&sub);
	identity_done(&web);
	identity_done(&rsa);
	return 0;
}

/* One file with that content becomes a credential. */
static void expect_credential(struct asking *asking, const char *name, const struct buffer *content)
{
	ask_file(asking, name, content);
	ask(asking);
	if (credentials_in(asking) != 1)
		fail_msg("%s: %s", name, buffer_text(&asking->reply.text));
	assert_string_equal(state_of(asking, name), "sound");
}

static void expect_state(const char *name, const void *bytes, size_t length, const char *state,
		const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };

	ask_bytes(&asking, name, bytes, length);
	ask(&asking);
	if (strcmp(state_of(&asking, name), state) != 0 ||
			!strstr(sentence_of(&asking, name), sentence))
		fail_msg("wanted %s \"%s\", got: %s", state, sentence,
				buffer_text(&asking.reply.text));
	assert_int_equal(credentials_in(&asking), 0);
}

static void expect_text(const char *text, const char *state, const char *sentence)
{
	expect_state("file.pem", text, strlen(text), state, sentence);
}

/* ---- PEM ---- */

static void both_in_one_pem_in_any_order(void **state)
{
	(void)state;
	for (int key_first = 0; key_first < 2; key_first++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer text = { 0 };

		if (key_first)
			add_key(&text, &web, NULL);
		add_certificate(&text, &web);
		if (!key_first)
			add_key(&text, &web, NULL);
		expect_credential(&asking, "both.pem", &text);
	}
}

static void pem_with_crlf_blanks_text_and_a_mark_at_the_start(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer plain = { 0 }, text = { 0 };

	(void)state;
	buffer_add(&text, "\xef\xbb\xbf");
	add_certificate(&plain, &web);
	buffer_add(&plain, "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n");
	buffer_add(&plain, "Certificate:\n    Data: -----\n");
	add_key(&plain, &web, NULL);
	for (const char *at = plain.bytes; *at; at++)
		buffer_add(&text, *at == '\n' ? " \r\n  " : (char[]){ *at, '\0' });
	expect_credential(&asking, "windows.pem", &text);
}

static void a_mark_at_the_start_of_the_first_block(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };

	(void)state;
	buffer_add(&text, "\xef\xbb\xbf");
	add_certificate(&text, &web);
	add_key(&text, &web, NULL);
	expect_credential(&asking, "marked.pem", &text);
}

static void pem_without_a_last_line_end(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };

	(void)state;
	add_key(&text, &web, NULL);
	add_certificate(&text, &web);
	text.bytes[--text.length] = '\0';
	expect_credential(&asking, "short.pem", &text);
}

static void traditional_keys(void **state)
{
	const struct identity *const both[] = { &web, &rsa };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer text = { 0 };

		buffer_add(&text,
				"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
				"-----END EC PARAMETERS-----\n");
		add_traditional_key(&text, both[i], NULL);
		add_certificate(&text, both[i]);
		expect_credential(&asking, "traditional.pem", &text);
	}
}

static void encrypted_keys_open_with_one_of_the_passphrases(void **state)
{
	const struct identity *const both[] = { &web, &rsa };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer text = { 0 };

		if (i < 2)
			add_traditional_key(&text, both[i], "right one");
		else
			add_key(&text, both[i - 2], "right one");
		add_certificate(&text, both[i % 2]);
		ask_passphrases(&asking, "wrong\r\n\nright one\r\n");
		expect_credential(&asking, "encrypted.pem", &text);
	}
}

static void encrypted_keys_without_their_passphrase_say_so(void **state)
{
	static const struct {
		const char *lines, *sentence;
	} cases[] = {
		{ "", "file.pem: the private key is encrypted, and no passphrase was given" },
		{ "a\n", "and the passphrase given does not open it" },
		{ "a\nb\n", "and none of the passphrases given opens it" },
	};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer text = { 0 };

		if (i < 3)
			add_traditional_key(&text, &rsa, "right one");
		else
			add_key(&text, &rsa, "right one");
		ask_passphrases(&asking, cases[i % 3].lines);
		ask_file(&asking, "file.pem", &text);
		ask(&asking);
		assert_string_equal(state_of(&asking, "file.pem"), "refused");
		assert_non_null(strstr(sentence_of(&asking, "file.pem"), cases[i % 3].sentence));
	}
}

static void trusted_certificates_lose_their_trust(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	BIO *bio = BIO_new(BIO_s_mem());
	char *start;
	long length;

	(void)state;
	assert_true(X509_alias_set1(web.certificate, (const unsigned char *)"alias", -1));
	assert_true(PEM_write_bio_X509_AUX(bio, web.certificate));
	length = BIO_get_mem_data(bio, &start);
	buffer_append(&text, start, (size_t)length);
	BIO_free(bio);
	assert_non_null(strstr(text.bytes, "BEGIN TRUSTED CERTIFICATE"));
	add_key(&text, &web, NULL);
	expect_credential(&asking, "trusted.pem", &text);
}

static void what_is_not_used_is_named(void **state)
{
	(void)state;
	expect_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "ignored",
			"file.pem: holds only a public key, which is not used");
	expect_text("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
			"ignored", "a certificate request");
	expect_text("just words\n", "ignored", "holds no certificate and no key");
	expect_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
			"refused", "ssh-keygen -p -m PKCS8");
}

static void damaged_pem_is_refused(void **state)
{
	(void)state;
	expect_text("-----BEGIN CERTIFICATE-----\nAA!A\n-----END CERTIFICATE-----\n", "refused",
			"file.pem: the base64 of a CERTIFICATE block is damaged");
	expect_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "refused",
			"a certificate in it is damaged");
	expect_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n", "refused",
			"does not end with its END line");
	expect_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN CERTIFICATE-----\n", "refused",
			"does not end with its END line");
	expect_state("file.pem", "-----BEGIN CERTIFICATE-----\nAA\0A\n-----END CERTIFICATE-----\n",
			59, "refused", "zero bytes");
	expect_state("utf16", "\xff\xfe-\0-\0-\0", 8, "refused", "UTF-16");
}

static void more_than_512_blocks_are_refused(void **state)
{
	autodone(buffer) struct buffer text = { 0 };

	(void)state;
	for (int i = 0; i < 513; i++)
		buffer_add(&text,
				"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n");
	expect_text(text.bytes, "refused", "more than 512 PEM blocks");
}

/* ---- files that are still being written ---- */

/* Every cut of a file is incomplete, or (between blocks) sound, or (before anything can be
 * recognised) ignored; but never refused: a refusal is final. */
static void expect_no_refusal_at_any_cut(const struct buffer *whole, size_t step)
{
	for (size_t length = 0; length < whole->length; length += step) {
		autodone(asking) struct asking asking = { 0 };

		ask_passphrases(&asking, "x\n");
		ask_bytes(&asking, "part", whole->bytes, length);
		ask(&asking);
		if (strcmp(state_of(&asking, "part"), "refused") == 0)
			fail_msg("at %zu of %zu: %s", length, whole->length,
					sentence_of(&asking, "part"));
		if (whole->bytes[0] == 0x30)
			assert_string_equal(state_of(&asking, "part"), "incomplete");
	}
}

static void a_growing_file_is_never_refused(void **state)
{
	const struct pkcs12_recipe recipe = { .identity = &web, .passphrase = "x" };
	autodone(buffer) struct buffer pem = { 0 }, der = { 0 }, store = { 0 };

	(void)state;
	add_key(&pem, &web, NULL);
	add_certificate(&pem, &web);
	expect_no_refusal_at_any_cut(&pem, 1);
	add_certificate_der(&der, &web);
	expect_no_refusal_at_any_cut(&der, 1);
	add_pkcs12(&store, &recipe);
	expect_no_refusal_at_any_cut(&store, 7);
}

static void stopping_too_early_has_its_reason(void **state)
{
	autodone(buffer) struct buffer der = { 0 };

	(void)state;
	expect_state("a", "", 0, "incomplete", "a: is empty");
	expect_text("-----BEGIN CERTIFICATE-----\nMIIB\n", "incomplete",
			"file.pem: stops inside a CERTIFICATE block");
	expect_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFIC", "incomplete",
			"stops inside a CERTIFICATE block");
	expect_text("text\n-----BEGIN CERT", "incomplete", "stops inside a BEGIN line");
	add_certificate_der(&der, &web);
	expect_state("a.der", der.bytes, 100, "incomplete", "a.der: has 100 of the ");
	expect_state("a.der", "\x30\x84\x7f\xff\xff\xff\x30", 7, "refused", "at most 1048576");
}

/* ---- DER, PKCS#7, PKCS#12 ---- */

static void der_one_by_one_and_one_after_the_other(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer bytes = { 0 };

	(void)state;
	add_key_der(&bytes, &rsa);
	add_certificate_der(&bytes, &rsa);
	add_certificate_der(&bytes, &sub);
	expect_credential(&asking, "all.der", &bytes);

	buffer_add(&bytes, "junk");
	expect_state("all.der", bytes.bytes, bytes.length, "refused", "not DER");
}

static void a_list_of_certificates_in_pkcs7(void **state)
{
	const struct identity *const certificates[] = { &sub, &web, &root };
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer list = { 0 }, key = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_pkcs7_der(&list, certificates, 3);
	add_key(&key, &web, NULL);
	ask_file(&asking, "key.pem", &key);
	expect_credential(&asking, "list.p7b", &list);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.chain.count, 1);
}

static void signed_pkcs7_is_refused(void **state)
{
	BIO *data = BIO_new_mem_buf("x", 1);
	PKCS7 *message = PKCS7_sign(web.certificate, web.key, NULL, data, PKCS7_BINARY);
	unsigned char *der = NULL;
	const int length = i2d_PKCS7(message, &der);

	(void)state;
	expect_state("signed.p7b", der, (size_t)length, "refused", "is a signed PKCS#7 message");
	OPENSSL_free(der);
	PKCS7_free(message);
	BIO_free(data);
}

static void pkcs12_modern_legacy_and_without_a_password(void **state)
{
	const struct pkcs12_recipe recipes[] = {
		{ .identity = &web, .passphrase = "x", .chain = { &sub, &root } },
		{ .identity = &rsa, .passphrase = "x", .legacy = true },
		{ .identity = &rsa, .passphrase = "" },
		{ .identity = &rsa, .passphrase = NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(*recipes); i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer bytes = { 0 };

		add_pkcs12(&bytes, &recipes[i]);
		ask_passphrases(&asking, "x\n");
		expect_credential(&asking, "store.p12", &bytes);
	}
}

/* As NSS writes them: without a length, and with an end mark. */
static void pkcs12_of_indefinite_length(void **state)
{
	const struct pkcs12_recipe recipe = { .identity = &web, .passphrase = "x" };
	autodone(asking) struct asking asking = { 0 }, cut = { 0 };
	autodone(buffer) struct buffer definite = { 0 }, bytes = { 0 };

	(void)state;
	add_pkcs12(&definite, &recipe);
	assert_memory_equal(definite.bytes, "\x30\x82", 2);
	buffer_append(&bytes, "\x30\x80", 2);
	buffer_append(&bytes, definite.bytes + 4, definite.length - 4);
	buffer_append(&bytes, "\0\0", 2);
	ask_passphrases(&asking, "x\n");
	expect_credential(&asking, "nss.p12", &bytes);

	ask_bytes(&cut, "nss.p12", bytes.bytes, bytes.length - 1);
	ask(&cut);
	assert_string_equal(sentence_of(&cut, "nss.p12"), "nss.p12: stops too early");
	assert_string_equal(state_of(&cut, "nss.p12"), "incomplete");
}

static void pkcs12_with_the_wrong_password_says_so(void **state)
{
	const struct pkcs12_recipe recipe = { .identity = &web, .passphrase = "x" };
	autodone(buffer) struct buffer bytes = { 0 };

	(void)state;
	add_pkcs12(&bytes, &recipe);
	expect_state("store.p12", bytes.bytes, bytes.length, "refused",
			"store.p12: the PKCS#12 is encrypted, and no passphrase was given");
}

static void expect_cost_refused(
		const struct pkcs12_recipe *recipe, const char *head, const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer bytes = { 0 };

	add_pkcs12(&bytes, recipe);
	buffer_add(&asking.text, head);
	ask_passphrases(&asking, "x\n");
	ask_file(&asking, "store.p12", &bytes);
	ask(&asking);
	assert_string_equal(state_of(&asking, "store.p12"), "refused");
	assert_string_equal(sentence_of(&asking, "store.p12"), sentence);
}

static void pkcs12_costs_are_capped_before_they_are_paid(void **state)
{
	const struct pkcs12_recipe bomb = {
		.identity = &web, .passphrase = "x", .claimed_iterations = 0x7fffffff
	};
	const struct pkcs12_recipe inside = {
		.identity = &web, .passphrase = "x", .iterations = 9000, .seal_iterations = 1
	};
	const clock_t start = clock();

	(void)state;
	expect_cost_refused(&bomb, "inspect test\n",
			"store.p12: asks for 2147483647 password iterations; at most 2000000 are "
			"allowed");
	expect_cost_refused(&inside, "inspect test\n\tderivations 10000\n",
			"store.p12: asks for 18001 password iterations; at most 10000 are allowed");
	assert_true(clock() - start < CLOCKS_PER_SEC);
}

static void many_costly_files_are_stopped_together(void **state)
{
	const struct pkcs12_recipe recipe = {
		.identity = &web, .passphrase = "x", .iterations = 1, .seal_iterations = 4000
	};
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer bytes = { 0 };
	char name[16];

	(void)state;
	add_pkcs12(&bytes, &recipe);
	buffer_add(&asking.text, "inspect test\n\tderivations 5000\n");
	for (int i = 0; i < 9; i++) {
		(void)snprintf(name, sizeof(name), "%d.p12", i);
		ask_file(&asking, name, &bytes);
	}
	ask_passphrases(&asking, "a\nx\n");
	ask(&asking);
	assert_string_equal(state_of(&asking, "0.p12"), "sound");
	assert_string_equal(state_of(&asking, "8.p12"), "refused");
}

static void revocation_lists_are_read(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer crl = { 0 }, pair = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_crl(&crl, &sub);
	add_key(&pair, &web, NULL);
	add_certificate(&pair, &web);
	ask_rule(&asking, "rule parts \"the product\" crl");
	ask_file(&asking, "crl.pem", &crl);
	expect_credential(&asking, "pair.pem", &pair);
	read_credential(&asking, &credential, &parts);
	assert_true(words_contain(credential.parts, "crl"));
	assert_memory_equal(credential_part(parts, PART_CRL).start, "-----BEGIN X509 CRL", 19);
}

/* A tar holds its files as they are: what is PEM in it must not be taken for the file's own. */
static void archives_of_other_kinds_are_refused_by_their_name(void **state)
{
	static const struct {
		const char *magic, *says;
	} packed[] = { { "\x1f\x8b\x08\x08", "gzip" }, { "BZh9", "bzip2" },
		{ "\xfd"
		  "7zXZ",
				"xz" },
		{ "\x28\xb5\x2f\xfd", "zstd" }, { "7z\xbc\xaf", "7-Zip" } };
	autodone(buffer) struct buffer tar = { 0 };

	(void)state;
	for (size_t i = 0; i < 512; i++)
		buffer_append(&tar, "", 1);
	memcpy(tar.bytes + 257, "ustar", 5);
	add_certificate(&tar, &web);
	add_key(&tar, &web, NULL);
	expect_state("a.tar", tar.bytes, tar.length, "refused", "is a tar archive");
	for (size_t i = 0; i < sizeof(packed) / sizeof(*packed); i++)
		expect_state("packed", packed[i].magic, strlen(packed[i].magic), "refused",
				packed[i].says);
}

static void java_key_stores_are_told_what_to_become(void **state)
{
	(void)state;
	expect_state("a.jceks", "\xce\xce\xce\xce\0\0\0\2", 8, "refused",
			"a.jceks: is a Java key store of type JCEKS");
	expect_state("b.jceks", "\xce\xce\xce\xce\0\0\0\2", 8, "refused",
			"keytool -importkeystore -srcstoretype JCEKS");
	expect_state("a.bcfks",
			"\x30\x81\x13\x30\x0d\x30\x05\x06\x03\x2a\x03\x04\x04\x04\x01\x02\x03\x04"
			"\x30\x02\x05\x00",
			22, "refused", "keytool -importkeystore -srcstoretype BCFKS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_in_one_pem_in_any_order),
		cmocka_unit_test(pem_with_crlf_blanks_text_and_a_mark_at_the_start),
		cmocka_unit_test(a_mark_at_the_start_of_the_first_block),
		cmocka_unit_test(pem_without_a_last_line_end),
		cmocka_unit_test(traditional_keys),
		cmocka_unit_test(encrypted_keys_open_with_one_of_the_passphrases),
		cmocka_unit_test(encrypted_keys_without_their_passphrase_say_so),
		cmocka_unit_test(trusted_certificates_lose_their_trust),
		cmocka_unit_test(what_is_not_used_is_named),
		cmocka_unit_test(damaged_pem_is_refused),
		cmocka_unit_test(more_than_512_blocks_are_refused),
		cmocka_unit_test(a_growing_file_is_never_refused),
		cmocka_unit_test(stopping_too_early_has_its_reason),
		cmocka_unit_test(der_one_by_one_and_one_after_the_other),
		cmocka_unit_test(a_list_of_certificates_in_pkcs7),
		cmocka_unit_test(signed_pkcs7_is_refused),
		cmocka_unit_test(pkcs12_modern_legacy_and_without_a_password),
		cmocka_unit_test(pkcs12_of_indefinite_length),
		cmocka_unit_test(pkcs12_with_the_wrong_password_says_so),
		cmocka_unit_test(pkcs12_costs_are_capped_before_they_are_paid),
		cmocka_unit_test(many_costly_files_are_stopped_together),
		cmocka_unit_test(revocation_lists_are_read),
		cmocka_unit_test(archives_of_other_kinds_are_refused_by_their_name),
		cmocka_unit_test(java_key_stores_are_told_what_to_become),
	};

	return cmocka_run_group_tests(tests, make_material, drop_material);
}
