#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/generate/deposit.h"
#include "controller/certdrop/generate/mint.h"
#include "tests/unit/inspecting.h"

enum { NOW = 1790000000, HOUR = 3600, DAY = 24 * HOUR };

static const char *const names[] = { "web.example", "*.web.example", "192.0.2.1", "2001:db8::1" };
static const char *const usages[] = { "serverAuth", "clientAuth" };

static struct order order_of(const char *key)
{
	return (struct order){ .key = key,
		.common_name = names[0],
		.names = { .items = (const char **)(uintptr_t)names, .count = 4 },
		.usages = { .items = (const char **)(uintptr_t)usages, .count = 2 },
		.days = 7300 };
}

static void mint_well(const struct order *order, enum mint_kind kind, struct minted *minted)
{
	struct error error;

	if (!mint(order, kind, NOW, minted, &error))
		fail_msg("%s", error.text);
}

static void add_pair(struct buffer *pair, const struct minted *minted)
{
	buffer_append(pair, minted->key.bytes, minted->key.length);
	buffer_append(pair, minted->document.bytes, minted->document.length);
}

/* ---- what is made ---- */

/* By the program that judges what is dropped, under the rules of a demanding product. */
static void what_is_made_is_accepted(void **state)
{
	static const char *const keys[] = { "RSA 2048", "RSA 3072", "EC P-256", "EC P-384",
		"Ed25519" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct order order = order_of(keys[i]);
		autodone(minted) struct minted minted = { 0 };
		autodone(asking) struct asking asking = { 0 };
		autodone(buffer) struct buffer pair = { 0 };
		struct credential credential;
		const char *parts;

		mint_well(&order, MINT_SELF_SIGNED, &minted);
		add_pair(&pair, &minted);
		ask_rule(&asking, "rule rsa-bits 2048 3072 \"the product\"");
		ask_rule(&asking, "rule usages \"the product\" serverAuth clientAuth");
		ask_rule(&asking,
				"rule names \"the product\" web.example a.web.example 192.0.2.1 "
				"2001:db8::1");
		ask_rule(&asking, "rule validity 7300 0 \"the product\"");
		ask_rule(&asking, "rule version-3 \"the product\"");
		ask_rule(&asking, "rule chain \"the product\" complete");
		ask_file(&asking, "new.pem", &pair);
		ask(&asking);
		read_credential(&asking, &credential, &parts);
		assert_string_equal(credential.key, keys[i]);
		assert_string_equal(credential.subject, "CN=web.example");
		assert_string_equal(credential.fingerprint, minted.fingerprint.hex);
		assert_string_equal(credential.key_fingerprint, minted.key_fingerprint.hex);
		assert_true(credential.self_signed);
		assert_int_equal(credential.warnings.count, 0);
		assert_int_equal(credential.not_before, NOW - HOUR);
		assert_int_equal(credential.not_after, NOW - HOUR + 7300LL * DAY);
		assert_int_equal(minted.not_after, credential.not_after);
	}
}

static X509 *certificate_of(const struct minted *minted)
{
	BIO *bio = BIO_new_mem_buf(minted->document.bytes, (int)minted->document.length);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(certificate);
	return certificate;
}

static void only_rsa_keys_may_encipher_keys(void **state)
{
	static const struct {
		const char *key;
		unsigned usage;
	} cases[] = { { "RSA 2048", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT },
		{ "EC P-256", KU_DIGITAL_SIGNATURE } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct order order = order_of(cases[i].key);
		autodone(minted) struct minted minted = { 0 };
		X509 *certificate;

		mint_well(&order, MINT_SELF_SIGNED, &minted);
		certificate = certificate_of(&minted);
		assert_int_equal(X509_get_key_usage(certificate), cases[i].usage);
		assert_int_equal(X509_check_ca(certificate), 0);
		assert_int_equal(X509_get_signature_nid(certificate),
				i == 0 ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256);
		X509_free(certificate);
	}
}

static void no_two_are_the_same(void **state)
{
	const struct order order = order_of("EC P-256");
	autodone(minted) struct minted first = { 0 }, second = { 0 };
	X509 *one, *other;

	(void)state;
	mint_well(&order, MINT_SELF_SIGNED, &first);
	mint_well(&order, MINT_SELF_SIGNED, &second);
	assert_string_not_equal(first.key_fingerprint.hex, second.key_fingerprint.hex);
	one = certificate_of(&first);
	other = certificate_of(&second);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(one),
					     X509_get0_serialNumber(other)),
			0);
	assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(one)), 16);
	X509_free(one);
	X509_free(other);
}

static void a_request_is_signed_and_asks_for_the_same(void **state)
{
	const struct order order = order_of("RSA 2048");
	autodone(minted) struct minted minted = { 0 };
	BIO *bio;
	X509_REQ *request;
	STACK_OF(X509_EXTENSION) * extensions;

	(void)state;
	mint_well(&order, MINT_REQUEST, &minted);
	assert_string_equal(minted.fingerprint.hex, "");
	assert_int_equal(minted.not_after, 0);
	bio = BIO_new_mem_buf(minted.document.bytes, (int)minted.document.length);
	request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	assert_non_null(request);
	assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
	extensions = X509_REQ_get_extensions(request);
	assert_int_equal(sk_X509_EXTENSION_num(extensions), 4);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	BIO_free(bio);
}

