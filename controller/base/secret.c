#include "controller/base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, LINE_LIMIT = 1024 };

static unsigned char *pages_new(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert(pages != MAP_FAILED);
	(void)madvise(pages, size, MADV_DONTDUMP);
	/* Without the right to lock, a swap device may see it; that is the operator's
	 * choice. */
	(void)mlock(pages, size);
	return pages;
}

static void pages_free(unsigned char *pages, size_t size)
{
	OPENSSL_cleanse(pages, size);
	(void)munmap(pages, size);
}

void secret_done(struct secret *secret)
{
	if (secret->bytes)
		pages_free(secret->bytes, secret->size);
	*secret = (struct secret){ 0 };
}

static void make_room(struct secret *secret, size_t more)
{
	size_t size = secret->size ? secret->size : PAGE;
	unsigned char *pages;

	assert(more < SIZE_MAX / 4);
	while (size < secret->length + more + 1)
		size *= 2;
	if (size == secret->size)
		return;

	pages = pages_new(size);
	if (secret->bytes) {
		memcpy(pages, secret->bytes, secret->length);
		pages_free(secret->bytes, secret->size);
	}
	secret->bytes = pages;
	secret->size = size;
}

void secret_append(struct secret *secret, const void *bytes, size_t length)
{
	make_room(secret, length);
	if (length > 0)
		memcpy(secret->bytes + secret->length, bytes, length);
	secret->length += length;
	secret->bytes[secret->length] = '\0';
}

bool secret_read(struct secret *secret, int fd, size_t limit, struct error *error)
{
	autodone(secret) struct secret got = { 0 };

	for (;;) {
		ssize_t length;

		make_room(&got, PAGE);
		length = pread(fd, got.bytes + got.length, PAGE, (off_t)got.length);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return fail(error, ERROR_RETRY, "read: %s", strerror(errno));
		if (length == 0)
			break;
		got.length += (size_t)length;
		if (got.length > limit)
			return fail(error, ERROR_INPUT, "more than %zu bytes", limit);
	}
	got.bytes[got.length] = '\0';

	secret_done(secret);
	*secret = got;
	got = (struct secret){ 0 };
	return true;
}

bool secret_read_line(struct secret *secret, const char *path, struct error *error)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	autodone(secret) struct secret line = { 0 };
	struct error cause;

	if (fd < 0)
		return fail(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	if (!secret_read(&line, fd, LINE_LIMIT, &cause))
		return fail(error, ERROR_CONFIG, "%s: %s", path, cause.text);

	line.length = strcspn((const char *)line.bytes, "\r\n");
	line.bytes[line.length] = '\0';
	if (line.length == 0)
		return fail(error, ERROR_CONFIG, "%s: the first line is empty", path);

	secret_done(secret);
	*secret = line;
	line = (struct secret){ 0 };
	return true;
}
