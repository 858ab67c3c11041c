#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/message.h"
#include "tests/unit/inspecting.h"
#include "tests/unit/java.h"
#include "tests/unit/material.h"

extern char **environ;

/* Starts a program with one end of a socket as its standard input. */
static pid_t start(const char *program, const char *argument, int input)
{
	char *const argv[] = { (char *)(size_t)program, (char *)(size_t)argument, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO), 0);
	assert_int_equal(posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int try(const char *act)
{
	struct error error;
	int fds[2], status;

	assert_true(message_pair(fds, &error));
	status = end_of(start(SANDBOXED, act, fds[0]));
	(void)close(fds[0]);
	(void)close(fds[1]);
	return status;
}

static void what_is_needed_is_allowed(void **state)
{
	const int status = try("nothing");

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_is_not_needed_is_fatal(void **state)
{
	static const char *const acts[] = { "open", "connect", "socket", "fork", "execute", "kill",
		"receive-elsewhere", "code", "open-files", "32-bits" };

	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		const int status = try(acts[i]);

		/* Where the kernel has no such calls at all it is this. */
		if (strcmp(acts[i], "32-bits") == 0 && WIFSIGNALED(status) &&
				WTERMSIG(status) == SIGSEGV)
			continue;
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: status %#x", acts[i], (unsigned)status);
	}
}

static void no_other_system_call_is_survived(void **state)
{
	const int status = try("all");

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the program itself ---- */

struct child {
	pid_t pid;
	int socket;
};

static void child_start(struct child *child)
{
	struct error error;
	int fds[2];

	assert_true(message_pair(fds, &error));
	child->pid = start(INSPECT, NULL, fds[0]);
	(void)close(fds[0]);
	child->socket = fds[1];
}

static void child_ask(const struct child *child, const char *text, const int *fds, size_t count,
		struct message *reply)
{
	struct error error;

	if (!message_send(child->socket, text, fds, count, &error) ||
			message_receive(child->socket, reply, &error) != MESSAGE_GOT)
		fail_msg("%s", error.text);
}

static void add_everything(struct asking *asking)
{
	static const char *const names[] = { "pss.pem" };
	const struct recipe authority = { .name = "Root", .authority = true };
	const struct recipe pss_authority = {
		.name = "PSS Root", .authority = true, .key = "RSA-PSS 2048"
	};
	autodone(identity) struct identity pss_root = { 0 }, pss = { 0 };
	const struct recipe pss_recipe = { .name = "pss.example",
		.issuer = &pss_root,
		.key = "Ed448",
		.names = "DNS:pss.example,IP:192.0.2.1,email:a@b,URI:http://x" };
	autodone(identity) struct identity root = { 0 }, leaf = { 0 }, rsa = { 0 };
	const struct recipe recipes[] = { { .name = "a.example", .issuer = &root },
		{ .name = "b.example", .issuer = &root, .key = "RSA 2048" } };
	const struct pkcs12_recipe stores[] = {
		{ .identity = &leaf, .passphrase = "x", .chain = { &root } },
		{ .identity = &rsa, .passphrase = "x", .legacy = true },
	};
	autodone(buffer) struct buffer modern = { 0 }, legacy = { 0 }, key = { 0 }, crl = { 0 };
	autodone(buffer) struct buffer pem = { 0 }, archive = { 0 }, java = { 0 };

	identity_make(&root, &authority);
	identity_make(&leaf, &recipes[0]);
	identity_make(&rsa, &recipes[1]);
	add_pkcs12(&modern, &stores[0]);
	add_pkcs12(&legacy, &stores[1]);
	add_key(&key, &leaf, "x");
	add_traditional_key(&key, &rsa, "x");
	add_crl(&crl, &root);
	add_simple_jks(&java, &leaf, "x");
	identity_make(&pss_root, &pss_authority);
	identity_make(&pss, &pss_recipe);
	add_certificate(&pem, &pss);
	add_certificate(&pem, &pss_root);
	add_key(&pem, &pss, NULL);
	add_zip(&archive, names, &pem, 1);
	buffer_add(&asking->text, "inspect test\n");
	ask_file(asking, "archive.zip", &archive);
	ask_file(asking, "modern.p12", &modern);
	ask_file(asking, "legacy.p12", &legacy);
	ask_file(asking, "store.jks", &java);
	ask_file(asking, "keys.pem", &key);
	ask_file(asking, "crl.pem", &crl);
	ask_passphrases(asking, "no\nx\n");
}

/* As the kernel has it: a filter, no way to more rights, nothing open but 0 to 2. */
static void assert_confined(pid_t pid)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	char path[64], status[4096];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	length = read(fd, status, sizeof(status) - 1);
	(void)close(fd);
	assert_true(length > 0);
	status[length] = '\0';
	assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));
	assert_non_null(strstr(status, "\nSeccomp:\t2\n"));
	/* What it was handed goes when it has answered. */
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/3", (int)pid);
	for (int i = 0; i < 60000 && access(path, F_OK) == 0; i++)
		(void)nanosleep(&moment, NULL);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_program_answers_from_inside(void **state)
{
	autodone(asking) struct asking asking = { 0 };
	struct child child;
	int status;

	(void)state;
	add_everything(&asking);
	child_start(&child);
	for (int i = 0; i < 3; i++) {
		autodone(message) struct message reply = { 0 };

		child_ask(&child, asking.text.bytes, asking.fds, asking.fd_count, &reply);
		if (reply.fd_count != 3 || !strstr(reply.text, "file store.jks sound"))
			fail_msg("%s", reply.text);
	}
	assert_confined(child.pid);
	(void)close(child.socket);
	status = end_of(child.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_bad_request_is_answered_and_the_next_one_too(void **state)
{
	autodone(message) struct message first = { 0 }, second = { 0 };
	struct child child;

	(void)state;
	child_start(&child);
	child_ask(&child, "nonsense\n", NULL, 0, &first);
	assert_string_equal(
			first.text, "failed internal \"a request without an inspect record\"\n");
	child_ask(&child, "inspect test\n", NULL, 0, &second);
	assert_string_equal(second.text, "");
	(void)close(child.socket);
	(void)end_of(child.pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_needed_is_allowed),
		cmocka_unit_test(what_is_not_needed_is_fatal),
		cmocka_unit_test(no_other_system_call_is_survived),
		cmocka_unit_test(the_program_answers_from_inside),
		cmocka_unit_test(a_bad_request_is_answered_and_the_next_one_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
