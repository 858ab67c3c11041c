#define _GNU_SOURCE
#include "controller/inspect/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/owned.h"

/* ---- limits ---- */

static bool limit(int resource, rlim_t value, struct error *error)
{
	const struct rlimit both = { .rlim_cur = value, .rlim_max = value };

	if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
		return fail(error, ERROR_CONFIG, "set a resource limit: %s", strerror(errno));
	return true;
}

static bool set_limits(struct error *error)
{
	return limit(RLIMIT_CORE, 0, error) && limit(RLIMIT_NOFILE, SANDBOX_FILES, error) &&
			limit(RLIMIT_FSIZE, SANDBOX_FILE_SIZE, error) &&
			(!sandbox_limits_memory || limit(RLIMIT_AS, SANDBOX_MEMORY, error));
}

/* The limit counts from the start of the process, so it moves ahead of what was used. Its
 * hard half stays open for that: who took the process over could move it as well, and
 * meets the controller's deadline instead. */
void sandbox_renew(void)
{
	struct rlimit cpu = { .rlim_max = RLIM_INFINITY };
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0 || getrlimit(RLIMIT_CPU, &cpu) < 0)
		return;
	cpu.rlim_cur = (rlim_t)used.tv_sec + SANDBOX_CPU_SECONDS;
	(void)setrlimit(RLIMIT_CPU, &cpu);
}

/* ---- Landlock ---- */

/* The kernel's structure at ABI 6; older headers know only its start. */
struct ruleset {
	uint64_t files, network, scoped;
};

/* The rights that each version of the interface added, by its number. */
static const struct ruleset rights[] = {
	[1] = { .files = (1ULL << 13) - 1 },
	[2] = { .files = 1ULL << 13 }, /* refer */
	[3] = { .files = 1ULL << 14 }, /* truncate */
	[4] = { .network = 3 }, /* bind and connect TCP */
	[5] = { .files = 1ULL << 15 }, /* ioctl on devices */
	[6] = { .scoped = 3 }, /* abstract sockets and signals */
};
enum { ABI_KNOWN = sizeof(rights) / sizeof(*rights) - 1 };

static size_t size_at(long abi)
{
	return abi >= 6 ? 3 * sizeof(uint64_t) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static bool close_files(struct error *error)
{
	const long abi = syscall(
			SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset all = { 0 };
	autoclose int fd = -1;

	if (abi < 1)
		return true; /* not in this kernel, or not switched on */
	for (long i = 1; i <= abi && i <= ABI_KNOWN; i++) {
		all.files |= rights[i].files;
		all.network |= rights[i].network;
		all.scoped |= rights[i].scoped;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, size_at(abi), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return fail(error, ERROR_CONFIG, "landlock: %s", strerror(errno));
	return true;
}

/* ---- seccomp ---- */

static const int calls[] = {
	/* files that were handed over, and memory files */
	SYS_read,
	SYS_pread64,
	SYS_write,
	SYS_lseek,
	SYS_fstat,
	SYS_close,
	SYS_memfd_create,
	/* memory; mapping and protecting have rules of their own */
	SYS_munmap,
	SYS_mremap,
	SYS_brk,
	SYS_madvise,
	SYS_mlock,
	SYS_munlock,
	/* random numbers, locks, clocks */
	SYS_getrandom,
	SYS_futex,
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_getpid, /* OpenSSL's random generator asks whether it was forked */
	/* the end */
	SYS_exit,
	SYS_exit_group,
	SYS_restart_syscall,
	SYS_rt_sigreturn,
	-1,
};

static bool allow_all(scmp_filter_ctx filter, const int list[])
{
	for (; *list >= 0; list++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, *list, 0) < 0)
			return false;
	return true;
}

static bool allow_where(
		scmp_filter_ctx filter, int call, unsigned count, const struct scmp_arg_cmp *where)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, where) == 0;
}

static bool allow_some(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp socket = SCMP_A0(SCMP_CMP_EQ, STDIN_FILENO);
	const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp seal = SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS);
	/* fstat() is made of this in glibc 2.33 and later. */
	const struct scmp_arg_cmp itself = SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH);
	const struct scmp_arg_cmp own_cpu[] = { SCMP_A0(SCMP_CMP_EQ, 0),
		SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU) };

	return allow_where(filter, SYS_recvmsg, 1, &socket) &&
			allow_where(filter, SYS_sendmsg, 1, &socket) &&
			allow_where(filter, SYS_mmap, 1, &data) &&
			allow_where(filter, SYS_mprotect, 1, &data) &&
			allow_where(filter, SYS_fcntl, 1, &seal) &&
			allow_where(filter, SYS_newfstatat, 1, &itself) &&
			allow_where(filter, SYS_prlimit64, 2, own_cpu);
}

static bool filter_calls(struct error *error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const bool made = filter && allow_all(filter, calls) &&
			allow_all(filter, sandbox_more_calls) && allow_some(filter);
	const int outcome = made ? seccomp_load(filter) : -EINVAL;

	seccomp_release(filter);
	if (outcome < 0)
		return fail(error, ERROR_CONFIG, "system call filter: %s", strerror(-outcome));
	return true;
}

/* libzip turns the times in archives into local ones, and glibc then looks for the time
 * zone's file each time, unless the environment names a zone that it has seen. */
static bool settle_time_zone(struct error *error)
{
	if (setenv("TZ", "UTC0", 1) < 0)
		return fail(error, ERROR_CONFIG, "set the time zone: %s", strerror(errno));
	tzset();
	return true;
}

bool sandbox_enter(struct error *error)
{
	if (!settle_time_zone(error))
		return false;
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(error, ERROR_CONFIG, "give up privileges: %s", strerror(errno));
	return set_limits(error) && close_files(error) && filter_calls(error);
}
