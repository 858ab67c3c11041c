#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "controller/base/digest.h"
#include "tests/unit/inspecting.h"
#include "tests/unit/material.h"

static struct identity root, sub, low, web, other_root;

static int make_material(void **state)
{
	const struct recipe root_recipe = { .name = "Root", .authority = true };
	const struct recipe sub_recipe = { .name = "Sub", .authority = true, .issuer = &root };
	const struct recipe low_recipe = { .name = "Low", .authority = true, .issuer = &sub };
	const struct recipe web_recipe = { .name = "web.example",
		.issuer = &low,
		.usages = "serverAuth",
		.names = "DNS:web.example,DNS:*.pods.example,IP:192.0.2.1,IP:2001:db8::1" };
	const struct recipe other_recipe = { .name = "Other Root", .authority = true };

	(void)state;
	identity_make(&root, &root_recipe);
	identity_make(&sub, &sub_recipe);
	identity_make(&low, &low_recipe);
	identity_make(&web, &web_recipe);
	identity_make(&other_root, &other_recipe);
	return 0;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&root);
	identity_done(&sub);
	identity_done(&low);
	identity_done(&web);
	identity_done(&other_root);
	return 0;
}

/* ---- asking ---- */

static void drop_pair(struct asking *asking, const char *name, const struct identity *who)
{
	autodone(buffer) struct buffer text = { 0 };

	add_certificate(&text, who);
	add_key(&text, who, NULL);
	ask_file(asking, name, &text);
}

static void drop_certificates(struct asking *asking, const struct identity *const who[])
{
	autodone(buffer) struct buffer text = { 0 };

	for (; *who; who++)
		add_certificate(&text, *who);
	ask_file(asking, "others.pem", &text);
}

static void know(struct asking *asking, const struct identity *authority)
{
	autodone(buffer) struct buffer text = { 0 };

	add_certificate(&text, authority);
	ask_authorities(asking, &text);
}

/* Under one rule this pair is refused, or (no sentence) accepted. */
static void expect_refusal(const struct identity *who, const char *rule, const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };

	ask_rule(&asking, rule);
	drop_pair(&asking, "pair.pem", who);
	ask(&asking);
	if (strcmp(first_refused(&asking), sentence) != 0)
		fail_msg("%s\nwanted \"%s\", got: %s", rule, sentence,
				buffer_text(&asking.reply.text));
	assert_int_equal(credentials_in(&asking), *sentence ? 0 : 1);
}

static void expect_refusal_of(const struct recipe *recipe, const char *rule, const char *sentence)
{
	autodone(identity) struct identity who = { 0 };

	identity_make(&who, recipe);
	expect_refusal(&who, rule, sentence);
}

/* ---- rules ---- */

