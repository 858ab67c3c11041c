#define _GNU_SOURCE
#include "controller/certdrop/intake/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/base/buffer.h"
#include "controller/base/owned.h"

/* As the kernel: 40 links. A path has at most DEPTH directories open at a time. */
enum { LINKS_MAX = 40, DEPTH = 64, AGAIN_MAX = 32 };

static int open_by_kernel(const struct beneath *beneath, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	if (!beneath->links) {
		how.flags |= O_NOFOLLOW;
		how.resolve |= RESOLVE_NO_SYMLINKS;
	}
	if (beneath->one_file_system)
		how.resolve |= RESOLVE_NO_XDEV;

	/* EAGAIN: something was renamed while the kernel went over "..". */
	for (int tries = 0; tries < AGAIN_MAX; tries++) {
		const long fd = syscall(SYS_openat2, beneath->root, path, &how, sizeof(how));

		if (fd >= 0 || errno != EAGAIN)
			return (int)fd;
	}
	return -1;
}

/* ---- the walk ---- */

struct walk {
	const struct beneath *beneath;
	int open[DEPTH]; /* the directories gone through; the root is not among them */
	size_t depth;
	int links;
	dev_t device;
	struct buffer rest; /* what is still to be walked */
};

static int walk_fail(int number)
{
	errno = number;
	return -1;
}

static int walk_here(const struct walk *walk)
{
	return walk->depth ? walk->open[walk->depth - 1] : walk->beneath->root;
}

/* Cuts the first component off what is left. */
static bool next_component(struct walk *walk, char name[NAME_MAX + 1])
{
	const char *start = buffer_text(&walk->rest) + strspn(buffer_text(&walk->rest), "/");
	const size_t length = strcspn(start, "/");
	const char *after = start + length + strspn(start + length, "/");

	if (length > NAME_MAX)
		return false;
	memcpy(name, start, length);
	name[length] = '\0';
	memmove(walk->rest.bytes, after, strlen(after) + 1);
	walk->rest.length = strlen(walk->rest.bytes);
	return true;
}

/* Puts the text of a link in front of what is left. */
static int follow(struct walk *walk, int link)
{
	autodone(buffer) struct buffer joined = { 0 };
	char text[PATH_MAX];
	const ssize_t length = readlinkat(link, "", text, sizeof(text));

	if (length < 0)
		return -1;
	if (!walk->beneath->links || ++walk->links > LINKS_MAX)
		return walk_fail(ELOOP);
	if (length == 0 || text[0] == '/')
		return walk_fail(EXDEV);
	buffer_append(&joined, text, (size_t)length);
	buffer_printf(&joined, "/%s", buffer_text(&walk->rest));
	buffer_clear(&walk->rest);
	buffer_append(&walk->rest, joined.bytes, joined.length);
	return 0;
}

static int enter(struct walk *walk, const char *name)
{
	autoclose int fd = -1;
	struct stat status;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		if (walk->depth == 0)
			return walk_fail(EXDEV);
		owned_close(&walk->open[--walk->depth]);
		return 0;
	}
	fd = openat(walk_here(walk), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -1;
	if (walk->beneath->one_file_system && status.st_dev != walk->device)
		return walk_fail(EXDEV);
	if (S_ISLNK(status.st_mode))
		return follow(walk, fd);
	if (walk->depth == DEPTH)
		return walk_fail(ELOOP);
	walk->open[walk->depth++] = hand_over_fd(&fd);
	return 0;
}

/* The last thing the walk came to, opened as the caller wants it. It is held, so no name
 * is looked up again. */
static int open_anew(const struct walk *walk, int flags)
{
	char path[32];

	if (walk->depth == 0)
		return openat(walk->beneath->root, ".", flags | O_CLOEXEC);
	if (flags & O_PATH)
		return fcntl(walk_here(walk), F_DUPFD_CLOEXEC, 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", walk_here(walk));
	return open(path, (flags | O_CLOEXEC) & ~O_NOFOLLOW);
}

static int open_by_walk(const struct beneath *beneath, const char *path, int flags)
{
	struct walk walk = { .beneath = beneath };
	struct stat status;
	int fd = -1;

	if (path[0] == '/')
		return walk_fail(EXDEV);
	if (fstat(beneath->root, &status) < 0)
		return -1;
	walk.device = status.st_dev;
	buffer_add(&walk.rest, path);
	for (;;) {
		char name[NAME_MAX + 1];

		if (walk.rest.length == 0) {
			fd = open_anew(&walk, flags);
			break;
		}
		if (!next_component(&walk, name)) {
			fd = walk_fail(ENAMETOOLONG);
			break;
		}
		if (*name && enter(&walk, name) < 0)
			break;
	}
	while (walk.depth > 0)
		owned_close(&walk.open[--walk.depth]);
	buffer_done(&walk.rest);
	return fd;
}

int beneath_open(const struct beneath *beneath, const char *path, int flags)
{
	if (!beneath->without_openat2) {
		const int fd = open_by_kernel(beneath, path, flags);

		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return fd;
	}
	return open_by_walk(beneath, path, flags);
}
