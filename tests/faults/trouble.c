/*
 * Trouble for one program, by LD_PRELOAD: its Nth allocation fails, or its Nth write or read does
 * only half of what it was asked to. What it is to do stands in the environment:
 *
 *         TROUBLE=allocation:N | short-write:N | short-read:N | none
 *         TROUBLE_FACTS=FILE      of 5 numbers of 8 bytes: how many of each kind there were, whether
 *                                 the trouble has come, and whether the configuration is read
 *         TROUBLE_SPEED=10        waiting in the event loop takes a tenth of the time
 *
 * The file is mapped before main(), so that a sandboxed program can tell as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SIGNALS = 64 };

enum kind { ALLOCATION, SHORT_WRITE, SHORT_READ, COME, CONFIGURED, FACTS };

static uint64_t nowhere[FACTS];
static uint64_t *facts = nowhere;
static enum kind kind = COME;
static uint64_t at;
static long speed = 1;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static void __attribute__((constructor)) prepare(void)
{
	static const char *const names[] = { "allocation:", "short-write:", "short-read:" };
	const char *what = getenv("TROUBLE");
	const char *path = getenv("TROUBLE_FACTS");
	const char *faster = getenv("TROUBLE_SPEED");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	/* Without a system call, which a sandbox might not allow. */
	*(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (faster)
		speed = strtol(faster, NULL, 10);
	for (int i = 0; what && i < COME; i++) {
		if (strncmp(what, names[i], strlen(names[i])) != 0)
			continue;
		kind = (enum kind)i;
		at = strtoull(what + strlen(names[i]), NULL, 10);
	}
	/* What it starts itself has no trouble. */
	(void)unsetenv("LD_PRELOAD");
	if (fd < 0)
		return;
	facts = mmap(NULL, sizeof(nowhere), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (facts == MAP_FAILED)
		facts = nowhere;
	(void)close(fd);
}

static int comes(enum kind of)
{
	const uint64_t count = __atomic_add_fetch(&facts[of], 1, __ATOMIC_RELAXED);

	if (of != kind || count != at)
		return 0;
	facts[COME] = 1;
	return 1;
}

/* ---- memory ---- */

static void *none(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t size)
{
	return comes(ALLOCATION) ? none() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return comes(ALLOCATION) ? none() : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return comes(ALLOCATION) ? none() : __libc_realloc(memory, size);
}

/* libconfig does not look whether it gets any. It calls this itself before it reads, and is done
 * with when we do. */
void config_destroy(void *config)
{
	static int calls;
	void (*real)(void *);

	*(void **)&real = dlsym(RTLD_NEXT, "config_destroy");
	real(config);
	facts[CONFIGURED] = ++calls > 1;
}

/* ---- halves ---- */

/* What the event loop sends to itself through a pipe comes whole or not at all. */
static int is_divisible(int fd)
{
	struct stat is;

	return fstat(fd, &is) == 0 && (S_ISREG(is.st_mode) || S_ISSOCK(is.st_mode));
}

static size_t half(int fd, enum kind of, size_t length)
{
	return length > 1 && is_divisible(fd) && comes(of) ? length / 2 : length;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	return syscall(SYS_write, fd, bytes, half(fd, SHORT_WRITE, length));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
	return syscall(SYS_pwrite64, fd, bytes, half(fd, SHORT_WRITE, length), offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	return pwrite64(fd, bytes, length, offset);
}

ssize_t read(int fd, void *bytes, size_t length)
{
	return syscall(SYS_read, fd, bytes, half(fd, SHORT_READ, length));
}

ssize_t pread64(int fd, void *bytes, size_t length, off_t offset)
{
	return syscall(SYS_pread64, fd, bytes, half(fd, SHORT_READ, length), offset);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset)
{
	return pread64(fd, bytes, length, offset);
}

/* ---- time ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int64_t first;
	const int failed = real_clock_gettime ? real_clock_gettime(clock, now)
					      : (int)syscall(SYS_clock_gettime, clock, now);
	int64_t ns;

	if (failed || speed == 1 || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
		return failed;
	ns = now->tv_sec * 1000000000LL + now->tv_nsec;
	if (first == 0)
		first = ns;
	ns = first + (ns - first) * speed;
	now->tv_sec = ns / 1000000000LL;
	now->tv_nsec = ns % 1000000000LL;
	return 0;
}

static int shorter(int timeout)
{
	return timeout > 0 ? (int)((timeout + speed - 1) / speed) : timeout;
}

int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout, const sigset_t *mask)
{
	return (int)syscall(
			SYS_epoll_pwait, fd, events, count, shorter(timeout), mask, SIGNALS / 8);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
	return epoll_pwait(fd, events, count, timeout, NULL);
}