static void keys_are_held_to_the_rules(void **state)
{
	static const struct {
		struct recipe recipe;
		const char *rule, *sentence;
	} cases[] = {
		{ { "a", "RSA 4096" },
				"rule rsa-bits 2048 3072 \"PingDirectory inter-server certificates\"",
				"RSA key has 4096 bits; PingDirectory inter-server certificates allow "
				"2048 to 3072" },
		{ { "a", "RSA 2048" }, "rule rsa-bits 3072 0 P",
				"RSA key has 2048 bits; P allow at least 3072" },
		{ { "a", "RSA 2048" }, "rule rsa-bits 3072 3072 P",
				"RSA key has 2048 bits; P allow only 3072" },
		{ { "a", "RSA 2048" }, "rule rsa-bits 2048 3072 P", "" },
		{ { "a", "EC P-256" }, "rule rsa-bits 2048 3072 P", "" },
		{ { "a", "EC P-256" }, "rule key-types P RSA", "the key is EC P-256; P allow RSA" },
		{ { "a", "EC P-256" },
				"rule key-types \"the target's setting `key-types`\" RSA Ed448",
				"the key is EC P-256; the target's setting `key-types` allows RSA, "
				"Ed448" },
		{ { "a", "Ed25519" }, "rule key-types P RSA Ed25519", "" },
		{ { "a", "RSA-PSS 2048" }, "rule key-types P RSA",
				"the key is RSA-PSS 2048; P allow RSA" },
		{ { "a", "EC P-384" }, "rule ec-curves P P-256 P-521",
				"the EC key is on P-384; P allow P-256, P-521" },
		{ { "a", "EC P-256" }, "rule ec-curves P P-256", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_refusal_of(&cases[i].recipe, cases[i].rule, cases[i].sentence);
}

static void certificates_are_held_to_the_rules(void **state)
{
	static const struct {
		struct recipe recipe;
		const char *rule, *sentence;
	} cases[] = {
		{ { "a", .digest = "SHA1" }, "rule signatures P MD5 SHA1",
				"the certificate of CN=a is signed with SHA1; P refuse MD5, SHA1" },
		{ { "a" }, "rule signatures P MD5 SHA1", "" },
		{ { "a", "RSA-PSS 2048" }, "rule signatures P SHA1 RSASSA-PSS",
				"the certificate of CN=a is signed with RSASSA-PSS; P refuse SHA1, "
				"RSASSA-PSS" },
		{ { "a", "RSA-PSS 2048" }, "rule signatures P SHA1", "" },
		{ { "a", "RSA 2048" }, "rule signatures P SHA1 RSASSA-PSS", "" },
		{ { "a", .usages = "clientAuth" }, "rule usages P serverAuth",
				"the certificate of CN=a may not be used for serverAuth; P ask for "
				"serverAuth" },
		{ { "a", .usages = "anyExtendedKeyUsage" }, "rule usages P serverAuth", "" },
		{ { "a" }, "rule usages P serverAuth", "" },
		{ { "a", .version_1 = true }, "rule version-3 P",
				"the certificate of CN=a is X.509 version 1; P allow version 3 only" },
		{ { "a" }, "rule version-3 P", "" },
		{ { "a" }, "rule not-self-signed P",
				"the certificate of CN=a is self-signed; P allow others only" },
		{ { "a", .issuer = &root }, "rule not-self-signed P", "" },
		{ { "plain.example", .names = "" }, "rule names P plain.example", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_refusal_of(&cases[i].recipe, cases[i].rule, cases[i].sentence);
}

static void names_are_covered_as_tls_clients_see_it(void **state)
{
	(void)state;
	expect_refusal(&web, "rule names P web.example", "");
	expect_refusal(&web, "rule names P WEB.example a.pods.example", "");
	expect_refusal(&web, "rule names P *.pods.example 192.0.2.1 2001:db8:0:0::1", "");
	expect_refusal(&web, "rule names P a.b.pods.example",
			"the certificate of CN=web.example does not cover the name a.b.pods.example; "
			"P ask for it");
	expect_refusal(&web, "rule names P pods.example",
			"the certificate of CN=web.example does not cover the name pods.example; P "
			"ask for it");
	expect_refusal(&web, "rule names P 192.0.2.2",
			"the certificate of CN=web.example does not cover the name 192.0.2.2; P ask "
			"for it");
}

/* No rule here: whether it matters depends on what the product's version is. */
static void who_has_no_common_name_is_told(void **state)
{
	const struct recipe recipe = { .names = "DNS:web.example" };
	autodone(asking) struct asking without = { 0 }, with = { 0 };
	autodone(identity) struct identity nobody = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&nobody, &recipe);
	drop_pair(&without, "pair.pem", &nobody);
	ask(&without);
	read_credential(&without, &credential, &parts);
	assert_int_equal(credential.unnamed.count, 1);
	drop_pair(&with, "pair.pem", &web);
	ask(&with);
	read_credential(&with, &credential, &parts);
	assert_int_equal(credential.unnamed.count, 0);
}

static void a_short_life_is_a_warning(void **state)
{
	const struct recipe recipe = { .name = "a", .days = 30 };
	autodone(identity) struct identity who = { 0 };
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&who, &recipe);
	ask_rule(&asking, "rule validity 365 0 P");
	drop_pair(&asking, "pair.pem", &who);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"the certificate of CN=a is valid for 30 days in all; P ask for 365");
}

static void a_usage_that_is_only_advised_is_a_warning(void **state)
{
	const struct recipe recipe = { .name = "a", .usages = "serverAuth" };
	autodone(identity) struct identity who = { 0 };
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&who, &recipe);
	ask_rule(&asking, "rule usages-advised P serverAuth clientAuth");
	drop_pair(&asking, "pair.pem", &who);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"the certificate of CN=a may not be used for clientAuth; P ask for serverAuth, "
			"clientAuth");
}

/* ---- chains ---- */

static void expect_chain(struct asking *asking, const struct identity *const links[])
{
	struct credential credential;
	const char *parts;
	size_t count = 0;

	ask(asking);
	read_credential(asking, &credential, &parts);
	for (; links[count]; count++) {
		autodone(buffer) struct buffer der = { 0 };

		add_certificate_der(&der, links[count]);
		assert_true(count < credential.chain.count);
		assert_string_equal(credential.chain.items[count],
				digest_of(der.bytes, der.length).hex);
	}
	assert_int_equal(credential.chain.count, count);
}

