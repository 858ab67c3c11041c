#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "controller/base/arena.h"
#include "tests/unit/etcd-server.h"
#include "tests/unit/worker.h"

enum { PATIENCE_MS = 30000, PAUSE_MS = 50 };

static int free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

/* It listens only once it is ready to serve. */
static bool answers(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

_Noreturn static void run(const char *const *argv, const char *log)
{
	const int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	(void)execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

void etcd_server_start(struct etcd_server *server, const struct pair *pair)
{
	autoarena struct arena *arena = arena_new();
	char *directory = directory_new();
	const char *certificate = arena_printf(arena, "%s/cert.pem", directory);
	const char *key = arena_printf(arena, "%s/key.pem", directory);
	const int port = free_port();
	const char *peer = arena_printf(arena, "http://127.0.0.1:%d", free_port());
	const char *client = arena_printf(arena, "https://127.0.0.1:%d", port);
	const char *const argv[] = { "/usr/bin/etcd", "--name", "test", "--data-dir",
		arena_printf(arena, "%s/data", directory), "--listen-client-urls", client,
		"--advertise-client-urls", client, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster",
		arena_printf(arena, "test=%s", peer), "--cert-file", certificate, "--key-file", key,
		"--unsafe-no-fsync", NULL };

	write_text(certificate, pair->certificate);
	write_text(key, pair->key);
	server->directory = directory;
	(void)snprintf(server->url, sizeof(server->url), "https://localhost:%d", port);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		run(argv, arena_printf(arena, "%s/log", directory));
	for (int waited = 0; !answers(port); waited += PAUSE_MS) {
		if (waited > PATIENCE_MS || waitpid(server->pid, NULL, WNOHANG) != 0)
			fail_msg("etcd does not run: %s",
					read_text(arena_printf(arena, "%s/log", directory)));
		(void)poll(NULL, 0, PAUSE_MS);
	}
}

void etcd_server_stop(struct etcd_server *server)
{
	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
	directory_gone(server->directory);
}
