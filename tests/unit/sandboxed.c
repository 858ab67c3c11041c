/*
 * Enters the sandbox of certdrop-inspect and tries one thing, for test-sandbox.c.
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
	{ "nothing", try_nothing },
};

int main(int argc, char **argv)
{
	struct error error;

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
