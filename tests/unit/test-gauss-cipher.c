#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "controller/formats/gauss-cipher.h"

/* How many passphrases make the round trip, each of which takes 6 ms for two key derivations.
 * "test-gauss-cipher 10000" tries more of them. */
static long round_trips = 300;

/* Vectors that openGauss's own decoder accepts. */
static const struct vector {
	const char *passphrase;
	const char *cipher, *rand; /* hex; blanks do not count */
} vectors[] = {
	{ "Test@123",
			"583765ebe232f4c660e1d6da3095ce49 00 101112131415161718191a1b1c1d1e1f 00"
			"202122232425262728292a2b2c2d2e2f 00 00 9e43de9f",
			"000102030405060708090a0b0c0d0e0f 00 000000 55ce1a75" },
	{ "Abcd@1234567890",
			"d1e4eefe575d707d81cb84540c0e7e8c de 101112131415161718191a1b1c1d1e1f ad"
			"202122232425262728292a2b2c2d2e2f be ef f537f155",
			"000102030405060708090a0b0c0d0e0f de adbeef 8334ee4b" },
};

static unsigned char nibble(char digit)
{
	return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void read_hex(const char *hex, unsigned char *bytes, size_t size)
{
	size_t count = 0;

	for (; *hex; hex += 2) {
		if (*hex == ' ')
			hex++;
		assert_true(count < size);
		bytes[count++] = (unsigned char)(nibble(hex[0]) << 4 | nibble(hex[1]));
	}
	assert_int_equal(count, size);
}

static struct gauss_cipher files_of(const struct vector *vector)
{
	struct gauss_cipher files;

	read_hex(vector->cipher, files.cipher, sizeof(files.cipher));
	read_hex(vector->rand, files.rand, sizeof(files.rand));
	return files;
}

static struct gauss_salts salts_of_vectors(void)
{
	struct gauss_salts salts;

	for (unsigned i = 0; i < 16; i++) {
		salts.password[i] = (unsigned char)i;
		salts.salt[i] = (unsigned char)(0x10 + i);
		salts.iv[i] = (unsigned char)(0x20 + i);
	}
	return salts;
}

static void set(struct secret *secret, const char *text)
{
	secret_done(secret);
	secret_append(secret, text, strlen(text));
}

static void the_vectors_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct gauss_cipher files = files_of(&vectors[i]);
		autodone(secret) struct secret passphrase = { 0 };
		struct error error;

		if (!gauss_cipher_decode(&files, &passphrase, &error))
			fail_msg("%s", error.text);
		assert_string_equal(passphrase.bytes, vectors[i].passphrase);
		assert_int_equal(passphrase.length, strlen(vectors[i].passphrase));
	}
}

/* Fillers are ours to choose: zeros, as in the first vector. */
static void the_vectors_encode(void **state)
{
	const struct gauss_salts salts = salts_of_vectors();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct gauss_cipher expected = files_of(&vectors[i]);
		autodone(secret) struct secret passphrase = { 0 };
		struct gauss_cipher files;
		struct error error;

		set(&passphrase, vectors[i].passphrase);
		assert_true(gauss_cipher_encode(&passphrase, &salts, &files, &error));
		assert_memory_equal(files.cipher, expected.cipher, 16);
		if (i == 0)
			assert_memory_equal(&files, &expected, sizeof(files));
	}
}

/* Of 8 to 15 bytes, any but zero. */
static void make_passphrase(struct secret *passphrase)
{
	do {
		secret_done(passphrase);
		for (long i = 8 + random() % 8; i > 0; i--) {
			const unsigned char byte = (unsigned char)(1 + random() % 255);

			secret_append(passphrase, &byte, 1);
		}
	} while (gauss_passphrase_wrong(passphrase));
}

static void random_passphrases_survive_the_round_trip(void **state)
{
	autodone(secret) struct secret given = { 0 }, got = { 0 };
	struct gauss_cipher files;
	struct gauss_salts salts;
	struct error error;

	(void)state;
	srandom(4);
	for (long i = 0; i < round_trips; i++) {
		make_passphrase(&given);
		assert_true(gauss_salts_random(&salts, &error));
		assert_true(gauss_cipher_encode(&given, &salts, &files, &error));
		if (!gauss_cipher_decode(&files, &got, &error))
			fail_msg("%s", error.text);
		assert_int_equal(got.length, given.length);
		assert_memory_equal(got.bytes, given.bytes, given.length);
	}
}

static void every_damaged_byte_is_noticed(void **state)
{
	struct error error;

	(void)state;
	for (size_t i = 0; i < GAUSS_CIPHER_SIZE + GAUSS_RAND_SIZE; i++) {
		struct gauss_cipher files = files_of(&vectors[1]);
		autodone(secret) struct secret passphrase = { 0 };

		if (i < GAUSS_CIPHER_SIZE)
			files.cipher[i] ^= 1;
		else
			files.rand[i - GAUSS_CIPHER_SIZE] ^= 1;
		assert_false(gauss_cipher_decode(&files, &passphrase, &error));
		assert_int_equal(error.kind, ERROR_INPUT);
		assert_non_null(strstr(error.text, "is damaged"));
		assert_int_equal(passphrase.length, 0);
	}
}

