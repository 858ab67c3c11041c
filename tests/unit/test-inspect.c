#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "controller/inspect/findings.h"
#include "controller/inspect/read/envelope.h"
#include "tests/unit/inspecting.h"
#include "tests/unit/material.h"

/* One authority and one leaf for all tests that need no others. */
static struct identity root, sub, web;

static int make_material(void **state)
{
	const struct recipe root_recipe = { .name = "Test Root", .authority = true };
	const struct recipe sub_recipe = { .name = "Test Sub", .authority = true, .issuer = &root };
	const struct recipe web_recipe = {
		.name = "web.example", .issuer = &sub, .usages = "serverAuth"
	};

	(void)state;
	identity_make(&root, &root_recipe);
	identity_make(&sub, &sub_recipe);
	identity_make(&web, &web_recipe);
	return 0;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&root);
	identity_done(&sub);
	identity_done(&web);
	return 0;
}

static void make(struct identity *identity, const char *name, const char *key)
{
	const struct recipe recipe = { .name = name, .key = key, .issuer = &sub };

	identity_make(identity, &recipe);
}

/* ---- pairs ---- */

static void every_kind_of_key_makes_a_credential(void **state)
{
	static const char *const kinds[] = { "RSA 2048", "EC P-256", "EC P-384", "EC P-521",
		"Ed25519", "Ed448", "RSA-PSS 2048" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(identity) struct identity leaf = { 0 };
		struct credential credential;
		const char *parts;

		make(&leaf, "leaf.example", kinds[i]);
		ask_key(&asking, "a.pem", &leaf);
		ask_certificate(&asking, "b.pem", &leaf);
		ask(&asking);
		read_credential(&asking, &credential, &parts);
		assert_string_equal(credential.key, kinds[i]);
		assert_string_equal(credential.subject, "CN=leaf.example");
		assert_string_equal(credential.issuer, "CN=Test Sub");
		assert_string_equal(credential.names.items[0], "DNS:leaf.example");
		assert_int_equal(credential.not_before, 1767225600);
		assert_true(credential_part(parts, PART_KEY).length > 0);
		assert_string_equal(first_missing(&asking), "");
	}
}

static void the_same_set_gives_the_same_digest_whatever_its_form(void **state)
{
	autodone(buffer) struct buffer pem = { 0 }, store = { 0 };
	const struct pkcs12_recipe recipe = { .identity = &web, .passphrase = "x" };
	autodone(asking) struct asking first = { 0 }, second = { 0 };
	struct credential one, other;
	const char *parts;

	(void)state;
	add_traditional_key(&pem, &web, NULL);
	add_certificate(&pem, &web);
	ask_file(&first, "web.pem", &pem);
	ask(&first);
	read_credential(&first, &one, &parts);

	add_pkcs12(&store, &recipe);
	ask_file(&second, "web.p12", &store);
	ask_passphrases(&second, "wrong\nx\n");
	ask(&second);
	read_credential(&second, &other, &parts);
	assert_string_equal(one.digest, other.digest);
}

static void a_lonely_certificate_waits_for_its_key(void **state)
{
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_certificate(&asking, "a.pem", &web);
	ask(&asking);
	assert_string_equal(state_of(&asking, "a.pem"), "sound");
	assert_string_equal(first_missing(&asking), "the key for CN=web.example");
	assert_int_equal(credentials_in(&asking), 0);
}

static void a_lonely_key_waits_for_its_certificate(void **state)
{
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_key(&asking, "some.key", &web);
	ask(&asking);
	assert_string_equal(first_missing(&asking), "the certificate for the key in some.key");
}

static void a_wrong_key_is_called_wrong(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(identity) struct identity other = { 0 };
	const struct record *second;

	(void)state;
	make(&other, "other.example", "EC P-256");
	ask_certificate(&asking, "cert.pem", &web);
	ask_key(&asking, "key.pem", &other);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 0);
	assert_string_equal(first_missing(&asking),
			"the key for CN=web.example (cert.pem): the key in key.pem is not the key "
			"of that certificate");
	second = asking.records.items[asking.records.count - 1];
	assert_string_equal(record_word(second, 1),
			"the certificate for the key in key.pem: the one in cert.pem has another "
			"key");
}

