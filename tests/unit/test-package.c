#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <string.h>

#include "controller/formats/gauss-cipher.h"
#include "tests/unit/inspecting.h"
#include "tests/unit/material.h"

static const char package_rule[] =
		"rule package \"openGauss packages\" server.crt:leaf server.key:key "
		"server.key.cipher:passphrase server.key.rand:passphrase client.crt:client-leaf "
		"client.key:client-key client.key.cipher:passphrase client.key.rand:passphrase "
		"cacert.pem:ca sslcrl-file.crl:crl? client.key.pk8:client-key? openssl.cnf:any?";

static const char *const rules[] = {
	"rule parts \"openGauss packages\" key client-leaf client-key ca crl?",
	"rule version-3 \"openGauss packages\"",
	"rule anchor \"openGauss packages\"",
	"rule crl-issued \"openGauss packages\"",
	package_rule,
};

enum name {
	CACERT,
	SERVER_CRT,
	SERVER_KEY,
	SERVER_CIPHER,
	SERVER_RAND,
	CLIENT_CRT,
	CLIENT_KEY,
	CLIENT_CIPHER,
	CLIENT_RAND,
	MORE,
	COUNT,
};

static const char *const package_names[COUNT] = { "cacert.pem", "server.crt", "server.key",
	"server.key.cipher", "server.key.rand", "client.crt", "client.key", "client.key.cipher",
	"client.key.rand" };

static struct identity ca, server, client, other_ca, other;

static int make_material(void **state)
{
	const struct recipe ca_recipe = { .name = "CA", .authority = true };
	const struct recipe server_recipe = { .name = "db1", .issuer = &ca };
	const struct recipe client_recipe = { .name = "app", .issuer = &ca };
	const struct recipe other_ca_recipe = { .name = "Other CA", .authority = true };
	const struct recipe other_recipe = { .name = "db9", .issuer = &other_ca };

	(void)state;
	identity_make(&ca, &ca_recipe);
	identity_make(&server, &server_recipe);
	identity_make(&client, &client_recipe);
	identity_make(&other_ca, &other_ca_recipe);
	identity_make(&other, &other_recipe);
	return 0;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&ca);
	identity_done(&server);
	identity_done(&client);
	identity_done(&other_ca);
	identity_done(&other);
	return 0;
}

/* ---- a package, to be spoiled ---- */

struct package {
	const char *names[COUNT];
	struct buffer files[COUNT];
	size_t count;
};

static void package_done(struct package *package)
{
	for (size_t i = 0; i < COUNT; i++)
		buffer_done(&package->files[i]);
}

static void put_envelope(struct buffer *cipher, struct buffer *rand, const char *text)
{
	autodone(secret) struct secret passphrase = { 0 };
	struct gauss_cipher files;
	struct gauss_salts salts;
	struct error error;

	secret_append(&passphrase, text, strlen(text));
	assert_true(gauss_salts_random(&salts, &error));
	assert_true(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	buffer_clear(cipher);
	buffer_clear(rand);
	buffer_append(cipher, files.cipher, sizeof(files.cipher));
	buffer_append(rand, files.rand, sizeof(files.rand));
}

static void package_make(struct package *package)
{
	*package = (struct package){ .count = MORE };
	memcpy(package->names, package_names, sizeof(package_names));
	add_certificate(&package->files[CACERT], &ca);
	add_certificate(&package->files[SERVER_CRT], &server);
	add_key(&package->files[SERVER_KEY], &server, "Server@123");
	put_envelope(&package->files[SERVER_CIPHER], &package->files[SERVER_RAND], "Server@123");
	add_certificate(&package->files[CLIENT_CRT], &client);
	add_key(&package->files[CLIENT_KEY], &client, "Client@456");
	put_envelope(&package->files[CLIENT_CIPHER], &package->files[CLIENT_RAND], "Client@456");
}

static struct buffer *package_replace(struct package *package, enum name name)
{
	buffer_clear(&package->files[name]);
	return &package->files[name];
}

static struct buffer *package_add(struct package *package, const char *name)
{
	package->names[MORE] = name;
	package->count = COUNT;
	return &package->files[MORE];
}

static void ask_rules(struct asking *asking)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		ask_rule(asking, rules[i]);
}

static void ask_zip(struct asking *asking, const char *name, const struct package *package)
{
	autodone(buffer) struct buffer bytes = { 0 };

	add_zip(&bytes, package->names, package->files, package->count);
	ask_file(asking, name, &bytes);
}

/* What becomes of a package of which one thing was changed. */
static void expect(const struct package *package, const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };
	const char *said;

	ask_rules(&asking);
	ask_zip(&asking, "db.zip", package);
	ask(&asking);
	said = *sentence_of(&asking, "db.zip") ? sentence_of(&asking, "db.zip")
					       : first_refused(&asking);
	if (strcmp(said, sentence) != 0)
		fail_msg("wanted \"%s\", got: %s", sentence, buffer_text(&asking.reply.text));
	assert_int_equal(credentials_in(&asking), *sentence ? 0 : 1);
	assert_string_equal(first_missing(&asking), "");
}

/* ---- what is good ---- */

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