static void chains_are_put_in_order_without_what_does_not_belong(void **state)
{
	static const struct identity *const dropped[] = { &root, &other_root, &sub, &low, &sub,
		NULL };
	static const struct identity *const wanted[] = { &low, &sub, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	expect_chain(&asking, wanted);
}

static void what_is_left_out_is_told(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	add_certificate(&text, &web);
	add_certificate(&text, &low);
	add_certificate(&text, &other_root);
	add_key(&text, &web, NULL);
	ask_file(&asking, "all.pem", &text);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"the certificate of CN=Other Root in all.pem belongs to no chain and is "
			"left out");
}

static void the_root_comes_along_when_asked_for(void **state)
{
	static const struct identity *const dropped[] = { &root, &sub, &low, NULL };
	static const struct identity *const wanted[] = { &low, &sub, &root, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_rule(&asking, "rule chain P root");
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	expect_chain(&asking, wanted);
}

static void chains_are_completed_from_the_authorities(void **state)
{
	static const struct identity *const dropped[] = { &low, NULL };
	static const struct identity *const wanted[] = { &low, &sub, NULL };
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer known = { 0 };
	const struct record *credential;

	(void)state;
	ask_rule(&asking, "rule chain P complete");
	add_certificate(&known, &root);
	add_certificate(&known, &sub);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask_authorities(&asking, &known);
	expect_chain(&asking, wanted);
	credential = records_find(&asking.records, "credential", NULL);
	assert_int_equal(record_rows(asking.arena, credential, "input").count, 2);
}

static void an_incomplete_chain_waits_for_its_next_link(void **state)
{
	static const struct identity *const dropped[] = { &low, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_rule(&asking, "rule chain P complete");
	know(&asking, &root);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 0);
	assert_string_equal(
			first_missing(&asking), "the certificate of CN=Sub, which issued CN=Low");
}

static void a_chain_to_an_unknown_root_is_refused(void **state)
{
	static const struct identity *const dropped[] = { &low, &sub, &root, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_rule(&asking, "rule chain P complete");
	know(&asking, &other_root);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask(&asking);
	assert_string_equal(first_refused(&asking),
			"the chain of CN=web.example ends at CN=Root, which is not among the known "
			"authorities; P ask for a complete chain");
}

/* An authority of the right name with another key. */
static void names_alone_do_not_make_a_chain(void **state)
{
	const struct recipe recipe = { .name = "Low", .authority = true, .issuer = &sub };
	static const struct identity *const wanted[] = { NULL };
	autodone(identity) struct identity imposter = { 0 };
	const struct identity *const dropped[] = { &imposter, &sub, NULL };
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	identity_make(&imposter, &recipe);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	expect_chain(&asking, wanted);
}

/* Two roots that signed each other. */
static void cross_signed_authorities_do_not_go_round_in_circles(void **state)
{
	const struct recipe recipes[] = {
		{ "Root", .authority = true, .issuer = &other_root, .with_key = root.key },
		{ "Other Root", .authority = true, .issuer = &root, .with_key = other_root.key },
	};
	autodone(identity) struct identity one = { 0 }, two = { 0 };
	const struct identity *const dropped[] = { &one, &two, &sub, &low, NULL };
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	identity_make(&one, &recipes[0]);
	identity_make(&two, &recipes[1]);
	drop_certificates(&asking, dropped);
	drop_pair(&asking, "pair.pem", &web);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.chain.count, 4);
}

/* Every authority certified by every other one: a maze. */
static void a_maze_of_authorities_ends(void **state)
{
	enum { COUNT = 12 };
	struct identity first[COUNT] = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	autodone(identity) struct identity leaf = { 0 };
	const struct recipe leaf_recipe = { .name = "leaf", .issuer = &first[0] };
	autodone(asking) struct asking asking = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		const struct recipe recipe = { .name = name, .authority = true };

		(void)snprintf(name, sizeof(name), "A%d", i);
		identity_make(&first[i], &recipe);
	}
	for (int i = 0; i < COUNT * COUNT; i++) {
		const struct recipe recipe = { .name = name,
			.authority = true,
			.with_key = first[i / COUNT].key,
			.issuer = &first[i % COUNT] };
		struct identity cross = { 0 };

		if (i / COUNT == i % COUNT)
			continue;
		(void)snprintf(name, sizeof(name), "A%d", i / COUNT);
		identity_make(&cross, &recipe);
		add_certificate(&text, &cross);
		identity_done(&cross);
	}
	identity_make(&leaf, &leaf_recipe);
	ask_rule(&asking, "rule chain P complete");
	ask_file(&asking, "maze.pem", &text);
	drop_pair(&asking, "pair.pem", &leaf);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 0);
	assert_memory_equal(first_missing(&asking), "the certificate of CN=A", 23);
	for (int i = 0; i < COUNT; i++)
		identity_done(&first[i]);
}