static void a_certificate_beside_a_key_that_is_not_its_own_is_named(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer mixed = { 0 };

	(void)state;
	add_certificate(&mixed, &root);
	add_key(&mixed, &web, NULL);
	ask_file(&asking, "mix.pem", &mixed);
	ask(&asking);
	assert_string_equal(first_missing(&asking),
			"the certificate for the key in mix.pem: that of CN=Test Root, which is in "
			"it too, belongs to another key");
}

static void the_latest_certificate_comes_first(void **state)
{
	const struct recipe newer_recipe = {
		.name = "newer.example", .issuer = &sub, .not_before = 1780000000
	};
	autodone(identity) struct identity newer = { 0 };
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&newer, &newer_recipe);
	ask_certificate(&asking, "newer.pem", &newer);
	ask_key(&asking, "newer.key", &newer);
	ask_certificate(&asking, "web.pem", &web);
	ask_key(&asking, "web.key", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 2);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=newer.example");
}

static void sixty_four_files_are_answered_and_one_more_is_not(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	char name[32];
	struct error error;

	(void)state;
	for (int i = 0; i < 62; i++) {
		(void)snprintf(name, sizeof(name), "copy-%d.pem", i);
		ask_certificate(&asking, name, &web);
	}
	ask_certificate(&asking, "sub.pem", &sub);
	ask_key(&asking, "key.pem", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 1);
	assert_int_equal(record_rows(asking.arena,
					 records_find(&asking.records, "credential", NULL), "input")
					 .count,
			64);

	ask_key(&asking, "more.pem", &web);
	assert_false(ask_badly(&asking, &error));
	assert_int_equal(error.kind, ERROR_INTERNAL);
}

static void an_authority_without_a_key_is_not_missing_one(void **state)
{
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_certificate(&asking, "web.pem", &web);
	ask_certificate(&asking, "sub.pem", &sub);
	ask_key(&asking, "key.pem", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 1);
	assert_string_equal(first_missing(&asking), "");
}

static void a_self_signed_authority_with_its_key_may_serve(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	ask_certificate(&asking, "root.pem", &root);
	ask_key(&asking, "root.key", &root);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_true(credential.self_signed);
}

static void only_an_authority_waits_for_everything(void **state)
{
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_certificate(&asking, "root.pem", &root);
	ask(&asking);
	assert_string_equal(first_missing(&asking),
			"a certificate and its key: there is only the authority CN=Test Root");
}

/* ---- damage ---- */

static const char *digest_made_of(
		struct asking *asking, const struct buffer *certificate, const struct buffer *key)
{
	struct credential credential;
	const char *parts;

	ask_file(asking, "cert.pem", certificate);
	ask_file(asking, "key.der", key);
	ask(asking);
	if (credentials_in(asking) == 0)
		return NULL;
	read_credential(asking, &credential, &parts);
	return credential.digest;
}

/* A flipped bit may be one that does not matter: then the credential is the same as
 * without it. Another credential has a key that is not the one that was issued. */
static unsigned duds_accepted(const struct identity *leaf, unsigned step, unsigned *refused)
{
	autodone(buffer) struct buffer certificate = { 0 }, key = { 0 };
	autodone(asking) struct asking sound = { 0 };
	const char *expected;
	unsigned duds = 0;

	add_certificate(&certificate, leaf);
	add_key_der(&key, leaf);
	expected = digest_made_of(&sound, &certificate, &key);
	for (size_t bit = 0; bit < 8 * key.length; bit += step) {
		autodone(asking) struct asking asking = { 0 };
		const char *digest;

		key.bytes[bit / 8] = (char)(key.bytes[bit / 8] ^ 1 << bit % 8);
		digest = digest_made_of(&asking, &certificate, &key);
		key.bytes[bit / 8] = (char)(key.bytes[bit / 8] ^ 1 << bit % 8);
		*refused += !digest;
		duds += digest && strcmp(digest, expected) != 0;
	}
	return duds;
}