/* ---- what the tool would let pass ---- */

static void nine_files_of_garbage_are_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	for (size_t i = 0; i < MORE; i++)
		buffer_add(package_replace(&package, (enum name)i), "garbage");
	expect(&package,
			"db.zip/server.key.cipher: has 7 bytes; a cipher file of openGauss has 56");
	put_envelope(&package.files[SERVER_CIPHER], &package.files[SERVER_RAND], "Server@123");
	put_envelope(&package.files[CLIENT_CIPHER], &package.files[CLIENT_RAND], "Client@456");
	expect(&package, "db.zip/cacert.pem: holds no certificate and no key that is known here");
}

static void nine_empty_files_are_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	for (size_t i = 0; i < MORE; i++)
		(void)package_replace(&package, (enum name)i);
	expect(&package, "db.zip/server.key.cipher: is empty");
}

static void a_missing_file_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < MORE; i++) {
		autodone(package) struct package package;
		char sentence[100];

		package_make(&package);
		package.names[i] = "else.txt";
		(void)snprintf(sentence, sizeof(sentence),
				"db.zip: lacks %s; openGauss packages have it", package_names[i]);
		expect(&package, sentence);
	}
}

static void names_are_exact_and_at_the_top(void **state)
{
	static const struct {
		enum name which;
		const char *name, *sentence;
	} cases[] = {
		{ SERVER_CRT, "Server.crt",
				"db.zip: has Server.crt; openGauss packages call it server.crt" },
		{ CLIENT_RAND, "certs/client.key.rand",
				"db.zip: has certs/client.key.rand in a folder; openGauss packages "
				"have it at the top" },
		{ MORE, "sub/sslcrl-file.crl",
				"db.zip: has sub/sslcrl-file.crl in a folder; openGauss packages have "
				"it at the top" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(package) struct package package;

		package_make(&package);
		if (cases[i].which == MORE)
			add_crl(package_add(&package, cases[i].name), &ca);
		package.names[cases[i].which] = cases[i].name;
		expect(&package, cases[i].sentence);
	}
}

static void a_pair_that_is_none_is_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_key(package_replace(&package, SERVER_KEY), &other, "Server@123");
	expect(&package,
			"db.zip: the key in server.key is not the key of the certificate in "
			"server.crt");
	package_done(&package);
	package_make(&package);
	add_key(package_replace(&package, CLIENT_KEY), &other, "Client@456");
	expect(&package,
			"db.zip: the key in client.key is not the key of the certificate in "
			"client.crt");
	package_done(&package);
	package_make(&package);
	add_key(package_add(&package, "client.key.pk8"), &other, NULL);
	expect(&package,
			"db.zip: the key in client.key.pk8 is not the key of the certificate in "
			"client.crt");
}

static void a_file_that_is_not_what_its_name_says_is_refused(void **state)
{
	static const struct {
		enum name which;
		bool with_key;
		const char *sentence;
	} cases[] = {
		{ SERVER_CRT, true, "db.zip: server.crt holds no certificate" },
		{ SERVER_KEY, false, "db.zip: server.key holds no private key" },
		{ CACERT, true, "db.zip: cacert.pem holds no certificate" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(package) struct package package;
		struct buffer *file;

		package_make(&package);
		file = package_replace(&package, cases[i].which);
		if (cases[i].with_key)
			add_key(file, &server, NULL);
		else
			add_certificate(file, &server);
		expect(&package, cases[i].sentence);
	}
}

static void a_wrong_passphrase_is_refused(void **state)
{
	autodone(package) struct package package;
	struct buffer spare = { 0 };

	(void)state;
	package_make(&package);
	put_envelope(&package.files[SERVER_CIPHER], &package.files[SERVER_RAND], "Wrong@123");
	expect(&package,
			"db.zip/server.key: the private key does not open with the passphrase in "
			"server.key.cipher and server.key.rand");
	/* That of another key is there, but the server would not look for it. */
	put_envelope(&package.files[SERVER_CIPHER], &package.files[SERVER_RAND], "Server@123");
	add_key(package_replace(&package, SERVER_KEY), &server, "Client@456");
	expect(&package,
			"db.zip/server.key: the private key does not open with the passphrase in "
			"server.key.cipher and server.key.rand");
	put_envelope(&package.files[SERVER_CIPHER], &spare, "Server@123");
	expect(&package,
			"db.zip/server.key.rand: server.key.cipher and server.key.rand do not "
			"belong together");
	put_envelope(&package.files[SERVER_CIPHER], &package.files[SERVER_RAND], "Server@123");
	package.files[SERVER_CIPHER].bytes[3] ^= 1;
	expect(&package,
			"db.zip/server.key.cipher: is damaged: its checksum is not that of a "
			"cipher file of openGauss");
	buffer_done(&spare);
}

static void certificates_of_another_authority_are_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_certificate(package_replace(&package, SERVER_CRT), &other);
	add_key(package_replace(&package, SERVER_KEY), &other, "Server@123");
	expect(&package, "it lacks the certificate of CN=Other CA, which issued CN=db9");
	package_done(&package);
	package_make(&package);
	add_certificate(package_replace(&package, CLIENT_CRT), &other);
	add_key(package_replace(&package, CLIENT_KEY), &other, "Client@456");
	expect(&package, "it lacks the certificate of CN=Other CA, which issued CN=db9");
}

