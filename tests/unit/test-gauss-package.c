#include "tests/unit/unit.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "controller/apply/make/gauss-package.h"
#include "controller/base/file.h"
#include "controller/formats/gauss-cipher.h"
#include "tests/unit/material.h"

static struct identity ca, server, client, old;
static struct arena *arena;
static char directory[] = "/tmp/certdrop-package-XXXXXX";
static const char *parts;

/* ---- what the package is made of ---- */

static const char *text_of(void (*add)(struct buffer *, const struct identity *),
		const struct identity *identity)
{
	autodone(buffer) struct buffer text = { 0 };

	add(&text, identity);
	return arena_copy(arena, buffer_text(&text));
}

static void add_plain_key(struct buffer *text, const struct identity *identity)
{
	add_key(text, identity, NULL);
}

static const char *parts_of(const char *more)
{
	return arena_printf(arena,
			"certdrop part: leaf\n%scertdrop part: chain\n%scertdrop part: key\n%s"
			"certdrop part: client-leaf\n%scertdrop part: client-key\n%s"
			"certdrop part: ca\n%s%s",
			text_of(add_certificate, &server), text_of(add_certificate, &ca),
			text_of(add_plain_key, &server), text_of(add_certificate, &client),
			text_of(add_plain_key, &client), text_of(add_certificate, &ca), more);
}

static int make_material(void **state)
{
	const struct recipe ca_recipe = { .name = "CA", .authority = true };
	const struct recipe server_recipe = { .name = "db1", .issuer = &ca };
	const struct recipe client_recipe = { .name = "app", .issuer = &ca };

	(void)state;
	arena = arena_new();
	identity_make(&ca, &ca_recipe);
	identity_make(&server, &server_recipe);
	identity_make(&client, &client_recipe);
	identity_make(&old, &server_recipe);
	parts = parts_of("");
	return mkdtemp(directory) ? 0 : 1;
}

static int drop_material(void **state)
{
	(void)state;
	identity_done(&ca);
	identity_done(&server);
	identity_done(&client);
	identity_done(&old);
	arena_free(arena);
	return 0;
}

/* ---- what is deployed ---- */

