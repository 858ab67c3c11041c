#include "controller/base/digest.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

enum { RAW_SIZE = 32, CHUNK = 64 * 1024 };

static const EVP_MD *sha256(void)
{
	static EVP_MD *fetched;

	if (!fetched)
		fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
	assert(fetched);
	return fetched;
}

static struct digest written_out(const unsigned char raw[RAW_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	struct digest digest = { { 0 } };

	for (size_t i = 0; i < RAW_SIZE; i++) {
		digest.hex[2 * i] = digits[raw[i] >> 4];
		digest.hex[2 * i + 1] = digits[raw[i] & 15];
	}
	return digest;
}

struct digest digest_of(const void *bytes, size_t length)
{
	unsigned char raw[RAW_SIZE];
	const int done = EVP_Digest(bytes, length, raw, NULL, sha256(), NULL);

	assert(done == 1);
	return written_out(raw);
}

static bool add_file(EVP_MD_CTX *context, int fd, struct error *error)
{
	unsigned char chunk[CHUNK];
	off_t offset = 0;

	for (;;) {
		const ssize_t length = pread(fd, chunk, sizeof(chunk), offset);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return fail(error, ERROR_RETRY, "read: %s", strerror(errno));
		if (length == 0)
			break;
		if (EVP_DigestUpdate(context, chunk, (size_t)length) != 1)
			return fail(error, ERROR_INTERNAL, "SHA-256 failed");
		offset += length;
	}
	OPENSSL_cleanse(chunk, sizeof(chunk));
	return true;
}

bool digest_of_file(int fd, struct digest *digest, struct error *error)
{
	unsigned char raw[RAW_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const int begun = context ? EVP_DigestInit_ex(context, sha256(), NULL) : 0;
	bool read;

	assert(begun == 1);
	read = add_file(context, fd, error);
	if (read) {
		const int done = EVP_DigestFinal_ex(context, raw, NULL);

		assert(done == 1);
		*digest = written_out(raw);
	}
	EVP_MD_CTX_free(context);
	return read;
}

bool digest_is_valid(const char *hex)
{
	return strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}