/* ---- parts ---- */

static void parts_that_are_asked_for_are_waited_for(void **state)
{
	static const struct {
		const char *part, *missing;
	} cases[] = {
		{ "ca", "the certificate of the authority (CA) that goes with CN=web.example" },
		{ "crl", "the revocation list (CRL) that goes with CN=web.example" },
		{ "chain", "the certificate of the issuer that goes with CN=web.example" },
		{ "client-leaf",
				"the client pair (certificate and key) that goes with CN=web.example" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(asking) struct asking asking = { 0 };
		char rule[64];

		(void)snprintf(rule, sizeof(rule), "rule parts P leaf key %s", cases[i].part);
		ask_rule(&asking, rule);
		drop_pair(&asking, "pair.pem", &web);
		ask(&asking);
		assert_string_equal(first_missing(&asking), cases[i].missing);
		assert_int_equal(credentials_in(&asking), 0);
	}
}

static void authorities_become_a_part_only_when_asked_for(void **state)
{
	static const struct identity *const dropped[] = { &root, &low, NULL };

	(void)state;
	for (int asked = 0; asked < 2; asked++) {
		autodone(asking) struct asking asking = { 0 };
		struct credential credential;
		const char *parts;

		if (asked)
			ask_rule(&asking, "rule parts P ca");
		drop_certificates(&asking, dropped);
		drop_pair(&asking, "pair.pem", &web);
		ask(&asking);
		read_credential(&asking, &credential, &parts);
		assert_int_equal(words_contain(credential.parts, "ca"), asked);
	}
}

static void expect_client_for(bool by_name, const struct recipe *server, const char *server_file,
		const struct recipe *client, const char *client_file)
{
	autodone(identity) struct identity one = { 0 }, two = { 0 };
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	identity_make(&one, server);
	identity_make(&two, client);
	ask_rule(&asking, "rule parts P leaf key client-leaf client-key");
	ask_rule(&asking, "rule usages P serverAuth");
	if (by_name)
		ask_rule(&asking, "rule names P server");
	drop_pair(&asking, client_file, &two);
	drop_pair(&asking, server_file, &one);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=server");
	assert_non_null(credential.client_fingerprint);
	assert_true(credential_part(parts, PART_CLIENT_KEY).length > 0);
}

static void expect_client(const struct recipe *server, const char *server_file,
		const struct recipe *client, const char *client_file)
{
	expect_client_for(false, server, server_file, client, client_file);
}

static void of_two_pairs_what_is_known_of_one_tells_the_other(void **state)
{
	const struct recipe server_only = { .name = "server", .usages = "serverAuth" };
	const struct recipe server = { .name = "server", .usages = "serverAuth,clientAuth" };
	const struct recipe client = { .name = "client", .usages = "serverAuth,clientAuth" };
	const struct recipe any_client = { .name = "client" };

	(void)state;
	expect_client(&server_only, "a.pem", &any_client, "b.pem");
	expect_client(&server, "server.pem", &client, "app.pem");
	expect_client(&server, "db.pem", &any_client, "client.pem");
	expect_client_for(true, &server, "a.pem", &client, "b.pem");
	expect_client_for(true, &server, "client-and-server.pem", &any_client, "b.pem");
}

/* Three pairs at most. */
static void expect_lacking(const char *names, const struct recipe recipes[], size_t count,
		const char *refused, const char *missing)
{
	static const char *const files[] = { "a.pem", "b.pem", "c.pem" };
	autodone(identity) struct identity one = { 0 }, two = { 0 }, three = { 0 };
	struct identity *const who[] = { &one, &two, &three };
	autodone(asking) struct asking asking = { 0 };

	ask_rule(&asking, "rule parts P leaf key client-leaf client-key");
	if (names)
		ask_rule(&asking, names);
	for (size_t i = 0; i < count; i++) {
		identity_make(who[i], &recipes[i]);
		drop_pair(&asking, files[i], who[i]);
	}
	ask(&asking);
	assert_string_equal(first_refused(&asking), refused);
	assert_string_equal(first_missing(&asking), missing);
	assert_int_equal(credentials_in(&asking), 0);
}

#define APART(whose)                                                                       \
	"it cannot be told which pair is the server's and which the clients', " whose      \
	": name the files server.* and client.*, or have them issued with serverAuth and " \
	"clientAuth"

static void which_pairs_cannot_be_told_apart_is_said_and_how_they_can(void **state)
{
	const struct recipe any[] = { { "one" }, { "two" } };
	const struct recipe both[] = { { "one", .usages = "serverAuth,clientAuth" },
		{ "two", .usages = "serverAuth,clientAuth" } };
	const struct recipe neither[] = { { "one", .usages = "codeSigning" },
		{ "two", .usages = "emailProtection" } };
	const struct recipe three[] = { { "old", .usages = "serverAuth" },
		{ "one", .not_before = 1800000000 }, { "two", .not_before = 1790000000 } };
	static const char two[] = APART("CN=one (a.pem) or CN=two (b.pem)");
	static const char last[] = APART("CN=one (b.pem) or CN=two (c.pem)");
	const struct recipe covering[] = { { "one", .names = "DNS:db.example" },
		{ "two", .names = "DNS:db.example" } };

	(void)state;
	expect_lacking(NULL, any, 2, two, "");
	expect_lacking(NULL, both, 2, two, "");
	expect_lacking(NULL, neither, 2, two, "");
	expect_lacking("rule names P db.example", covering, 2, two, "");
	expect_lacking(NULL, three, 3, last, "");
}

static void a_client_pair_that_is_not_there_is_missing(void **state)
{
	const struct recipe one[] = { { "one" } };
	const struct recipe servers[] = { { "one", .usages = "serverAuth" },
		{ "two", .usages = "serverAuth" } };
	/* Of one subject: an older one of its kind. */
	const struct recipe renewed[] = { { "one", .usages = "serverAuth" }, { "one" } };
	const char *missing = "the client pair (certificate and key) that goes with CN=one";
	const char *last = "the client pair (certificate and key) that goes with CN=two";

	(void)state;
	expect_lacking(NULL, one, 1, "", missing);
	expect_lacking(NULL, renewed, 2, "", missing);
	expect_lacking(NULL, servers, 2, "", last);
}

static void the_client_pair_is_found_by_usage_or_by_name(void **state)
{
	const struct recipe server_only = { .name = "server", .usages = "serverAuth" };
	const struct recipe client_only = { .name = "client", .usages = "clientAuth" };
	const struct recipe any_server = { .name = "server" };
	const struct recipe any_client = { .name = "client" };

	(void)state;
	expect_client(&server_only, "a.pem", &client_only, "b.pem");
	expect_client(&any_server, "server.pem", &any_client, "client.pem");
	expect_client(&any_server, "x.pem", &client_only, "server.pem");
}

static void a_bad_authorities_file_is_a_matter_of_configuration(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	(void)state;
	buffer_add(&text, "nothing\n");
	ask_authorities(&asking, &text);
	assert_false(ask_badly(&asking, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text,
			"the authorities file: holds no certificate and no key that "
			"is known here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_held_to_the_rules),
		cmocka_unit_test(certificates_are_held_to_the_rules),
		cmocka_unit_test(names_are_covered_as_tls_clients_see_it),
		cmocka_unit_test(who_has_no_common_name_is_told),
		cmocka_unit_test(a_short_life_is_a_warning),
		cmocka_unit_test(a_usage_that_is_only_advised_is_a_warning),
		cmocka_unit_test(chains_are_put_in_order_without_what_does_not_belong),
		cmocka_unit_test(what_is_left_out_is_told),
		cmocka_unit_test(the_root_comes_along_when_asked_for),
		cmocka_unit_test(chains_are_completed_from_the_authorities),
		cmocka_unit_test(an_incomplete_chain_waits_for_its_next_link),
		cmocka_unit_test(a_chain_to_an_unknown_root_is_refused),
		cmocka_unit_test(names_alone_do_not_make_a_chain),
		cmocka_unit_test(cross_signed_authorities_do_not_go_round_in_circles),
		cmocka_unit_test(a_maze_of_authorities_ends),
		cmocka_unit_test(parts_that_are_asked_for_are_waited_for),
		cmocka_unit_test(authorities_become_a_part_only_when_asked_for),
		cmocka_unit_test(of_two_pairs_what_is_known_of_one_tells_the_other),
		cmocka_unit_test(which_pairs_cannot_be_told_apart_is_said_and_how_they_can),
		cmocka_unit_test(a_client_pair_that_is_not_there_is_missing),
		cmocka_unit_test(the_client_pair_is_found_by_usage_or_by_name),
		cmocka_unit_test(a_bad_authorities_file_is_a_matter_of_configuration),
	};

	return cmocka_run_group_tests(tests, make_material, drop_material);
}
