#define _GNU_SOURCE
#include "controller/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool file_write(int fd, const void *bytes, size_t length, struct error *error)
{
	const char *rest = bytes;

	while (length > 0) {
		const ssize_t written = write(fd, rest, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return fail(error, ERROR_RETRY, "write: %s", strerror(errno));
		rest += written;
		length -= (size_t)written;
	}
	return true;
}

static bool append_all(int fd, size_t limit, struct buffer *text, struct error *error)
{
	const size_t start = text->length;

	for (;;) {
		char chunk[4096];
		const ssize_t length = read(fd, chunk, sizeof(chunk));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return fail(error, ERROR_CONFIG, "%s", strerror(errno));
		if (length == 0)
			return true;
		if (text->length - start + (size_t)length > limit)
			return fail(error, ERROR_CONFIG, "more than %zu bytes", limit);
		buffer_append(text, chunk, (size_t)length);
	}
}

bool file_read(int directory, const char *path, size_t limit, struct buffer *text,
		struct error *error)
{
	autoclose int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const size_t before = text->length;

	if (fd < 0)
		return fail(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	if (!append_all(fd, limit, text, error)) {
		buffer_cut(text, before);
		return fail_while(error, "%s", path);
	}
	return true;
}

struct replacement {
	const char *name;
	const void *bytes;
	size_t length;
	mode_t mode;
	bool durable;
};

static bool write_beside(
		int directory, const char *beside, const struct replacement *r, struct error *error)
{
	autoclose int fd = openat(directory, beside,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, r->mode);

	if (fd < 0)
		return fail(error, ERROR_RETRY, "create: %s", strerror(errno));
	if (!file_write(fd, r->bytes, r->length, error))
		return false;
	if (fchmod(fd, r->mode) < 0)
		return fail(error, ERROR_RETRY, "chmod: %s", strerror(errno));
	if (r->durable && fsync(fd) < 0)
		return fail(error, ERROR_RETRY, "fsync: %s", strerror(errno));
	return true;
}

static bool replace(int directory, const struct replacement *r, struct error *error)
{
	char beside[256];
	const int size = snprintf(beside, sizeof(beside), ".%s.new", r->name);

	if (size < 0 || (size_t)size >= sizeof(beside))
		return fail(error, ERROR_CONFIG, "%s: the name is too long", r->name);

	/* A left-over of a crash: nobody else uses this name. */
	(void)unlinkat(directory, beside, 0);
	if (!write_beside(directory, beside, r, error)) {
		(void)unlinkat(directory, beside, 0);
		return fail_while(error, "%s", r->name);
	}
	if (renameat(directory, beside, directory, r->name) < 0) {
		(void)fail(error, ERROR_RETRY, "%s: rename: %s", r->name, strerror(errno));
		(void)unlinkat(directory, beside, 0);
		return false;
	}
	if (r->durable && fsync(directory) < 0)
		return fail(error, ERROR_RETRY, "%s: fsync of its directory: %s", r->name,
				strerror(errno));
	return true;
}

bool file_replace(int directory, const char *name, const void *bytes, size_t length, mode_t mode,
		struct error *error)
{
	const struct replacement r = {
		.name = name, .bytes = bytes, .length = length, .mode = mode, .durable = true
	};

	return replace(directory, &r, error);
}

bool file_replace_briefly(int directory, const char *name, const void *bytes, size_t length,
		mode_t mode, struct error *error)
{
	const struct replacement r = {
		.name = name, .bytes = bytes, .length = length, .mode = mode
	};

	return replace(directory, &r, error);
}

/* A read lease is refused while anybody has the file open for writing. It is given back at
 * once; whoever opens the file in between waits so long. The kernel would tell us of that
 * by a signal: SIGURG, which is ignored unless somebody asks for it. */
bool file_has_writer(int fd)
{
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

/* The directories that the first `length` bytes of the path name. */
static bool make_each(const char *path, size_t length, mode_t mode, struct error *error)
{
	autodone(buffer) struct buffer part = { 0 };
	size_t end = 0;

	while (end < length) {
		end += strspn(path + end, "/");
		end += strcspn(path + end, "/");
		buffer_clear(&part);
		buffer_append(&part, path, end);
		if (mkdir(buffer_text(&part), mode) < 0 && errno != EEXIST)
			return fail(error, ERROR_CONFIG, "create directory %s: %s",
					buffer_text(&part), strerror(errno));
	}
	return true;
}

bool directory_make(const char *path, mode_t mode, struct error *error)
{
	return make_each(path, strlen(path), mode, error);
}

bool directory_make_above(const char *path, mode_t mode, struct error *error)
{
	const char *name = strrchr(path, '/');
	size_t length = name ? (size_t)(name - path) : 0;

	while (length > 0 && path[length - 1] == '/')
		length--;
	return make_each(path, length, mode, error);
}
