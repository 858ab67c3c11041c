#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/unit/judging.h"

/* The parts that a product asks for are waited for; of two pairs it must be plain which one is the
 * server's and which the clients'. */

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

/* ---- which pair is whose ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_that_are_asked_for_are_waited_for),
		cmocka_unit_test(authorities_become_a_part_only_when_asked_for),
		cmocka_unit_test(of_two_pairs_what_is_known_of_one_tells_the_other),
		cmocka_unit_test(the_client_pair_is_found_by_usage_or_by_name),
		cmocka_unit_test(which_pairs_cannot_be_told_apart_is_said_and_how_they_can),
		cmocka_unit_test(a_client_pair_that_is_not_there_is_missing),
	};

	return cmocka_run_group_tests(tests, judging_begin, judging_end);
}
