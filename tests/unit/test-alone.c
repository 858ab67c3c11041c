/* Certificates that come without a private key, for products that want just them. */
#include "tests/unit/unit.h"

#include <string.h>

#include "controller/base/digest.h"
#include "tests/unit/inspecting.h"
#include "tests/unit/material.h"

static const char bundle[] = "rule no-key \"some product\" authorities";
static const char single[] = "rule no-key \"some product\" certificate";

static struct identity root, other, sub, web;

static int make_material(void **state)
{
	const struct recipe root_recipe = { .name = "Root", .authority = true };
	const struct recipe other_recipe = { .name = "Other", .authority = true };
	const struct recipe sub_recipe = { .name = "Sub", .authority = true, .issuer = &root };
	const struct recipe web_recipe = { .name = "web.example", .issuer = &sub };

	(void)state;
	identity_make(&root, &root_recipe);
	identity_make(&other, &other_recipe);
	identity_make(&sub, &sub_recipe);
	identity_make(&web, &web_recipe);
	return 0;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&root);
	identity_done(&other);
	identity_done(&sub);
	identity_done(&web);
	return 0;
}

static const char *fingerprint_of(struct arena *arena, const struct identity *who)
{
	unsigned char *der = NULL;
	const int length = i2d_X509(who->certificate, &der);
	const struct digest digest = digest_of(der, (size_t)length);

	OPENSSL_free(der);
	return arena_copy(arena, digest.hex);
}

/* ---- authorities ---- */

static void an_authority_alone_is_a_credential_under_its_own_fingerprint(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	ask_rule(&asking, bundle);
	ask_certificate(&asking, "ca.pem", &root);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 1);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.fingerprint, fingerprint_of(asking.arena, &root));
	assert_string_equal(credential.subject, "CN=Root");
	assert_int_equal(credential.parts.count, 1);
	assert_string_equal(credential.parts.items[0], "ca");
	assert_int_equal(credential_part(parts, PART_KEY).length, 0);
	assert_int_equal(credential_part(parts, PART_LEAF).length, 0);
}

/* Whatever came first, and in however many files. */
static void authorities_together_are_one_credential(void **state)
{
	autodone(asking) struct asking one = { 0 }, two = { 0 };
	struct credential first, second;
	const char *parts;

	(void)state;
	ask_rule(&one, bundle);
	ask_certificate(&one, "a.pem", &root);
	ask_certificate(&one, "b.pem", &other);
	ask_certificate(&one, "c.pem", &sub);
	ask(&one);
	ask_rule(&two, bundle);
	ask_certificate(&two, "a.pem", &sub);
	ask_certificate(&two, "b.pem", &root);
	ask_certificate(&two, "c.pem", &other);
	ask(&two);
	assert_int_equal(credentials_in(&one), 1);
	read_credential(&one, &first, &parts);
	read_credential(&two, &second, &parts);
	assert_string_equal(first.digest, second.digest);
	assert_string_equal(first.fingerprint, second.fingerprint);
	assert_int_equal(first.chain.count, 3);
	assert_non_null(strstr(first.subject, " and 2 more"));
	assert_string_not_equal(first.fingerprint, fingerprint_of(one.arena, &root));
	assert_int_equal(record_rows(one.arena, one.records.items[3], "input").count, 3);
}

static void expect_refusal(const char *rule, const struct identity *certificate,
		const struct identity *key, const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };

	ask_rule(&asking, rule);
	ask_certificate(&asking, "cert.pem", certificate);
	if (key)
		ask_key(&asking, "secret.pem", key);
	ask(&asking);
	assert_string_equal(first_refused(&asking), sentence);
	assert_int_equal(credentials_in(&asking), 0);
}

static void a_private_key_is_refused(void **state)
{
	static const char sentence[] =
			"secret.pem holds a private key: none may come with some product";

	(void)state;
	expect_refusal(bundle, &root, &root, sentence);
	expect_refusal(bundle, &root, &web, sentence);
	expect_refusal(single, &web, &web, sentence);
}

static void what_is_no_authority_is_refused_among_them(void **state)
{
	(void)state;
	expect_refusal(bundle, &web, NULL,
			"the certificate of CN=web.example in cert.pem is no authority's: nothing else "
			"may come with some product");
}

static void one_that_breaks_a_rule_spoils_the_bundle(void **state)
{
	const struct recipe recipe = {
		.name = "Weak", .authority = true, .digest = "SHA1", .issuer = &root
	};
	autodone(asking) struct asking asking = { 0 };
	autodone(identity) struct identity weak = { 0 };

	(void)state;
	identity_make(&weak, &recipe);
	ask_rule(&asking, bundle);
	ask_rule(&asking, "rule signatures P SHA1");
	ask_certificate(&asking, "a.pem", &root);
	ask_certificate(&asking, "b.pem", &weak);
	ask(&asking);
	assert_string_equal(first_refused(&asking),
			"the certificate of CN=Weak is signed with SHA1; P refuse SHA1");
	assert_int_equal(credentials_in(&asking), 0);
}

/* ---- one certificate ---- */

static void a_certificate_alone_comes_with_its_chain(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	ask_rule(&asking, single);
	ask_certificate(&asking, "ca.pem", &sub);
	ask_certificate(&asking, "web.pem", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 1);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=web.example");
	assert_string_equal(credential.fingerprint, fingerprint_of(asking.arena, &web));
	assert_int_equal(credential.parts.count, 2);
	assert_int_equal(credential_part(parts, PART_KEY).length, 0);
	assert_string_equal(first_missing(&asking), "");
}

static void a_self_signed_one_will_do(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	struct credential credential;
	const char *parts;

	(void)state;
	ask_rule(&asking, single);
	ask_certificate(&asking, "idp.pem", &other);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 1);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.fingerprint, fingerprint_of(asking.arena, &other));
	assert_true(credential.self_signed);
}

/* Without the rule nothing has changed: it waits for its key. */
static void without_the_rule_a_certificate_waits_for_its_key(void **state)
{
	autodone(asking) struct asking asking = { 0 };

	(void)state;
	ask_certificate(&asking, "web.pem", &web);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 0);
	assert_string_equal(first_missing(&asking), "the key for CN=web.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_authority_alone_is_a_credential_under_its_own_fingerprint),
		cmocka_unit_test(authorities_together_are_one_credential),
		cmocka_unit_test(a_private_key_is_refused),
		cmocka_unit_test(what_is_no_authority_is_refused_among_them),
		cmocka_unit_test(one_that_breaks_a_rule_spoils_the_bundle),
		cmocka_unit_test(a_certificate_alone_comes_with_its_chain),
		cmocka_unit_test(a_self_signed_one_will_do),
		cmocka_unit_test(without_the_rule_a_certificate_waits_for_its_key),
	};

	return cmocka_run_group_tests(tests, make_material, drop_material);
}
