#define _GNU_SOURCE
#include "controller/certdrop/intake/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/base/message.h"
#include "controller/base/owned.h"
#include "controller/certdrop/intake/look.h"

/* A file of this size or more with less than 1/SPARSE of it on disk has holes. (File
 * systems that compress reach 3 or so with text.) */
enum { SPARSE_SIZE = 128 * 1024, SPARSE = 8, BLOCK = 512 };

static void __attribute__((format(printf, 4, 0))) set_reason(struct take *take, struct taken *taken,
		enum taken_state state, const char *format, va_list values)
{
	struct error told;

	(void)vfail(&told, ERROR_INPUT, format, values);
	taken->state = state;
	taken->reason = arena_printf(take->arena, "%s %s", taken->shown, told.text);
}

/* Both return false, for the check that found out. */
static bool printf_like(3, 4)
		refuse(struct take *take, struct taken *taken, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	set_reason(take, taken, TAKEN_REFUSED, format, values);
	va_end(values);
	return false;
}

static bool printf_like(3, 4)
		put_off(struct take *take, struct taken *taken, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	set_reason(take, taken, TAKEN_GROWING, format, values);
	va_end(values);
	return false;
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return "a symbolic link";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "no regular file";
	}
}

static bool owner_allowed(const struct take *take, uid_t owner)
{
	const struct inlet_policy *policy = take->policy;

	if (policy->any_owner || owner == 0 || owner == geteuid() || owner == take->directory_owner)
		return true;
	for (size_t i = 0; i < policy->owner_count; i++) {
		if (policy->owners[i] == owner)
			return true;
	}
	return false;
}

static bool changed_just_now(const struct take *take, const struct stat *status)
{
	struct timespec now;
	long long age_ms;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	age_ms = (now.tv_sec - status->st_ctim.tv_sec) * 1000LL +
			(now.tv_nsec - status->st_ctim.tv_nsec) / 1000000;
	return age_ms >= 0 && age_ms < take->policy->grace_ms;
}

static bool may_be_taken(struct take *take, struct taken *taken, const struct stat *status)
{
	const struct inlet_policy *policy = take->policy;
	const size_t size = (size_t)status->st_size;

	if (!S_ISREG(status->st_mode))
		return refuse(take, taken, "is %s, and only regular files are taken",
				type_name(status->st_mode));
	if (!owner_allowed(take, status->st_uid))
		return refuse(take, taken, "belongs to user %u, whose files are not taken here",
				status->st_uid);
	if (status->st_nlink > 1 && take->drop) {
		if (changed_just_now(take, status))
			return put_off(take, taken, "still has a second name");
		return refuse(take, taken, "is a hard link: the file has %llu names",
				(unsigned long long)status->st_nlink);
	}
	if (status->st_mode & (S_ISUID | S_ISGID))
		return refuse(take, taken, "has the set-user-ID or set-group-ID bit");
	if (size > policy->file_bytes)
		return refuse(take, taken, "has %zu bytes, and at most %zu are taken", size,
				policy->file_bytes);
	if (size >= SPARSE_SIZE && (size_t)status->st_blocks * BLOCK < size / SPARSE)
		return refuse(take, taken, "has holes: %zu bytes, of which %zu are on disk", size,
				(size_t)status->st_blocks * BLOCK);
	if (size > take->left)
		return refuse(take, taken, "is one too many: at most %zu bytes are taken at a time",
				policy->bytes);
	return true;
}

/* Is it about the machine at this moment, and not about the file? */
static bool is_passing(int number)
{
	switch (number) {
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EINTR:
	case EIO:
	case ESTALE:
	case ETIMEDOUT:
		return true;
	}
	return false;
}

