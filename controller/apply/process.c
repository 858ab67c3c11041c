#define _GNU_SOURCE
#include "controller/apply/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "controller/apply/deadline.h"
#include "controller/base/owned.h"

enum { GRACE_MS = 1000, SPACE = 2 * OUTPUT_MAX, TRIES = 50, PAUSE_MS = 20 };

/* What the child could not do, told through a pipe that a successful exec closes. */
struct start_failure {
	int code;
	char doing[32];
};

struct running {
	pid_t pid;
	int pidfd, output;
	bool reaped;
	struct process_end *end;
};

void process_end_done(struct process_end *end)
{
	if (end->output)
		OPENSSL_cleanse(end->output, SPACE + 1);
	free(end->output);
	*end = (struct process_end){ 0 };
}

/* ---- the child: only calls that are safe after fork() in a program with threads ---- */

_Noreturn static void give_up(int report, const char *doing)
{
	struct start_failure failure = { .code = errno };

	strncpy(failure.doing, doing, sizeof(failure.doing) - 1);
	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

static void forget_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void become(const struct process *process, int output, int null, int report)
{
	const struct process_user *user = &process->user;

	(void)setpgid(0, 0);
	forget_signals();
	if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		give_up(report, "redirect");
	for (size_t i = 0; i < process->fd_count; i++)
		(void)fcntl(process->fds[i], F_SETFD, 0);
	if (user->other) {
		if (setgroups((size_t)user->group_count, user->groups) < 0 ||
				setgid(user->gid) < 0 || setuid(user->uid) < 0)
			give_up(report, "change the user");
	}
	if (chdir(process->directory) < 0)
		give_up(report, "change the directory");
	(void)execve(process->program, process->argv, process->environment);
	give_up(report, "execute");
}

/* ---- the parent ---- */

static bool await_start(int report, const struct process *process, struct error *error)
{
	struct start_failure failure = { 0 };
	ssize_t length;

	do
		length = read(report, &failure, sizeof(failure));
	while (length < 0 && errno == EINTR);
	if (length != (ssize_t)sizeof(failure))
		return true;
	return fail(error, ERROR_CONFIG, "%s: %s: %s", process->program, failure.doing,
			strerror(failure.code));
}

static bool start(const struct process *process, struct running *running, struct error *error)
{
	autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int output[2] = { -1, -1 }, report[2] = { -1, -1 };
	bool started;

	if (null < 0 || pipe2(output, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0) {
		owned_close(&output[0]);
		owned_close(&output[1]);
		return fail(error, ERROR_RETRY, "pipe: %s", strerror(errno));
	}
	running->pid = fork();
	if (running->pid == 0)
		become(process, output[1], null, report[1]);
	(void)close(output[1]);
	(void)close(report[1]);
	running->output = output[0];
	started = running->pid > 0 || fail(error, ERROR_RETRY, "fork: %s", strerror(errno));
	if (started) {
		(void)setpgid(running->pid, running->pid);
		running->pidfd = pidfd_open(running->pid, 0);
		started = await_start(report[0], process, error);
	}
	(void)close(report[0]);
	return started;
}

/* Reads what is there; false at the end of the output. */
static bool take_output(struct running *running)
{
	struct process_end *end = running->end;
	ssize_t length;

	if (end->length > SPACE - 4096) {
		const size_t gone = end->length - OUTPUT_MAX;

		memmove(end->output, end->output + gone, OUTPUT_MAX);
		end->length = OUTPUT_MAX;
	}
	length = read(running->output, end->output + end->length, SPACE - end->length);
	if (length > 0)
		end->length += (size_t)length;
	return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

static void drain(struct running *running)
{
	struct pollfd ready = { .fd = running->output, .events = POLLIN };

	while (poll(&ready, 1, 0) > 0 && take_output(running))
		;
}

/* Until the program has ended (true), or the deadline has come. */
static bool attend(struct running *running, long long deadline)
{
	struct pollfd waiting[2] = {
		{ .fd = running->pidfd, .events = POLLIN },
		{ .fd = running->output, .events = POLLIN },
	};

	for (;;) {
		const int left = deadline_left(deadline);
		const int ready = poll(waiting, 2, left);

		if (ready < 0 && errno != EINTR)
			return false;
		if (ready > 0 && waiting[1].revents && !take_output(running))
			waiting[1].fd = -1;
		if (ready > 0 && waiting[0].revents)
			return true;
		if (ready <= 0 && deadline_left(deadline) == 0)
			return false;
	}
}

static void reap(struct running *running)
{
	while (waitpid(running->pid, &running->end->status, 0) < 0 && errno == EINTR)
		;
	running->reaped = true;
}

static void finish(struct running *running, long long deadline)
{
	struct process_end *end = running->end;

	if (!attend(running, deadline)) {
		end->killed = true;
		(void)kill(-running->pid, SIGTERM);
		(void)attend(running, deadline_now() + GRACE_MS);
		/* The leader is not reaped yet, so the group's number is still its own. */
		(void)kill(-running->pid, SIGKILL);
	}
	reap(running);
	drain(running);
	if (end->length > OUTPUT_MAX) {
		const size_t gone = end->length - OUTPUT_MAX;

		memmove(end->output, end->output + gone, OUTPUT_MAX);
		end->length = OUTPUT_MAX;
	}
	end->output[end->length] = '\0';
}

/* That there is no process or pipe to be had passes, and says nothing about what is to be installed. */
static bool start_in_the_end(const struct process *process, long long deadline,
		struct running *running, struct error *error)
{
	for (int tries = 1; !start(process, running, error); tries++) {
		if (error->kind != ERROR_RETRY || tries == TRIES || deadline_left(deadline) == 0)
			return false;
		owned_close(&running->output);
		running->output = -1;
		(void)poll(NULL, 0, PAUSE_MS);
	}
	return true;
}

bool process_run(const struct process *process, long long deadline, struct process_end *end,
		struct error *error)
{
	struct running running = { .pid = -1, .pidfd = -1, .output = -1, .end = end };
	bool started;

	*end = (struct process_end){ .output = calloc(1, SPACE + 1) };
	assert(end->output);
	started = start_in_the_end(process, deadline, &running, error);
	if (started)
		finish(&running, deadline);
	else if (running.pid > 0)
		reap(&running);
	owned_close(&running.pidfd);
	owned_close(&running.output);
	return started;
}
