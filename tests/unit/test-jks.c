#include "tests/unit/unit.h"

#include <string.h>

#include "controller/formats/java-protection.h"
#include "tests/unit/inspecting.h"
#include "tests/unit/java.h"
#include "tests/unit/owners.h"

static void ask_key_passphrases(struct asking *asking, const char *lines)
{
	ask_passphrases(asking, lines);
	/* The same, but for the word before it. */
	asking->text.length -= strlen("passphrases\n");
	buffer_add(&asking->text, "key-passphrases\n");
}

static void add_two_keys(struct buffer *store)
{
	const struct jks_recipe first = { &web, &authority, "Web-Server", "key one" };
	const struct jks_recipe second = { &other, NULL, "other", "store" };
	autodone(buffer) struct buffer entries = { 0 };

	add_jks_key(&entries, &first);
	add_jks_key(&entries, &second);
	add_jks_trusted(&entries, "peer", &peer);
	add_jks(store, 3, &entries, "store");
}

static void expect(struct asking *asking, const char *state, const char *sentence)
{
	ask(asking);
	if (strcmp(state_of(asking, "a.jks"), state) != 0 ||
			!strstr(sentence_of(asking, "a.jks"), sentence))
		fail_msg("%s: %s", state_of(asking, "a.jks"), sentence_of(asking, "a.jks"));
}

/* NULL: the bytes are not in it. */
static char *find(const struct buffer *in, size_t from, const char *bytes, size_t length)
{
	for (size_t at = from; at + length <= in->length; at++)
		if (memcmp(in->bytes + at, bytes, length) == 0)
			return in->bytes + at;
	return NULL;
}

/* ---- what is read ---- */

static void a_store_with_one_password(void **state)
{
	/* ASCII, UTF-8 with a character beyond the first plane, and Latin-1. */
	static const char *const passwords[] = { "changeit", "p\xc3\xa4ss \xf0\x9f\x94\x91",
		"p\xe4ss" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer store = { 0 };
		struct credential credential;
		const char *parts;

		add_simple_jks(&store, &web, passwords[i]);
		ask_passphrases(&asking, passwords[i]);
		ask_file(&asking, "a.jks", &store);
		expect(&asking, "sound", "");
		read_credential(&asking, &credential, &parts);
		assert_string_equal(credential.subject, "CN=web.example");
	}
}

static void passwords_are_utf_16(void **state)
{
	static const unsigned char units[] = "\0c\0h\0a\0n\0g\0e\0i\0t";
	autodone(secret) struct secret password = { 0 };

	(void)state;
	java_password("changeit", &password);
	assert_int_equal(password.length, 16);
	assert_memory_equal(password.bytes, units, 16);
	password.length = 0;
	java_password("\xf0\x9f\x94\x91", &password);
	assert_int_equal(password.length, 4);
	assert_memory_equal(password.bytes, "\xd8\x3d\xdd\x11", 4);
}

static void a_key_with_a_password_of_its_own(void **state)
{
	static const struct {
		const char *lines, *key_lines, *state, *sentence;
	} cases[] = {
		{ "store\n", "no\nkey one\n", "sound", "" },
		{ "no\nstore\nkey one\n", NULL, "sound", "" },
		{ "store\n", NULL, "refused",
				"the passphrase opens the Java key store (JKS), but not the private "
				"key \"web-server\" in it, which has one of its own" },
		{ "store\n", "no\nstill no\n", "refused",
				"\"web-server\" in it, nor does one of the key-passphrases" },
		{ "key one\n", "store\n", "refused",
				"the passphrase given is not the password of the Java key store" },
		{ "a\nb\n", "key one\n", "refused", "none of the passphrases given is the" },
		{ "", NULL, "refused", "sealed with a password, and no passphrase was given" },
	};
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_two_keys(&store);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };

		buffer_add(&asking.text, "inspect test\n\tkey-alias WEB-SERVER\n");
		ask_passphrases(&asking, cases[i].lines);
		if (cases[i].key_lines)
			ask_key_passphrases(&asking, cases[i].key_lines);
		ask_file(&asking, "a.jks", &store);
		expect(&asking, cases[i].state, cases[i].sentence);
		assert_int_equal(credentials_in(&asking), strcmp(cases[i].state, "sound") == 0);
	}
}