/* What open said, as the operator should read it. False: the file is gone. */
static bool explain_open(struct take *take, struct taken *taken, int number)
{
	if (number == ENOENT)
		return false;
	if (number == ELOOP && take->drop)
		refuse(take, taken, "is a symbolic link, and only regular files are taken");
	else if (number == EXDEV && take->drop)
		refuse(take, taken, "is on another file system");
	else if (number == EXDEV)
		refuse(take, taken, "leads out of %s; set `%s` to a directory above both",
				take->root_path, take->policy->root_setting);
	else if (is_passing(number))
		put_off(take, taken, "cannot be opened now: %s", strerror(number));
	else
		refuse(take, taken, "cannot be opened: %s", strerror(number));
	return true;
}

static int open_name(struct take *take, const char *name, int flags)
{
	const char *path = name;

	if (take->prefix[0])
		path = arena_printf(take->arena, "%s/%s", take->prefix, name);
	return beneath_open(&take->beneath, path, flags);
}

/* The file that was checked, now for reading. Without /proc by its name once more; that
 * it is the same is checked by the caller. */
static int reopen(struct take *take, int held, const char *name)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	fd = open(path, flags);
	if (fd < 0 && errno == ENOENT)
		fd = open_name(take, name, flags);
	return fd;
}

static bool read_into(int fd, char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size) {
		const ssize_t got = pread(fd, bytes + length, size - length, (off_t)length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		length += (size_t)got;
	}
	return true;
}

/* Into the memory file through a mapping: the key is nowhere else in our memory. */
static bool copy(int from, int to, size_t size, struct digest *digest)
{
	char *bytes;
	bool whole;

	if (size == 0) {
		*digest = digest_of("", 0);
		return true;
	}
	if (ftruncate(to, (off_t)size) < 0)
		return false;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	if (bytes == MAP_FAILED)
		return false;
	whole = read_into(from, bytes, size);
	if (whole)
		*digest = digest_of(bytes, size);
	(void)munmap(bytes, size);
	return whole;
}

bool take_digest(int fd, size_t size, struct digest *digest)
{
	autoclose int made = memfd_create("certdrop", MFD_CLOEXEC);

	return made >= 0 && copy(fd, made, size, digest);
}

static bool snapshot(struct take *take, struct taken *taken, int fd, const struct identity *seen)
{
	autoclose int made = memfd_create("certdrop", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat status;
	struct identity after;
	struct error error;

	if (made < 0)
		return put_off(take, taken, "cannot be copied now: %s", strerror(errno));
	if (!copy(fd, made, (size_t)seen->size, &taken->digest))
		return put_off(take, taken, "could not be read as a whole");
	/* truncate(2) is a writer, too, and sets the size before the time: so who writes is asked first. */
	taken->open_for_writing = file_has_writer(fd);
	if (fstat(fd, &status) < 0)
		return put_off(take, taken, "changed while it was read");
	after = identity_of(&status);
	if (!identity_equal(&after, seen))
		return put_off(take, taken, "changed while it was read");
	if (taken->open_for_writing && changed_just_now(take, &status))
		return put_off(take, taken, "is still being written");
	if (!memfd_seal(made, &error))
		return put_off(take, taken, "cannot be copied now: %s", error.text);
	taken->entry.digest = taken->digest;
	taken->state = TAKEN_COPY;
	taken->fd = hand_over_fd(&made);
	take->left -= (size_t)seen->size;
	return true;
}

bool take_file(struct take *take, struct taken *taken)
{
	autoclose int held = open_name(take, taken->entry.name, O_PATH);
	autoclose int fd = -1;
	struct stat status;
	struct identity again;

	taken->fd = -1;
	if (held < 0 || fstat(held, &status) < 0)
		return explain_open(take, taken, errno);
	taken->entry.identity = identity_of(&status);
	taken->arrived_ns = arrival_of(&status);
	taken->open_to_others = status.st_mode & S_IROTH;
	if (!may_be_taken(take, taken, &status))
		return true;
	fd = reopen(take, held, taken->entry.name);
	if (fd < 0 || fstat(fd, &status) < 0)
		return explain_open(take, taken, errno);
	again = identity_of(&status);
	if (!identity_equal(&again, &taken->entry.identity))
		(void)put_off(take, taken, "changed while it was opened");
	else
		(void)snapshot(take, taken, fd, &again);
	return true;
}
