#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/inspecting.h"
#include "tests/unit/java.h"
#include "tests/unit/owners.h"

static void expect(struct asking *asking, const char *state, const char *sentence)
{
	ask(asking);
	if (strcmp(state_of(asking, "a.p12"), state) != 0 ||
			!strstr(sentence_of(asking, "a.p12"), sentence))
		fail_msg("%s: %s", state_of(asking, "a.p12"), sentence_of(asking, "a.p12"));
}

static void ask_for(struct asking *asking, const char *alias, const struct buffer *store,
		const char *passphrases)
{
	buffer_add(&asking->text, "inspect test\n");
	if (alias)
		buffer_printf(&asking->text, "\tkey-alias \"%s\"\n", alias);
	ask_passphrases(asking, passphrases);
	ask_file(asking, "a.p12", store);
}

static void add_two_keys(struct buffer *store)
{
	const struct pkcs12_entry entries[] = {
		{ .identity = &web, .alias = "web server", .key_password = "key one" },
		{ .identity = &other, .alias = "other", .key_password = "store" },
		{ .identity = &peer, .alias = "peer", .trusted = true },
		{ .identity = &authority, .alias = "root", .trusted = true },
	};

	add_pkcs12_entries(store, entries, 4, "store");
}

static void the_alias_chooses(void **state)
{
	static const struct {
		const char *alias, *passphrases, *subject;
	} cases[] = {
		{ "WEB server", "store\nkey one\n", "CN=web.example" },
		{ "Other", "store\n", "CN=other.example" },
	};
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_two_keys(&store);
	for (size_t i = 0; i < 2; i++) {
		autodone(asking) struct asking asking = { 0 };
		struct credential credential;
		const char *parts;

		ask_for(&asking, cases[i].alias, &store, cases[i].passphrases);
		expect(&asking, "sound", "");
		assert_string_equal(first_missing(&asking), "");
		assert_int_equal(credentials_in(&asking), 1);
		read_credential(&asking, &credential, &parts);
		assert_string_equal(credential.subject, cases[i].subject);
	}
}

static void what_is_wrong_is_told_apart(void **state)
{
	static const struct {
		const char *alias, *passphrases, *sentence;
	} cases[] = {
		{ NULL, "store\nkey one\n",
				"holds 2 private keys; the setting key-alias says which one to take: \"web server\" and \"other\"" },
		{ "peer", "store\n", "holds no private key called \"peer\"" },
		{ "web server", "store\n",
				"opens the PKCS#12, but not the private key \"web server\" in it" },
		{ "web server", "key one\n",
				"the PKCS#12 is encrypted, and the passphrase given does not" },
	};
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_two_keys(&store);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };

		ask_for(&asking, cases[i].alias, &store, cases[i].passphrases);
		expect(&asking, "refused", cases[i].sentence);
		assert_int_equal(credentials_in(&asking), 0);
	}
}

/* Where a product asks for a client pair, both may come in one store. */
static void a_client_pair_may_be_in_the_same_store(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_two_keys(&store);
	ask_rule(&asking, "inspect test\nrule parts \"the product\" client-leaf client-key");
	ask_passphrases(&asking, "store\nkey one\n");
	ask_file(&asking, "a.p12", &store);
	expect(&asking, "sound", "");
}

static void entries_without_a_name_are_numbered(void **state)
{
	const struct pkcs12_entry entries[] = {
		{ .identity = &web, .key_password = "x" },
		{ .identity = &other, .key_password = "x" },
	};
	autodone(asking) struct asking asking = { 0 }, unclear = { 0 };
	autodone(buffer) struct buffer store = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_pkcs12_entries(&store, entries, 2, "x");
	ask_for(&asking, "2", &store, "x\n");
	expect(&asking, "sound", "");
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=other.example");
	ask_for(&unclear, NULL, &store, "x\n");
	expect(&unclear, "refused", "\"1\" and \"2\"");
}

static void a_trust_store_is_told_from_a_key_store(void **state)
{
	const struct pkcs12_entry entries[] = {
		{ .identity = &authority, .alias = "root", .trusted = true },
	};
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_pkcs12_entries(&store, entries, 1, "x");
	ask_for(&asking, NULL, &store, "x\n");
	expect(&asking, "refused",
			"is a trust store, with 1 trusted certificate and no private key");
}

static void nobody_waits_for_the_keys_of_peers(void **state)
{
	const struct pkcs12_entry entries[] = {
		{ .identity = &web, .alias = "web", .key_password = "x" },
		{ .identity = &peer, .alias = "peer", .trusted = true },
	};
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer store = { 0 };

	(void)state;
	add_pkcs12_entries(&store, entries, 2, "x");
	ask_for(&asking, NULL, &store, "x\n");
	expect(&asking, "sound", "");
	assert_int_equal(credentials_in(&asking), 1);
	assert_string_equal(first_missing(&asking), "");
}

/* What a file may cost is counted over all that is in it. */
static void stores_without_a_seal_in_an_archive_share_one_cap(void **state)
{
	static const char *const names[] = { "one.p12", "two.p12" };
	const struct pkcs12_recipe recipe = {
		.identity = &web, .passphrase = "store", .seal_iterations = -1
	};
	struct buffer stores[2] = { 0 };

	(void)state;
	add_pkcs12(&stores[0], &recipe);
	add_pkcs12(&stores[1], &recipe);
	for (size_t count = 1; count <= 2; count++) {
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer archive = { 0 };

		add_zip(&archive, names, stores, count);
		buffer_add(&asking.text, "inspect test\n\tderivations 5000\n");
		ask_passphrases(&asking, "store\n");
		ask_file(&asking, "a.zip", &archive);
		ask(&asking);
		assert_string_equal(state_of(&asking, "a.zip"), count == 1 ? "sound" : "refused");
		assert_string_equal(sentence_of(&asking, "a.zip"),
				count == 1 ? ""
					   : "a.zip/two.p12: asks for 6144 password iterations; at "
					     "most 5000 are allowed");
	}
	buffer_done(&stores[0]);
	buffer_done(&stores[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_without_a_seal_in_an_archive_share_one_cap),
		cmocka_unit_test(the_alias_chooses),
		cmocka_unit_test(what_is_wrong_is_told_apart),
		cmocka_unit_test(a_client_pair_may_be_in_the_same_store),
		cmocka_unit_test(entries_without_a_name_are_numbered),
		cmocka_unit_test(a_trust_store_is_told_from_a_key_store),
		cmocka_unit_test(nobody_waits_for_the_keys_of_peers),
	};

	return cmocka_run_group_tests(tests, make_identities, drop_identities);
}
