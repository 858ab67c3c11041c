#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/packaging.h"

/* What the product's own tool would let pass, and the server could not be started with, is refused
 * before it gets there: a good package of which one thing was changed. */

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
		(void)snprintf(sentence, sizeof(sentence),
				"db.zip: lacks %s; openGauss packages have it", package.names[i]);
		package.names[i] = "else.txt";
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, packaging_begin, packaging_end);
}