static void only_what_belongs_to_the_chosen_key_is_taken(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer store = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_two_keys(&store);
	buffer_add(&asking.text, "inspect test\n\tkey-alias oTHER\n");
	ask_passphrases(&asking, "store\n");
	ask_file(&asking, "a.jks", &store);
	expect(&asking, "sound", "");
	assert_string_equal(first_missing(&asking), "");
	assert_int_equal(credentials_in(&asking), 1);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=other.example");
}

static void which_key_has_to_be_clear(void **state)
{
	static const struct {
		const char *head, *sentence;
	} cases[] = {
		{ "inspect test\n",
				"holds 2 private keys; the setting key-alias says which one to take: "
				"\"web-server\" and \"other\"" },
		{ "inspect test\n\tkey-alias wep\n",
				"holds no private key called \"wep\", but \"web-server\" and \"other\"" },
		{ "inspect test\n\tkey-alias peer\n", "holds no private key called \"peer\"" },
	};
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_two_keys(&store);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };

		buffer_add(&asking.text, cases[i].head);
		ask_passphrases(&asking, "store\nkey one\n");
		ask_file(&asking, "a.jks", &store);
		expect(&asking, "refused", cases[i].sentence);
	}
}

static void a_trust_store_is_told_from_a_key_store(void **state)
{
	autodone(asking) struct asking alone = { 0 }, with_pair = { 0 };
	autodone(buffer) struct buffer entries = { 0 }, store = { 0 }, pair = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_jks_trusted(&entries, "root", &authority);
	add_jks_trusted(&entries, "peer", &peer);
	add_jks(&store, 2, &entries, "store");
	ask_passphrases(&alone, "store\n");
	ask_file(&alone, "a.jks", &store);
	expect(&alone, "refused",
			"a.jks: is a trust store, with 2 trusted certificates and no private key");

	add_certificate(&pair, &web);
	add_key(&pair, &web, NULL);
	ask_rule(&with_pair, "rule parts \"the product\" leaf key ca");
	ask_passphrases(&with_pair, "store\n");
	ask_file(&with_pair, "a.jks", &store);
	ask_file(&with_pair, "pair.pem", &pair);
	expect(&with_pair, "sound", "");
	assert_string_equal(first_missing(&with_pair), "");
	read_credential(&with_pair, &credential, &parts);
	assert_true(words_contain(credential.parts, "ca"));
}

/* Version 1 has no type before a certificate. */
static void the_first_version_is_read_too(void **state)
{
	static const char type[] = "\0\5X.509";
	const struct jks_recipe recipe = { &web, &authority, "web", "x" };
	autodone(buffer) struct buffer entries = { 0 }, old = { 0 }, store = { 0 };
	autodone(secret) struct secret password = { 0 };
	autodone(asking) struct asking asking = { 0 };
	struct java_digest seal;
	size_t from = 0;
	const char *at;

	(void)state;
	add_jks_key(&entries, &recipe);
	while ((at = find(&entries, from, type, 7))) {
		buffer_append(&old, entries.bytes + from, (size_t)(at - entries.bytes) - from);
		from = (size_t)(at - entries.bytes) + 7;
	}
	buffer_append(&old, entries.bytes + from, entries.length - from);
	assert_int_equal(entries.length - old.length, 2 * 7);
	add_jks(&store, 1, &old, "x");
	store.bytes[7] = 1;
	java_password("x", &password);
	seal = java_seal(&password, store.bytes, store.length - JAVA_DIGEST_SIZE);
	memcpy(store.bytes + store.length - JAVA_DIGEST_SIZE, seal.bytes, JAVA_DIGEST_SIZE);
	ask_passphrases(&asking, "x\n");
	ask_file(&asking, "a.jks", &store);
	expect(&asking, "sound", "");
}

static void a_store_in_an_archive(void **state)
{
	static const char *const names[] = { "web.jks" };
	autodone(buffer) struct buffer store = { 0 }, archive = { 0 };
	autodone(asking) struct asking asking = { 0 }, closed = { 0 };

	(void)state;
	add_simple_jks(&store, &web, "x");
	add_zip(&archive, names, &store, 1);
	ask_passphrases(&asking, "x\n");
	ask_file(&asking, "a.jks", &archive);
	expect(&asking, "sound", "");
	assert_int_equal(credentials_in(&asking), 1);
	ask_file(&closed, "a.jks", &archive);
	expect(&closed, "refused", "a.jks/web.jks: the Java key store (JKS) is sealed");
}

