#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/judging.h"

/* A certificate and its key are held to the rules of the product, and whoever dropped them is told by
 * which one they are refused. */

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

/* 222 bytes, of the 253 that there may be (RFC 1035, 2.3.4). */
static void long_names_are_covered_too(void **state)
{
	char label[64] = { 0 }, name[256], names[264], rule[280];
	const struct recipe recipe = { .name = "web.example", .names = names };

	(void)state;
	memset(label, 'n', 63);
	(void)snprintf(name, sizeof(name), "%s.%s.%s.%.21s.example", label, label, label, label);
	(void)snprintf(names, sizeof(names), "DNS:%s", name);
	(void)snprintf(rule, sizeof(rule), "rule names P %s", name);
	expect_refusal_of(&recipe, rule, "");
}

/* Who reads it as a C string finds another name in it than is there. */
static void common_name_with_a_zero_byte_covers_nothing(void **state)
{
	static const unsigned char common[] = "web.example\0.elsewhere";
	const struct recipe recipe = { .name = "placeholder", .names = "" };
	autodone(identity) struct identity odd = { 0 };
	X509_NAME *name = X509_NAME_new();

	(void)state;
	identity_make(&odd, &recipe);
	assert_true(X509_NAME_add_entry_by_NID(
			name, NID_commonName, MBSTRING_UTF8, common, sizeof(common) - 1, -1, 0));
	assert_true(X509_set_subject_name(odd.certificate, name));
	assert_true(X509_sign(odd.certificate, odd.key, EVP_sha256()));
	X509_NAME_free(name);
	expect_refusal(&odd, "rule names P web.example",
			"the certificate of CN=web.example\\00.elsewhere does not cover the name "
			"web.example; P ask for it");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_held_to_the_rules),
		cmocka_unit_test(certificates_are_held_to_the_rules),
		cmocka_unit_test(names_are_covered_as_tls_clients_see_it),
		cmocka_unit_test(long_names_are_covered_too),
		cmocka_unit_test(common_name_with_a_zero_byte_covers_nothing),
		cmocka_unit_test(who_has_no_common_name_is_told),
		cmocka_unit_test(a_short_life_is_a_warning),
		cmocka_unit_test(a_usage_that_is_only_advised_is_a_warning),
	};

	return cmocka_run_group_tests(tests, judging_begin, judging_end);
}
