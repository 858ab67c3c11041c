#define _GNU_SOURCE
#include "controller/apply/lease/lease-local.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "controller/base/file.h"

enum { HOLDER_MAX = 256 };

struct lease_local {
	struct arena *arena;
	const char **paths;
	int *fds;
	size_t count;
};

void lease_local_free(struct lease_local *lease)
{
	if (!lease)
		return;

	for (size_t i = 0; i < lease->count; i++)
		(void)close(lease->fds[i]);
	arena_free(lease->arena);
	free(lease);
}

static bool is_still_there(int fd, const char *path)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
			open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

static bool refuse(int fd, const char *name, struct error *error)
{
	char holder[HOLDER_MAX + 1] = "";
	const ssize_t length = pread(fd, holder, HOLDER_MAX, 0);

	if (length >= 0)
		holder[length] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	return fail(error, ERROR_RETRY, "the lease %s is held by %s", name,
			*holder ? holder : "somebody");
}

/* Whoever removed the file between the two calls made the lock one on nothing. */
static bool lock(const char *path, const char *name, int *fd, struct error *error)
{
	autoclose int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (file < 0)
		return fail(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	if (flock(file, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
				? refuse(file, name, error)
				: fail(error, ERROR_CONFIG, "%s: lock: %s", path, strerror(errno));
	if (!is_still_there(file, path))
		return fail(error, ERROR_RETRY, "%s was removed meanwhile", path);
	*fd = hand_over_fd(&file);
	return true;
}

static bool write_holder(int fd, const char *path, const char *holder, struct error *error)
{
	if (ftruncate(fd, 0) < 0)
		return fail(error, ERROR_RETRY, "%s: %s", path, strerror(errno));
	return file_write(fd, holder, strlen(holder), error) || fail_while(error, "%s", path);
}

static bool take_all(struct lease_local *lease, const struct lease_step *step, const char *holder,
		struct error *error)
{
	for (size_t i = 0; i < step->leases.count; i++) {
		const char *name = step->leases.items[i];
		const char *path = arena_printf(lease->arena, "%s/%s", step->directory, name);

		if (!lock(path, name, &lease->fds[i], error))
			return false;
		lease->paths[i] = path;
		lease->count++;
		if (!write_holder(lease->fds[i], path, holder, error))
			return false;
	}
	return true;
}

bool lease_local_take(const struct lease_step *step, const char *holder, struct lease_local **lease,
		struct error *error)
{
	struct lease_local *taken = calloc(1, sizeof(*taken));

	assert(taken);
	taken->arena = arena_new();
	taken->paths = arena_new_many(taken->arena, const char *, step->leases.count);
	taken->fds = arena_new_many(taken->arena, int, step->leases.count);
	if (!(step->directory || fail(error, ERROR_INTERNAL, "a local lease without a place")) ||
			!directory_make(step->directory, 0700, error) ||
			!take_all(taken, step, holder, error)) {
		lease_local_free(taken);
		return false;
	}
	*lease = taken;
	return true;
}

bool lease_local_verify(const struct lease_local *lease, struct error *error)
{
	for (size_t i = 0; i < lease->count; i++)
		if (!is_still_there(lease->fds[i], lease->paths[i]))
			return fail(error, ERROR_RETRY, "%s was removed or replaced",
					lease->paths[i]);
	return true;
}