static int open_directory(void)
{
	const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void deploy(const char *name, const void *bytes, size_t length)
{
	autoclose int fd = open_directory();
	struct error error;

	if (!file_replace(fd, name, bytes, length, 0600, &error))
		fail_msg("%s", error.text);
}

static void deploy_side(const char *name, const char *key_word, const char *word)
{
	autodone(secret) struct secret passphrase = { 0 };
	autodone(buffer) struct buffer key = { 0 };
	struct gauss_cipher files;
	struct gauss_salts salts;
	struct error error;

	secret_append(&passphrase, word, strlen(word));
	assert_true(gauss_salts_random(&salts, &error));
	assert_true(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	add_key(&key, &old, key_word);
	deploy(arena_printf(arena, "%s.key", name), key.bytes, key.length);
	deploy(arena_printf(arena, "%s.key.cipher", name), files.cipher, sizeof(files.cipher));
	deploy(arena_printf(arena, "%s.key.rand", name), files.rand, sizeof(files.rand));
}

static int deploy_both(void **state)
{
	(void)state;
	deploy_side("server", "Server@123", "Server@123");
	deploy_side("client", "Client@456", "Client@456");
	return 0;
}

static int clear_directory(void **state)
{
	static const char *const names[] = { "server.key", "server.key.cipher", "server.key.rand",
		"client.key", "client.key.cipher", "client.key.rand", "client.key.pk8",
		"openssl.cnf", "sslcrl-file.crl" };
	autoclose int fd = open_directory();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlinkat(fd, names[i], 0);
	return 0;
}

/* ---- looking at a package ---- */

static const struct gauss_member *member(const struct gauss_package *package, const char *name)
{
	for (size_t i = 0; i < package->count; i++)
		if (strcmp(package->members[i].name, name) == 0)
			return &package->members[i];
	return NULL;
}

static void build(const struct make_step *make, struct gauss_package *package)
{
	struct error error;

	if (!gauss_package_build(make, parts, package, &error))
		fail_msg("%s", error.text);
}

static const char *passphrase_in(const struct gauss_package *package, const char *side)
{
	const struct gauss_member *cipher =
			member(package, arena_printf(arena, "%s.key.cipher", side));
	const struct gauss_member *rand = member(package, arena_printf(arena, "%s.key.rand", side));
	autodone(secret) struct secret passphrase = { 0 };
	struct gauss_cipher files;
	struct error error;

	assert_int_equal(cipher->bytes.length, sizeof(files.cipher));
	assert_int_equal(rand->bytes.length, sizeof(files.rand));
	memcpy(files.cipher, cipher->bytes.bytes, sizeof(files.cipher));
	memcpy(files.rand, rand->bytes.bytes, sizeof(files.rand));
	if (!gauss_cipher_decode(&files, &passphrase, &error))
		fail_msg("%s", error.text);
	return arena_copy(arena, (const char *)passphrase.bytes);
}

/* Does the member open with this passphrase, and with no other? */
static void assert_key(const struct gauss_package *package, const char *name,
		const struct identity *identity, const char *passphrase)
{
	const struct gauss_member *found = member(package, name);
	const char *words[] = { passphrase, "another" };

	for (int i = 0; i < 2; i++) {
		BIO *bio = BIO_new_mem_buf(found->bytes.bytes, (int)found->bytes.length);
		EVP_PKEY *key = PEM_read_bio_PrivateKey(
				bio, NULL, NULL, arena_copy(arena, words[i]));

		if (i == 0)
			assert_int_equal(EVP_PKEY_eq(key, identity->key), 1);
		else
			assert_null(key);
		EVP_PKEY_free(key);
		BIO_free(bio);
	}
}

static void expect_failure(const struct make_step *make, enum error_kind kind, const char *sentence)
{
	autodone(gauss_package) struct gauss_package package = { 0 };
	struct error error;

	assert_false(gauss_package_build(make, parts, &package, &error));
	assert_int_equal(error.kind, kind);
	if (!strstr(error.text, sentence))
		fail_msg("%s", error.text);
	assert_int_equal(package.count, 0);
}

/* ---- claims ---- */

static void the_deployed_passphrase_opens_the_new_key(void **state)
{
	const struct make_step make = {
		.make = "package", .deployed = directory, .carry = directory
	};
	autodone(gauss_package) struct gauss_package package = { 0 };

	(void)state;
	build(&make, &package);
	assert_string_equal(passphrase_in(&package, "server"), "Server@123");
	assert_string_equal(passphrase_in(&package, "client"), "Client@456");
	assert_key(&package, "server.key", &server, "Server@123");
	assert_key(&package, "client.key", &client, "Client@456");
	assert_string_equal(
			member(&package, "cacert.pem")->bytes.bytes, text_of(add_certificate, &ca));
	assert_string_equal(member(&package, "server.crt")->bytes.bytes,
			arena_printf(arena, "%s%s", text_of(add_certificate, &server),
					text_of(add_certificate, &ca)));
	assert_string_equal(member(&package, "client.crt")->bytes.bytes,
			text_of(add_certificate, &client));
	assert_int_equal(package.count, 9);
}

static void a_new_passphrase_is_a_new_one_each_time(void **state)
{
	const struct make_step make = { .make = "package" };
	autodone(gauss_package) struct gauss_package first = { 0 }, second = { 0 };
	const char *passphrase;

	(void)state;
	build(&make, &first);
	build(&make, &second);
	passphrase = passphrase_in(&first, "server");
	assert_int_equal(strlen(passphrase), 15);
	assert_string_not_equal(passphrase, passphrase_in(&first, "client"));
	assert_string_not_equal(passphrase, passphrase_in(&second, "server"));
	assert_key(&first, "server.key", &server, passphrase);
}

static void what_would_vanish_is_carried_over(void **state)
{
	const struct make_step make = {
		.make = "package", .deployed = directory, .carry = directory, .keep_crl = directory
	};
	autodone(gauss_package) struct gauss_package package = { 0 };
	const struct gauss_member *jdbc;
	const unsigned char *at;
	EVP_PKEY *key;

	(void)state;
	deploy("client.key.pk8", "old", 3);
	deploy("openssl.cnf", "[ca]\n", 5);
	deploy("sslcrl-file.crl", "the list", 8);
	build(&make, &package);
	assert_string_equal(member(&package, "openssl.cnf")->bytes.bytes, "[ca]\n");
	assert_string_equal(member(&package, "sslcrl-file.crl")->bytes.bytes, "the list");
	jdbc = member(&package, "client.key.pk8");
	at = jdbc->bytes.bytes;
	key = d2i_AutoPrivateKey(NULL, &at, (long)jdbc->bytes.length);
	assert_int_equal(EVP_PKEY_eq(key, client.key), 1);
	EVP_PKEY_free(key);
}

static void a_list_of_its_own_wins(void **state)
{
	const struct make_step make = { .make = "package", .keep_crl = directory };
	autodone(gauss_package) struct gauss_package package = { 0 };
	struct error error;

	(void)state;
	deploy("sslcrl-file.crl", "the list", 8);
	assert_true(gauss_package_build(
			&make, parts_of("certdrop part: crl\nnew list\n"), &package, &error));
	assert_string_equal(member(&package, "sslcrl-file.crl")->bytes.bytes, "new list\n");
}

static void nothing_is_kept_unasked(void **state)
{
	const struct make_step make = { .make = "package", .deployed = directory };
	autodone(gauss_package) struct gauss_package package = { 0 };

	(void)state;
	deploy("sslcrl-file.crl", "the list", 8);
	deploy("openssl.cnf", "[ca]\n", 5);
	build(&make, &package);
	assert_null(member(&package, "sslcrl-file.crl"));
	assert_null(member(&package, "openssl.cnf"));
}

static void a_passphrase_that_is_not_to_be_had_is_told(void **state)
{
	const struct make_step make = { .make = "package", .deployed = directory };
	autoclose int fd = open_directory();

	(void)state;
	deploy_side("server", "Other@123", "Server@123");
	expect_failure(&make, ERROR_CONFIG,
			"server.key does not open with the passphrase in its cipher and rand files; "
			"passphrase = \"new\" does without it");
	deploy("server.key.cipher", "short", 5);
	expect_failure(&make, ERROR_CONFIG,
			"server.key.cipher has 5 bytes; a cipher file of openGauss has 56");
	assert_int_equal(unlinkat(fd, "server.key.rand", 0), 0);
	deploy_side("server", "Server@123", "Server@123");
	assert_int_equal(unlinkat(fd, "server.key.rand", 0), 0);
	expect_failure(&make, ERROR_CONFIG, "server.key.rand: No such file");
}

/* Whoever owns the directory may not read what the worker may. */
static void links_are_not_followed(void **state)
{
	const struct make_step make = { .make = "package", .carry = directory };
	autoclose int fd = open_directory();

	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", fd, "openssl.cnf"), 0);
	expect_failure(&make, ERROR_CONFIG, "openssl.cnf: Too many levels of symbolic links");
}

/* Cut short while it replaced them, certdrop leaves the owner's files with the names under which it keeps
 * them. */
static void a_second_name_is_no_hindrance_to_the_owners_files(void **state)
{
	const struct make_step make = { .make = "package", .carry = directory };
	autodone(gauss_package) struct gauss_package package = { 0 };
	autoclose int fd = open_directory();

	(void)state;
	deploy("sslcrl-file.crl", "x", 1);
	assert_int_equal(linkat(fd, "sslcrl-file.crl", fd, "openssl.cnf", 0), 0);
	build(&make, &package);
	if (geteuid() != 0)
		skip();
	assert_int_equal(fchownat(fd, "openssl.cnf", 65534, (gid_t)-1, 0), 0);
	expect_failure(&make, ERROR_CONFIG,
			"openssl.cnf is no ordinary file of the directory's owner");
}

/* That of the client is kept by nobody until a restart, so a new one will do. */
static void the_clients_passphrase_may_be_lost(void **state)
{
	const struct make_step make = {
		.make = "package", .deployed = directory, .carry = directory
	};
	autodone(gauss_package) struct gauss_package package = { 0 };
	autoclose int fd = open_directory();

	(void)state;
	assert_int_equal(unlinkat(fd, "client.key.rand", 0), 0);
	build(&make, &package);
	assert_int_equal(strlen(passphrase_in(&package, "client")), 15);
	assert_key(&package, "client.key", &client, passphrase_in(&package, "client"));
}

static void a_missing_part_is_the_inputs_fault(void **state)
{
	const struct make_step make = { .make = "package" };
	const char *whole = parts;

	(void)state;
	parts = "certdrop part: ca\nx\n";
	expect_failure(&make, ERROR_INPUT, "the credential has no key");
	parts = "certdrop part: leaf\nx\n";
	expect_failure(&make, ERROR_INPUT, "cacert.pem: the credential has no ca");
	parts = whole;
}

static void without_gs_om_it_does_without_a_clients_pair(void **state)
{
	const struct make_step lite = { .make = "package", .deployed = directory };
	const struct make_step om = {
		.make = "package", .deployed = directory, .carry = directory
	};
	autodone(gauss_package) struct gauss_package package = { 0 };
	const char *whole = parts, *client_part = strstr(whole, "certdrop part: client-leaf");

	(void)state;
	assert_non_null(client_part);
	parts = arena_printf(arena, "%.*s%s", (int)(client_part - whole), whole,
			strstr(whole, "certdrop part: ca\n"));
	build(&lite, &package);
	assert_non_null(member(&package, "server.key.rand"));
	assert_null(member(&package, "client.key.rand"));
	expect_failure(&om, ERROR_INPUT, "the credential has no client-key");
	parts = whole;
}

/* A directory beside the one that is carried over. */
static void a_cluster_manager_that_reads_other_files_is_told(void **state)
{
	static const unsigned char held[GAUSS_MANAGER_CIPHER_SIZE];
	const struct make_step make = { .make = "package",
		.carry = arena_printf(arena, "%s/om", directory) };
	autoclose int fd = open_directory();

	(void)state;
	assert_int_equal(mkdirat(fd, "cm", 0700), 0);
	assert_int_equal(mkdirat(fd, "om", 0700), 0);
	deploy("cm-file", held, sizeof(held));
	assert_int_equal(renameat(fd, "cm-file", fd, "cm/server.key.cipher"), 0);
	expect_failure(&make, ERROR_CONFIG,
			"has 104 bytes: this cluster manager (CM) was built with AES-256");
	assert_int_equal(unlinkat(fd, "cm/server.key.cipher", 0), 0);
	assert_int_equal(unlinkat(fd, "cm", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(fd, "om", AT_REMOVEDIR), 0);
}

static void a_deployed_file_of_the_manager_is_told(void **state)
{
	static const unsigned char held[GAUSS_MANAGER_RAND_SIZE];
	const struct make_step make = { .make = "package", .deployed = directory };

	(void)state;
	deploy("server.key.rand", held, sizeof(held));
	expect_failure(&make, ERROR_CONFIG, "server.key.rand has 40 bytes: it is one of a cluster");
}

static void the_archive_holds_plain_private_files_at_the_top(void **state)
{
	const struct make_step make = { .make = "package", .deployed = directory };
	autodone(gauss_package) struct gauss_package package = { 0 };
	autodone(secret) struct secret bytes = { 0 };
	struct error error;
	zip_source_t *source;
	zip_t *archive;

	(void)state;
	build(&make, &package);
	assert_true(gauss_package_zip(&package, &bytes, &error));
	source = zip_source_buffer_create(bytes.bytes, bytes.length, 0, NULL);
	archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
	assert_non_null(archive);
	assert_int_equal(zip_get_num_entries(archive, 0), 9);
	for (zip_uint64_t i = 0; i < 9; i++) {
		zip_uint32_t attributes;
		zip_uint8_t system;

		assert_non_null(member(&package, zip_get_name(archive, i, 0)));
		assert_int_equal(zip_file_get_external_attributes(
						 archive, i, 0, &system, &attributes),
				0);
		assert_int_equal(system, ZIP_OPSYS_UNIX);
		assert_int_equal(attributes >> 16, S_IFREG | 0600);
	}
	zip_discard(archive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_deployed_passphrase_opens_the_new_key,
				deploy_both, clear_directory),
		cmocka_unit_test(a_new_passphrase_is_a_new_one_each_time),
		cmocka_unit_test_setup_teardown(
				what_would_vanish_is_carried_over, deploy_both, clear_directory),
		cmocka_unit_test_setup_teardown(
				a_list_of_its_own_wins, deploy_both, clear_directory),
		cmocka_unit_test_setup_teardown(
				nothing_is_kept_unasked, deploy_both, clear_directory),
		cmocka_unit_test_setup_teardown(a_passphrase_that_is_not_to_be_had_is_told,
				deploy_both, clear_directory),
		cmocka_unit_test_setup_teardown(
				the_clients_passphrase_may_be_lost, deploy_both, clear_directory),
		cmocka_unit_test_setup_teardown(
				links_are_not_followed, deploy_both, clear_directory),
		cmocka_unit_test_setup_teardown(a_second_name_is_no_hindrance_to_the_owners_files,
				deploy_both, clear_directory),
		cmocka_unit_test(a_missing_part_is_the_inputs_fault),
		cmocka_unit_test_setup_teardown(without_gs_om_it_does_without_a_clients_pair,
				deploy_both, clear_directory),
		cmocka_unit_test(a_cluster_manager_that_reads_other_files_is_told),
		cmocka_unit_test_setup_teardown(a_deployed_file_of_the_manager_is_told, deploy_both,
				clear_directory),
		cmocka_unit_test_setup_teardown(the_archive_holds_plain_private_files_at_the_top,
				deploy_both, clear_directory),
	};
	const int failed = cmocka_run_group_tests(tests, make_material, drop_material);

	(void)rmdir(directory);
	return failed;
}
