/*
 * Enters the sandbox of certdrop-inspect and tries one thing, for test-sandbox.c; or, for "all",
 * tries each system call that is not in the sandbox's list, and says which of them are not fatal.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/base/log.h"
#include "controller/inspect/sandbox.h"

static void try_open(void)
{
	(void)open("/etc/passwd", O_RDONLY);
}

static void try_connect(void)
{
	const struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = 9 };

	(void)connect(0, (const struct sockaddr *)&here, sizeof(here));
}

static void try_socket(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void try_fork(void)
{
	if (fork() == 0)
		_exit(0);
}

static void try_execute(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void try_kill(void)
{
	(void)kill(getppid(), 0);
}

static void try_receive_elsewhere(void)
{
	struct msghdr nothing = { 0 };

	(void)recvmsg(2, &nothing, 0);
}

static void try_code(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_open_files(void)
{
	const struct rlimit more = { .rlim_cur = 1024, .rlim_max = 1024 };

	(void)setrlimit(RLIMIT_NOFILE, &more);
}

/* The same system calls have other numbers there: a filter that only knew ours would let them by. */
static void try_32_bits(void)
{
#if defined(__x86_64__)
	long result = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
#else
	(void)raise(SIGSYS);
#endif
}

static void try_nothing(void)
{
	sandbox_renew();
	free(malloc(1 << 20));
}

static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{ "open", try_open },
	{ "connect", try_connect },
	{ "socket", try_socket },
	{ "fork", try_fork },
	{ "execute", try_execute },
	{ "kill", try_kill },
	{ "receive-elsewhere", try_receive_elsewhere },
	{ "code", try_code },
	{ "open-files", try_open_files },
	{ "32-bits", try_32_bits },
	{ "nothing", try_nothing },
};

/* ---- every system call there is ---- */

enum { CALLS_END = 600 }; /* more than any kernel has, and some that none has */

/* What a process in the sandbox may call with any arguments. The others may be called with some, and
 * are called with none of those here. */
static const int free_calls[] = { SYS_read, SYS_pread64, SYS_write, SYS_lseek, SYS_fstat, SYS_close,
	SYS_memfd_create, SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_mlock, SYS_munlock,
	SYS_getrandom, SYS_futex, SYS_clock_gettime, SYS_gettimeofday, SYS_getpid, SYS_exit,
	SYS_exit_group, SYS_restart_syscall, SYS_rt_sigreturn, -1 };

/* uretprobe and uprobe (x86, Linux 6.14 and 6.18): the kernel's own trampolines call them, every
 * filter lets them by, and for anybody else they end in SIGILL or ENXIO
 * (arch/x86/kernel/uprobes.c). */
static const int passed_by_the_kernel[] = {
#if defined(__x86_64__)
	335, 336,
#endif
	-1
};

static bool is_in(const int list[], int call)
{
	for (; *list >= 0; list++)
		if (*list == call)
			return true;
	return false;
}

static bool is_fatal(int call)
{
	const pid_t child = fork();
	struct error error;
	int status;

	if (child == 0) {
		if (sandbox_enter(&error))
			(void)syscall(call, -1, -1, -1, -1, -1, -1);
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
			WTERMSIG(status) == SIGSYS;
}

/* Each in a process of its own. */
static int try_all(void)
{
	int survived = 0;

	for (int call = 0; call < CALLS_END; call++) {
		if (is_in(free_calls, call) || is_in(sandbox_more_calls, call) ||
				is_in(passed_by_the_kernel, call) || is_fatal(call))
			continue;
		log_error("system call %d is not fatal", call);
		survived++;
	}
	return survived > 0;
}

int main(int argc, char **argv)
{
	struct error error;

	if (argc == 2 && strcmp(argv[1], "all") == 0)
		return try_all();
	if (argc != 2 || !sandbox_enter(&error)) {
		log_error("%s", argc == 2 ? error.text : "usage: sandboxed ACT");
		return 2;
	}
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		if (strcmp(acts[i].name, argv[1]) != 0)
			continue;
		acts[i].act();
		return 0;
	}
	return 3;
}