static void keys_with_a_flipped_bit_are_refused(void **state)
{
	static const struct {
		const char *kind;
		unsigned step;
	} cases[] = { { "RSA 2048", 13 }, { "EC P-256", 1 }, { "Ed25519", 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(identity) struct identity leaf = { 0 };
		unsigned refused = 0, duds;

		make(&leaf, "leaf.example", cases[i].kind);
		duds = duds_accepted(&leaf, cases[i].step, &refused);
		print_message("%s: %u flips refused, %u duds accepted\n", cases[i].kind, refused,
				duds);
		assert_true(refused > 200);
		assert_int_equal(duds, 0);
	}
}

/* ---- the outer edge ---- */

static void requests_of_the_wrong_form_are_errors(void **state)
{
	static const char *const texts[] = { "rule nonsense x y\n", "file a\n",
		"inspect\nfile a\nfile b\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		autodone(asking) struct asking asking = { 0 };
		struct error error;

		buffer_add(&asking.text, texts[i]);
		assert_false(ask_badly(&asking, &error));
		assert_int_equal(error.kind, ERROR_INTERNAL);
	}
}

static void hostile_names_are_shown_harmless(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	const struct recipe recipe = {
		.name = "x\x1b[31m\ncertdrop part: leaf\n\xe2\x80\xae", .issuer = &sub, .names = ""
	};
	autodone(identity) struct identity leaf = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&leaf, &recipe);
	ask_certificate(&asking, "evil\x1b]0;\nname.pem", &leaf);
	ask(&asking);
	assert_null(strchr(first_missing(&asking), '\x1b'));
	assert_null(strchr(first_missing(&asking), '\n'));
	ask_key(&asking, "key.pem", &leaf);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_null(strstr(credential.subject, "\xe2\x80\xae"));
}

/* They lie in memory that is given back as it is. */
static void nothing_is_left_of_an_envelope(void **state)
{
	static const struct gauss_cipher nothing;
	const struct gauss_salts salts = { { 1 }, { 2 }, { 3 } };
	struct input input = { .shown = "server.key.rand" };
	autodone(secret) struct secret passphrase = { 0 };
	struct findings findings;
	struct gauss_cipher files;
	struct envelope *envelope;
	struct error error;

	(void)state;
	secret_append(&passphrase, "Example-12", 10);
	assert_true(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	findings_init(&findings);
	assert_int_equal(envelope_read(&findings, &input,
					 (struct bytes){ files.rand, sizeof(files.rand) }),
			VERDICT_SOUND);
	envelope = findings.envelopes[0];
	assert_memory_not_equal(&envelope->halves, &nothing, sizeof(nothing));
	envelope_release(envelope);
	assert_memory_equal(&envelope->halves, &nothing, sizeof(nothing));
	findings_done(&findings);
}

/* Half a character would make all that is not ASCII in it unreadable in JSON. */
static void a_long_sentence_is_cut_between_characters(void **state)
{
	struct findings findings;
	struct input input = { .shown = "a.jks" };
	char text[2 * ERROR_TEXT_SIZE];

	(void)state;
	findings_init(&findings);
	for (size_t lead = 0; lead < 2; lead++) {
		memset(text, 'x', lead);
		for (size_t i = lead; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xC3\xA4", 3);
		(void)conclude(&findings, &input, VERDICT_REFUSED, "%s", text);
		assert_int_equal((strlen(input.sentence) - strlen("a.jks: ") - lead) % 2, 0);
		findings_remark(&findings, &input, "%s", text);
		assert_string_equal(findings.remarks->text, input.sentence);
	}
	findings_done(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_an_envelope),
		cmocka_unit_test(a_long_sentence_is_cut_between_characters),
		cmocka_unit_test(every_kind_of_key_makes_a_credential),
		cmocka_unit_test(the_same_set_gives_the_same_digest_whatever_its_form),
		cmocka_unit_test(a_lonely_certificate_waits_for_its_key),
		cmocka_unit_test(a_lonely_key_waits_for_its_certificate),
		cmocka_unit_test(a_wrong_key_is_called_wrong),
		cmocka_unit_test(a_certificate_beside_a_key_that_is_not_its_own_is_named),
		cmocka_unit_test(the_latest_certificate_comes_first),
		cmocka_unit_test(sixty_four_files_are_answered_and_one_more_is_not),
		cmocka_unit_test(an_authority_without_a_key_is_not_missing_one),
		cmocka_unit_test(a_self_signed_authority_with_its_key_may_serve),
		cmocka_unit_test(only_an_authority_waits_for_everything),
		cmocka_unit_test(keys_with_a_flipped_bit_are_refused),
		cmocka_unit_test(requests_of_the_wrong_form_are_errors),
		cmocka_unit_test(hostile_names_are_shown_harmless),
	};

	return cmocka_run_group_tests(tests, make_material, drop_material);
}