static void a_file_of_another_size_is_none(void **state)
{
	static const unsigned char of_manager[GAUSS_MANAGER_CIPHER_SIZE];
	const struct gauss_cipher files = files_of(&vectors[0]);
	struct error error;

	(void)state;
	assert_true(gauss_cipher_check(files.cipher, GAUSS_CIPHER_SIZE, &error));
	assert_true(gauss_rand_check(files.rand, GAUSS_RAND_SIZE, &error));
	assert_false(gauss_cipher_check(files.cipher, GAUSS_CIPHER_SIZE - 1, &error));
	assert_string_equal(error.text, "has 55 bytes; a cipher file of openGauss has 56");
	assert_false(gauss_cipher_check(of_manager, GAUSS_MANAGER_CIPHER_SIZE, &error));
	assert_non_null(strstr(error.text, "has 104 bytes: it is one of a cluster manager (CM)"));
	assert_false(gauss_rand_check(of_manager, GAUSS_MANAGER_RAND_SIZE, &error));
	assert_non_null(strstr(error.text, "has 40 bytes: it is one of a cluster manager (CM)"));
	assert_false(gauss_rand_check(files.rand, 0, &error));
	assert_string_equal(error.text, "has 0 bytes; a rand file of openGauss has 24");
}

/* Both checksums are right, and still it is not a pair. */
static void files_of_two_pairs_are_told_apart(void **state)
{
	struct gauss_salts salts = salts_of_vectors();
	autodone(secret) struct secret passphrase = { 0 }, got = { 0 };
	struct gauss_cipher files, other;
	struct error error;

	(void)state;
	set(&passphrase, "Test@123");
	assert_true(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	salts.password[0] = 0xEE;
	assert_true(gauss_cipher_encode(&passphrase, &salts, &other, &error));
	memcpy(files.rand, other.rand, sizeof(files.rand));
	assert_false(gauss_cipher_decode(&files, &got, &error));
	assert_string_equal(error.text, "the cipher and the rand file do not belong together");
}

/* rand = 00..0f, salt = 10..1f, IV = 20..2f, the block filled with "Abcd@1234567890x". */
static void an_old_passphrase_of_16_bytes_is_read_but_not_written(void **state)
{
	static const struct vector old = { "Abcd@1234567890x",
		"87c78b6761293449536359c7f459d68d 00 101112131415161718191a1b1c1d1e1f 00"
		"202122232425262728292a2b2c2d2e2f 00 00 89e0997c",
		"000102030405060708090a0b0c0d0e0f 00 000000 55ce1a75" };
	const struct gauss_salts salts = salts_of_vectors();
	struct gauss_cipher files = files_of(&old);
	autodone(secret) struct secret passphrase = { 0 };
	struct error error;

	(void)state;
	if (!gauss_cipher_decode(&files, &passphrase, &error))
		fail_msg("%s", error.text);
	assert_string_equal(passphrase.bytes, old.passphrase);
	assert_false(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	assert_non_null(strstr(error.text, "more than 15 bytes"));
}

static void passphrases_are_held_to_the_tools_rules(void **state)
{
	static const struct {
		const char *passphrase, *says; /* NULL: allowed */
	} cases[] = {
		{ "Test@12", "fewer than 8" },
		{ "Test@123", NULL },
		{ "Test@1234567890", NULL },
		{ "Test@12345678901", "more than 15" },
		{ "abcdefgh", "fewer than three" },
		{ "abcdEFGH", "fewer than three" },
		{ "abcdEF12", NULL },
		{ "abcd~!12", NULL },
		{ "abcd' \"`12", "fewer than three" },
		{ "ABCD\\|12", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(secret) struct secret passphrase = { 0 };
		const char *wrong;

		set(&passphrase, cases[i].passphrase);
		wrong = gauss_passphrase_wrong(&passphrase);
		if (!wrong != !cases[i].says || (wrong && !strstr(wrong, cases[i].says)))
			fail_msg("%s: %s", cases[i].passphrase, wrong ? wrong : "allowed");
	}
}

static void a_zero_byte_is_no_part_of_a_passphrase(void **state)
{
	autodone(secret) struct secret passphrase = { 0 };

	(void)state;
	secret_append(&passphrase, "Test@1\0", 8);
	assert_non_null(strstr(gauss_passphrase_wrong(&passphrase), "zero byte"));
}

static void a_made_up_passphrase_is_allowed_and_new(void **state)
{
	autodone(secret) struct secret first = { 0 }, second = { 0 };
	struct error error;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(gauss_passphrase_random(&first, &error));
		assert_null(gauss_passphrase_wrong(&first));
		assert_int_equal(first.length, GAUSS_PASSPHRASE_MAX);
		assert_true(gauss_passphrase_random(&second, &error));
		assert_memory_not_equal(first.bytes, second.bytes, GAUSS_PASSPHRASE_MAX);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_decode),
		cmocka_unit_test(the_vectors_encode),
		cmocka_unit_test(random_passphrases_survive_the_round_trip),
		cmocka_unit_test(every_damaged_byte_is_noticed),
		cmocka_unit_test(a_file_of_another_size_is_none),
		cmocka_unit_test(files_of_two_pairs_are_told_apart),
		cmocka_unit_test(an_old_passphrase_of_16_bytes_is_read_but_not_written),
		cmocka_unit_test(passphrases_are_held_to_the_tools_rules),
		cmocka_unit_test(a_zero_byte_is_no_part_of_a_passphrase),
		cmocka_unit_test(a_made_up_passphrase_is_allowed_and_new),
	};

	if (argc > 1)
		round_trips = strtol(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