/* ---- what is not ---- */

static void a_growing_store_is_never_refused(void **state)
{
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_two_keys(&store);
	for (size_t length = 1; length < store.length; length += 7) {
		autodone(asking) struct asking asking = { 0 };

		ask_passphrases(&asking, "store\n");
		ask_bytes(&asking, "a.jks", store.bytes, length);
		expect(&asking, "incomplete", "");
	}
}

static void what_follows_the_seal_is_not_looked_at(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_simple_jks(&store, &web, "x");
	buffer_add(&store, "left over");
	ask_passphrases(&asking, "x\n");
	ask_file(&asking, "a.jks", &store);
	expect(&asking, "sound", "");
}

static void no_changed_byte_goes_unnoticed(void **state)
{
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_simple_jks(&store, &web, "x");
	for (size_t at = 0; at < store.length; at += 13) {
		autodone(asking) struct asking asking = { 0 };

		store.bytes[at] ^= 0x10;
		ask_passphrases(&asking, "x\n");
		ask_file(&asking, "a.jks", &store);
		ask(&asking);
		assert_string_not_equal(state_of(&asking, "a.jks"), "sound");
		assert_int_equal(credentials_in(&asking), 0);
		store.bytes[at] ^= 0x10;
	}
}

static void impossible_lengths_are_not_waited_for(void **state)
{
	static const struct {
		size_t at;
		const char *bytes, *sentence;
	} cases[] = {
		{ 4, "\0\0\0\3", "a version that is not known" },
		{ 8, "\0\0\4\1", "more than 1024 entries" },
		{ 12, "\0\0\0\3", "neither a private key nor a trusted certificate" },
		{ 29, "\0\0\x40\1", "a private key of more than 16 KiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer store = { 0 };

		add_simple_jks(&store, &web, "x");
		memcpy(store.bytes + cases[i].at, cases[i].bytes, 4);
		ask_bytes(&asking, "a.jks", store.bytes, 40);
		expect(&asking, "refused", cases[i].sentence);
	}
}

static void chains_and_certificates_are_bounded(void **state)
{
	static const char type[] = "\0\5X.509";
	static const struct {
		int from_type;
		const char *bytes, *sentence;
	} cases[] = {
		{ -4, "\0\0\0\x65", "a chain of more than 100 certificates" },
		{ 3, "Y.50", "a certificate that is not X.509" },
		{ 7, "\0\1\0\1", "a certificate of more than 64 KiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer store = { 0 };
		char *at;

		add_simple_jks(&store, &web, "x");
		at = find(&store, 0, type, 7);
		assert_non_null(at);
		memcpy(at + cases[i].from_type, cases[i].bytes, 4);
		ask_file(&asking, "a.jks", &store);
		expect(&asking, "refused", cases[i].sentence);
	}
}

static void another_protection_of_the_key_is_told(void **state)
{
	static const char sun[] = "\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01";
	const struct jks_recipe recipe = { &web, NULL, "web", "x" };
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer entries = { 0 }, store = { 0 };
	char *at;

	(void)state;
	add_jks_key(&entries, &recipe);
	at = find(&entries, 0, sun, 10);
	assert_non_null(at);
	at[9] = 2;
	add_jks(&store, 1, &entries, "x");
	ask_passphrases(&asking, "x\n");
	ask_file(&asking, "a.jks", &store);
	expect(&asking, "refused", "protected in a way that is not known here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_with_one_password),
		cmocka_unit_test(passwords_are_utf_16),
		cmocka_unit_test(a_key_with_a_password_of_its_own),
		cmocka_unit_test(only_what_belongs_to_the_chosen_key_is_taken),
		cmocka_unit_test(which_key_has_to_be_clear),
		cmocka_unit_test(a_trust_store_is_told_from_a_key_store),
		cmocka_unit_test(the_first_version_is_read_too),
		cmocka_unit_test(a_store_in_an_archive),
		cmocka_unit_test(a_growing_store_is_never_refused),
		cmocka_unit_test(what_follows_the_seal_is_not_looked_at),
		cmocka_unit_test(no_changed_byte_goes_unnoticed),
		cmocka_unit_test(impossible_lengths_are_not_waited_for),
		cmocka_unit_test(chains_and_certificates_are_bounded),
		cmocka_unit_test(another_protection_of_the_key_is_told),
	};

	return cmocka_run_group_tests(tests, make_identities, drop_identities);
}
