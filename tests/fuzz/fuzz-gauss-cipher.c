/* Read as they are, the bytes are a cipher and a rand file, whose checksums are rarely right. So they
 * are also taken for salts and a passphrase: what is made of them has to come back, and with another
 * rand file it decrypts to noise that must never come back as anything but a passphrase. */
#include <assert.h>
#include <string.h>

#include "controller/formats/gauss-cipher.h"
#include "tests/fuzz/fuzzing.h"

static void decode(const struct gauss_cipher *files, struct secret *passphrase)
{
	struct error error;

	if (!gauss_cipher_decode(files, passphrase, &error))
		return;
	assert(passphrase->length > 0 && passphrase->length <= 16);
	assert(!memchr(passphrase->bytes, 0, passphrase->length));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autodone(secret) struct secret given = { 0 }, got = { 0 };
	struct gauss_cipher files = { 0 }, other;
	struct gauss_salts salts = { 0 };
	struct error error;

	memcpy(&files, bytes, length < sizeof(files) ? length : sizeof(files));
	decode(&files, &got);
	if (length <= sizeof(salts))
		return 0;
	memcpy(&salts, bytes, sizeof(salts));
	secret_append(&given, bytes + sizeof(salts), length - sizeof(salts));
	if (!gauss_cipher_encode(&given, &salts, &files, &error))
		return 0;
	decode(&files, &got);
	assert(got.length == given.length && memcmp(got.bytes, given.bytes, got.length) == 0);
	salts.password[0] ^= 1;
	assert(gauss_cipher_encode(&given, &salts, &other, &error));
	memcpy(files.rand, other.rand, sizeof(files.rand));
	decode(&files, &got);
	return 0;
}
