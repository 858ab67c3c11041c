#include "tests/unit/unit.h"

#include <fcntl.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/worker.h"

static struct pair pair;
static char *directory;
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	pair_make(&pair, "web.example");
	directory = directory_new();
	arena = arena_new();
	write_text(arena_printf(arena, "%s/password", directory), "changeit\nsecond line\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pair_done(&pair);
	directory_gone(directory);
	arena_free(arena);
	return 0;
}

/* Publishes a key store below the directory; "first" and "second" have places of their
 * own. */
static void publish(struct conversation *c, const char *place, const char *make)
{
	struct pair *const pairs[] = { &pair, NULL };

	converse(c, "work apply",
			arena_printf(arena,
					"plan java \"make a store\"\n\tcredential %s\n"
					"prepare make store\n\tmake store\n%s"
					"change file publish\n\tpublish %s/%s\n\tmethod link\n"
					"\tgeneration g\n\tlayout l\n\treplaces nothing\n"
					"\tfile keystore.p12 store 0600 - -\n",
					pair.digest.hex, make, directory, place),
			pairs, NEVER);
}

static PKCS12 *read_store(const char *place)
{
	BIO *bio = BIO_new_file(arena_printf(arena, "%s/%s/keystore.p12", directory, place), "r");
	PKCS12 *store;

	assert_non_null(bio);
	store = d2i_PKCS12_bio(bio, NULL);
	BIO_free(bio);
	assert_non_null(store);
	return store;
}

static int seal_of(PKCS12 *store)
{
	const X509_ALGOR *algorithm = NULL;
	const ASN1_OBJECT *object = NULL;

	PKCS12_get0_mac(NULL, &algorithm, NULL, NULL, store);
	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	return OBJ_obj2nid(object);
}

static void a_store_opens_with_the_password_from_the_file(void **state)
{
	static const struct {
		const char *profile;
		int seal;
	} cases[] = { { "modern", NID_sha256 }, { "old-java", NID_sha1 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		autodone(conversation) struct conversation c;
		EVP_PKEY *key = NULL;
		X509 *leaf = NULL;
		PKCS12 *store;

		publish(&c, cases[i].profile,
				arena_printf(arena,
						"\tformat pkcs12\n\tprofile %s\n\talias web\n"
						"\tpassword-file %s/password\n",
						cases[i].profile, directory));
		assert_string_equal(c.end, "applied");
		store = read_store(cases[i].profile);
		assert_false(PKCS12_verify_mac(store, "wrong", -1));
		assert_true(PKCS12_parse(store, "changeit", &key, &leaf, NULL));
		assert_int_equal(EVP_PKEY_eq(key, pair.pkey), 1);
		assert_int_equal(X509_cmp(leaf, pair.x509), 0);
		assert_int_equal(seal_of(store), cases[i].seal);
		EVP_PKEY_free(key);
		X509_free(leaf);
		PKCS12_free(store);
	}
}

static void what_cannot_be_made_fails_in_prepare(void **state)
{
	static const struct {
		const char *make, *says;
	} cases[] = {
		{ "\tformat jpeg\n\tpassword-file %s/password\n", "unknown format \"jpeg\"" },
		{ "\tformat pkcs12\n\tpassword-file %s/none\n", "none: No such file" },
		{ "\tformat pkcs12\n\tprofile x\n\tpassword-file %s/password\n",
				"unknown profile \"x\"" },
		{ "\tformat pkcs12\n", "needs a password file" },
		{ "\tformat pkcs12\n\tpassword-file %s/password\n"
		  "\tkey-password-file %s/password\n",
				"has one password" },
		{ "\tformat jks\n\tpassword-file %s/password\n", "needs an alias" },
		{ "\tformat jks\n\talias cl\xc3\xa9\n\tpassword-file %s/password\n",
				"is not good for a JKS" },
		{ "\tformat jks\n\talias web\n\tpassword-file %s/password\n"
		  "\tkey-password-file %s/none\n",
				"none: No such file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(conversation) struct conversation c;
		autodone(buffer) struct buffer make = { 0 };
		const char *from = cases[i].make, *at;

		for (; (at = strstr(from, "%s")); from = at + 2) {
			buffer_append(&make, from, (size_t)(at - from));
			buffer_add(&make, directory);
		}
		buffer_add(&make, from);
		publish(&c, "never", buffer_text(&make));
		assert_string_equal(c.end, "failed");
		assert_string_equal(record_word(records_find(&c.said, "failed", NULL), 3),
				"configuration");
		if (!strstr(failure_in(&c), cases[i].says))
			fail_msg("%s", failure_in(&c));
	}
}

static void a_part_that_is_not_there_is_the_inputs_fault(void **state)
{
	autodone(conversation) struct conversation c;
	struct pair *const pairs[] = { &pair, NULL };

	(void)state;
	converse(&c, "work apply",
			arena_printf(arena,
					"plan x y\n\tcredential %s\n"
					"change file publish\n\tpublish %s/ca\n\tmethod link\n"
					"\tgeneration g\n\tlayout l\n\treplaces nothing\n"
					"\tfile ca.pem ca 0644 - -\n",
					pair.digest.hex, directory),
			pairs, NEVER);
	assert_string_equal(c.end, "failed");
	assert_string_equal(record_word(records_find(&c.said, "failed", NULL), 3), "input");
	assert_non_null(strstr(failure_in(&c), "ca.pem: the credential has no ca"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_opens_with_the_password_from_the_file),
		cmocka_unit_test(what_cannot_be_made_fails_in_prepare),
		cmocka_unit_test(a_part_that_is_not_there_is_the_inputs_fault),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