static void what_cannot_be_made_says_why(void **state)
{
	static const char *const bad_names[] = { "w\xc3\xa9.example" };
	static const char *const long_names[] = {
		"a23456789.123456789.123456789.123456789.123456789.123456789.12345"
	};
	static const char *const bad_usages[] = { "no usage" };
	struct order orders[] = { order_of("RSA"), order_of("EC P-257"), order_of("DES 56"),
		order_of("EC P-256"), order_of("EC P-256"), order_of("EC P-256") };
	static const char *const says[] = { "\"RSA\" is no kind of key", "\"EC P-257\" is no kind",
		"\"DES 56\" is no kind", "cannot be a name in a certificate",
		"cannot be a common name", "\"no usage\" is not a key usage" };

	(void)state;
	orders[3].names = (struct words){ (const char **)(uintptr_t)bad_names, 1 };
	orders[4].common_name = long_names[0];
	orders[5].usages = (struct words){ (const char **)(uintptr_t)bad_usages, 1 };
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct minted minted = { 0 };
		struct error error;

		assert_false(mint(&orders[i], MINT_SELF_SIGNED, NOW, &minted, &error));
		assert_int_equal(error.kind, ERROR_CONFIG);
		if (!strstr(error.text, says[i]))
			fail_msg("%s", error.text);
		assert_null(minted.key.bytes);
	}
}

/* ---- where it is put ---- */

static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/certdrop-generate-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int drop_directory(void **state)
{
	DIR *open = opendir(directory);
	const struct dirent *entry;

	(void)state;
	while ((entry = readdir(open)))
		(void)unlinkat(dirfd(open), entry->d_name, 0);
	(void)closedir(open);
	return rmdir(directory);
}

static size_t files_in_directory(void)
{
	DIR *open = opendir(directory);
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(open)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(open);
	return count;
}

static void nobody_else_can_read_it_whatever_the_umask(void **state)
{
	autodone(deposit) struct deposit deposit = { .directory = -1 };
	const mode_t before = umask(0);
	struct error error;
	struct stat facts;

	(void)state;
	assert_true(deposit_open(directory, "/no/such/state", &deposit, &error));
	/* What a crash has left behind is in nobody's way. */
	owned_close(&(int){ openat(deposit.directory, ".certdrop-generate.new",
			O_CREAT | O_WRONLY | O_CLOEXEC, 0666) });
	if (!deposit_put(&deposit, "a.pem", "text", 4, &error))
		fail_msg("%s", error.text);
	(void)umask(before);
	assert_int_equal(fstatat(deposit.directory, "a.pem", &facts, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(facts.st_mode, S_IFREG | 0600);
	assert_int_equal(facts.st_size, 4);
	assert_int_equal(facts.st_uid, geteuid());
	assert_int_equal(files_in_directory(), 1);
}

static void nothing_is_overwritten(void **state)
{
	autodone(deposit) struct deposit deposit = { .directory = -1 };
	struct error error;
	struct stat facts;

	(void)state;
	assert_true(deposit_open(directory, directory, &deposit, &error));
	assert_int_equal(symlinkat("/etc/passwd", deposit.directory, "b.pem"), 0);
	assert_false(deposit_put(&deposit, "b.pem", "text", 4, &error));
	assert_string_equal(error.text, "b.pem: File exists");
	assert_int_equal(fstatat(deposit.directory, "b.pem", &facts, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(facts.st_mode));
	assert_int_equal(unlinkat(deposit.directory, "b.pem", 0), 0);
	assert_int_equal(files_in_directory(), 1);
}

static void a_link_is_not_followed_to_the_drop(void **state)
{
	struct deposit deposit;
	char link[128];
	struct error error;

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_false(deposit_open(link, directory, &deposit, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(unlink(link), 0);
	assert_false(deposit_open(link, directory, &deposit, &error));
	assert_non_null(strstr(error.text, "No such file"));
}

/* Only root can give a file away, and only root can see that it does. */
static void the_file_is_the_services(void **state)
{
	autodone(deposit) struct deposit deposit = { .directory = -1 };
	char state_directory[128];
	struct error error;
	struct stat facts;

	(void)state;
	if (geteuid() != 0)
		skip();
	(void)snprintf(state_directory, sizeof(state_directory), "%s/state", directory);
	assert_int_equal(mkdir(state_directory, 0700), 0);
	assert_int_equal(chown(state_directory, 12345, 23456), 0);
	assert_true(deposit_open(directory, state_directory, &deposit, &error));
	assert_true(deposit_put(&deposit, "c.pem", "text", 4, &error));
	assert_int_equal(rmdir(state_directory), 0);
	assert_int_equal(fstatat(deposit.directory, "c.pem", &facts, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(facts.st_uid, 12345);
	assert_int_equal(facts.st_gid, 23456);
	assert_int_equal(facts.st_mode & 0777, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_made_is_accepted),
		cmocka_unit_test(only_rsa_keys_may_encipher_keys),
		cmocka_unit_test(no_two_are_the_same),
		cmocka_unit_test(a_request_is_signed_and_asks_for_the_same),
		cmocka_unit_test(what_cannot_be_made_says_why),
		cmocka_unit_test(nobody_else_can_read_it_whatever_the_umask),
		cmocka_unit_test(nothing_is_overwritten),
		cmocka_unit_test(a_link_is_not_followed_to_the_drop),
		cmocka_unit_test(the_file_is_the_services),
	};

	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