static void an_old_certificate_version_is_refused(void **state)
{
	const struct recipe recipe = { .name = "db1", .issuer = &ca, .version_1 = true };
	autodone(identity) struct identity old = { 0 };
	autodone(package) struct package package;

	(void)state;
	identity_make(&old, &recipe);
	package_make(&package);
	add_certificate(package_replace(&package, SERVER_CRT), &old);
	add_key(package_replace(&package, SERVER_KEY), &old, "Server@123");
	expect(&package,
			"the certificate of CN=db1 is X.509 version 1; openGauss packages allow "
			"version 3 only");
}

static void a_foreign_revocation_list_is_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_crl(package_add(&package, "sslcrl-file.crl"), &other_ca);
	expect(&package,
			"the revocation list of CN=Other CA in db.zip/sslcrl-file.crl is signed "
			"by none of the authorities that come with it; openGauss packages ask for "
			"that");
	add_certificate(package_replace(&package, MORE), &ca);
	expect(&package, "db.zip: sslcrl-file.crl holds no revocation list");
}

/* The name alone proves nothing. */
static void a_revocation_list_signed_by_another_key_is_refused(void **state)
{
	const struct recipe recipe = { .name = "CA", .authority = true };
	autodone(identity) struct identity namesake = { 0 };
	autodone(package) struct package package;

	(void)state;
	identity_make(&namesake, &recipe);
	package_make(&package);
	add_crl(package_add(&package, "sslcrl-file.crl"), &namesake);
	expect(&package,
			"the revocation list of CN=CA in db.zip/sslcrl-file.crl is signed by none "
			"of the authorities that come with it; openGauss packages ask for that");
}

static void an_authority_that_is_none_is_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_certificate(package_replace(&package, CACERT), &client);
	expect(&package,
			"db.zip: the certificate of CN=app in cacert.pem is no authority "
			"(CA:TRUE)");
}

static void a_usage_against_its_name_is_refused(void **state)
{
	const struct recipe recipe = { .name = "db1", .issuer = &ca, .usages = "clientAuth" };
	autodone(identity) struct identity wrong = { 0 };
	autodone(package) struct package package;

	(void)state;
	identity_make(&wrong, &recipe);
	package_make(&package);
	add_certificate(package_replace(&package, SERVER_CRT), &wrong);
	add_key(package_replace(&package, SERVER_KEY), &wrong, "Server@123");
	expect(&package, "db.zip: the certificate in server.crt may not be used for serverAuth");
}

static void one_certificate_for_both_sides_is_refused(void **state)
{
	autodone(package) struct package package;

	(void)state;
	package_make(&package);
	add_certificate(package_replace(&package, CLIENT_CRT), &server);
	add_key(package_replace(&package, CLIENT_KEY), &server, "Client@456");
	expect(&package,
			"db.zip: server.crt and client.crt hold the same certificate; clients need one of their own");
}

/* unzip keeps the mode, and gs_om then fails half way. */
static void a_member_that_nobody_can_read_is_refused(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	autodone(package) struct package package;
	autodone(buffer) struct buffer bytes = { 0 };
	unsigned char *central;

	(void)state;
	package_make(&package);
	add_zip(&bytes, package.names, package.files, package.count);
	central = memmem(bytes.bytes, bytes.length, "PK\x01\x02", 4);
	assert_non_null(central);
	central[5] = 3; /* made on Unix: the attributes are a mode */
	memset(central + 38, 0, 3);
	central[41] = 0x80;
	ask_rules(&asking);
	ask_file(&asking, "db.zip", &bytes);
	ask(&asking);
	assert_string_equal(sentence_of(&asking, "db.zip"),
			"db.zip: cacert.pem is stored with a mode that does not let its owner read "
			"it once it is unpacked");
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
		cmocka_unit_test(nine_files_of_garbage_are_refused),
		cmocka_unit_test(nine_empty_files_are_refused),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(names_are_exact_and_at_the_top),
		cmocka_unit_test(a_pair_that_is_none_is_refused),
		cmocka_unit_test(a_file_that_is_not_what_its_name_says_is_refused),
		cmocka_unit_test(a_wrong_passphrase_is_refused),
		cmocka_unit_test(certificates_of_another_authority_are_refused),
		cmocka_unit_test(an_old_certificate_version_is_refused),
		cmocka_unit_test(a_foreign_revocation_list_is_refused),
		cmocka_unit_test(a_revocation_list_signed_by_another_key_is_refused),
		cmocka_unit_test(an_authority_that_is_none_is_refused),
		cmocka_unit_test(a_usage_against_its_name_is_refused),
		cmocka_unit_test(one_certificate_for_both_sides_is_refused),
		cmocka_unit_test(a_member_that_nobody_can_read_is_refused),
		cmocka_unit_test(other_targets_know_no_packages),
	};

	return cmocka_run_group_tests(tests, make_material, drop_material);
}
