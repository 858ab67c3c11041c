#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/packaging.h"

/* A package is a credential with all its parts, and so are its files one by one. */

static void a_package_is_a_credential_with_all_its_parts(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;
	struct credential credential;
	const char *parts;

	(void)state;
	package_make(&package);
	add_crl(package_add(&package, "sslcrl-file.crl"), &ca);
	ask_rules(&asking);
	ask_zip(&asking, "db-cert-replacement.zip", &package);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=db1");
	assert_non_null(credential.client_fingerprint);
	assert_true(words_contain(credential.parts, "crl"));
	assert_true(words_contain(credential.parts, "ca"));
	assert_true(credential_part(parts, PART_CLIENT_KEY).length > 0);
	assert_non_null(memmem(credential_part(parts, PART_KEY).start, 40,
			"-----BEGIN PRIVATE KEY-----", 27));
}

/* They say when else it ends: nobody here has a clock. */
static void what_else_ends_is_told(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;
	struct credential credential;
	const char *parts;

	(void)state;
	package_make(&package);
	add_crl(package_add(&package, "sslcrl-file.crl"), &ca);
	ask_rules(&asking);
	ask_zip(&asking, "db.zip", &package);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.lasts.count, 3);
	assert_string_equal(credential_lasting(credential.lasts.items[0]).what,
			"the client certificate of CN=app");
	assert_string_equal(credential_lasting(credential.lasts.items[1]).what,
			"the authority's certificate of CN=CA");
	assert_string_equal(credential_lasting(credential.lasts.items[2]).what,
			"the revocation list of CN=CA in db.zip/sslcrl-file.crl");
	assert_int_equal(credential_lasting(credential.lasts.items[2]).until, 1767225600);
	assert_true(credential_lasting(credential.lasts.items[0]).until > 2000000000);
}

static void loose_files_of_any_name_are_a_credential_too(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	ask_rules(&asking);
	ask_file(&asking, "a.key", &package.files[SERVER_KEY]);
	ask_file(&asking, "a.pem", &package.files[SERVER_CRT]);
	ask_file(&asking, "client.pem", &package.files[CLIENT_CRT]);
	ask_file(&asking, "b.key", &package.files[CLIENT_KEY]);
	ask_file(&asking, "a.key.cipher", &package.files[SERVER_CIPHER]);
	ask_file(&asking, "a.key.rand", &package.files[SERVER_RAND]);
	ask_file(&asking, "root", &package.files[CACERT]);
	/* The client's key has no envelope of its own name: all are tried. */
	ask_file(&asking, "c.key.rand", &package.files[CLIENT_RAND]);
	ask_file(&asking, "c.key.cipher", &package.files[CLIENT_CIPHER]);
	ask(&asking);
	if (credentials_in(&asking) != 1)
		fail_msg("%s", buffer_text(&asking.reply.text));
}

static void files_come_one_by_one(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	ask_rules(&asking);
	ask_file(&asking, "server.key", &package.files[SERVER_KEY]);
	ask(&asking);
	assert_string_equal(state_of(&asking, "server.key"), "incomplete");

	ask_file(&asking, "server.key.cipher", &package.files[SERVER_CIPHER]);
	ask(&asking);
	assert_string_equal(sentence_of(&asking, "server.key"),
			"server.key: the private key is encrypted, and server.key.rand is not "
			"there");
	assert_string_equal(state_of(&asking, "server.key"), "incomplete");
}

static void an_archive_with_other_names_is_but_an_archive(void **state)
{
	static const char *const names[] = { "root.pem", "db.pem", "db.key", "db.key.cipher",
		"db.key.rand", "client-app.pem", "app.key", "app.key.cipher", "app.key.rand" };
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	memcpy(package.names, names, sizeof(names));
	expect(&package, "");
}

static void an_unencrypted_key_needs_no_passphrase(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_key(package_replace(&package, SERVER_KEY), &server, NULL);
	expect(&package, "");
}

static void the_traditional_encryption_of_keys_is_read(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_traditional_key(package_replace(&package, SERVER_KEY), &server, "Server@123");
	expect(&package, "");
}

static void what_the_tool_would_ignore_is_left_out_with_a_warning(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;
	struct credential credential;
	const char *parts;

	(void)state;
	package_make(&package);
	buffer_add(package_add(&package, "notes.txt"), "hello");
	ask_rules(&asking);
	ask_zip(&asking, "db.zip", &package);
	ask(&asking);
	read_credential(&asking, &credential, &parts);
	assert_int_equal(credential.warnings.count, 1);
	assert_string_equal(credential.warnings.items[0].items[0],
			"db.zip: notes.txt is no part of openGauss packages and is left out");
}

/* Two packages, as when a new one is put beside a refused one. */
static void packages_are_never_mixed(void **state)
{
	autodone(identity) struct identity late = { 0 }, late_client = { 0 };
	const struct recipe late_recipe = {
		.name = "db2", .issuer = &other_ca, .not_before = 1780000000
	};
	const struct recipe late_client_recipe = { .name = "app2", .issuer = &other_ca };
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package first, second;
	struct credential credential;
	struct span authorities;
	const char *parts;

	(void)state;
	identity_make(&late, &late_recipe);
	identity_make(&late_client, &late_client_recipe);
	package_make(&first);
	package_make(&second);
	add_certificate(package_replace(&second, CACERT), &other_ca);
	add_certificate(package_replace(&second, SERVER_CRT), &late);
	add_key(package_replace(&second, SERVER_KEY), &late, "Server@123");
	add_certificate(package_replace(&second, CLIENT_CRT), &late_client);
	add_key(package_replace(&second, CLIENT_KEY), &late_client, "Client@456");
	add_crl(package_add(&first, "sslcrl-file.crl"), &ca);
	ask_rules(&asking);
	ask_zip(&asking, "first.zip", &first);
	ask_zip(&asking, "second.zip", &second);
	ask(&asking);
	assert_int_equal(credentials_in(&asking), 2);
	read_credential(&asking, &credential, &parts);
	assert_string_equal(credential.subject, "CN=db2");
	assert_string_equal(credential_lasting(credential.lasts.items[0]).what,
			"the client certificate of CN=app2");
	assert_false(words_contain(credential.parts, "crl"));
	authorities = credential_part(parts, PART_CA);
	assert_int_equal(second.files[CACERT].length, authorities.length);
	assert_memory_equal(authorities.start, second.files[CACERT].bytes, authorities.length);
}

static void other_targets_know_no_packages(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	package.names[CLIENT_CRT] = "else.txt";
	ask_zip(&asking, "db.zip", &package);
	ask(&asking);
	assert_string_equal(state_of(&asking, "db.zip"), "sound");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_package_is_a_credential_with_all_its_parts),
		cmocka_unit_test(what_else_ends_is_told),
		cmocka_unit_test(loose_files_of_any_name_are_a_credential_too),
		cmocka_unit_test(files_come_one_by_one),
		cmocka_unit_test(an_archive_with_other_names_is_but_an_archive),
		cmocka_unit_test(an_unencrypted_key_needs_no_passphrase),
		cmocka_unit_test(the_traditional_encryption_of_keys_is_read),
		cmocka_unit_test(what_the_tool_would_ignore_is_left_out_with_a_warning),
		cmocka_unit_test(packages_are_never_mixed),
		cmocka_unit_test(other_targets_know_no_packages),
	};

	return cmocka_run_group_tests(tests, packaging_begin, packaging_end);
}
