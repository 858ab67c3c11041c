#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/controlling.h"

struct heard {
	char text[256];
	char how[64];
	int messages;
	bool spoke, ended;
	bool pooled; /* it came from the pool, which has to hear of its end */
};

static struct pool *pool;

static void on_message(struct child *child, void *context, struct message *message)
{
	struct heard *heard = context;
	const size_t length = strlen(heard->text);

	(void)child;
	assert_false(heard->ended);
	(void)snprintf(heard->text + length, sizeof(heard->text) - length, "%s", message->text);
	heard->messages++;
	heard->spoke = true;
}

static void on_ended(struct child *child, void *context, const char *how)
{
	struct heard *heard = context;

	(void)child;
	assert_false(heard->ended);
	(void)snprintf(heard->how, sizeof(heard->how), "%s", how);
	heard->ended = true;
	if (heard->pooled)
		pool_discard(pool, child);
}

static const struct child_hooks hooks = { .message = on_message, .ended = on_ended };

static struct child *start(struct heard *heard)
{
	struct error error;
	struct child *child = child_start(&here.loop, in_directory("child"), &hooks, heard, &error);

	if (!child)
		fail_msg("%s", error.text);
	return child;
}

static void say(struct child *child, const char *text)
{
	struct error error;

	if (!child_send(child, text, NULL, 0, &error))
		fail_msg("%s", error.text);
}

/* ---- one child ---- */

static void a_child_answers_and_ends_when_told(void **state)
{
	struct heard heard = { 0 };
	struct child *child;

	(void)state;
	part("child.ask", "say one \nsay two");
	child = start(&heard);
	say(child, "work ask");
	run_until(&heard.spoke);
	child_close(child);
	run_until(&heard.ended);
	assert_string_equal(heard.text, "one two");
	assert_string_equal(heard.how, "exited with 0");
}

static void the_last_words_come_before_the_end(void **state)
{
	struct heard heard = { 0 };

	(void)state;
	part("child.start", "say a\nsay b\nsay c\nexit 3");
	(void)start(&heard);
	run_until(&heard.ended);
	assert_string_equal(heard.text, "abc");
	assert_string_equal(heard.how, "exited with 3");
}

static void a_kill_ends_it(void **state)
{
	struct heard heard = { 0 };

	(void)state;
	part("child.start", "say x\nhang");
	child_kill(start(&heard));
	run_until(&heard.ended);
	assert_string_equal(heard.how, "was ended by signal 9");
}

static void a_child_has_nothing_of_ours(void **state)
{
	struct heard heard = { 0 };

	/* What the test itself was started with may be meant for children. */
	for (int fd = 3; fd < 1024; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);

	(void)state;
	part("child.start", "descriptors");
	child_close(start(&heard));
	run_until(&heard.ended);
	assert_string_equal(heard.text, "open 3 variables 1\n");
}

static void a_program_that_is_not_there_is_told(void **state)
{
	struct heard heard = { 0 };
	struct error error;

	(void)state;
	assert_null(child_start(&here.loop, in_directory("none"), &hooks, &heard, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_non_null(strstr(error.text, "/none: no such file or directory"));
	run_dry();
	assert_false(heard.ended);
}

static void what_is_no_message_ends_the_child(void **state)
{
	struct heard heard = { 0 };
	struct child *child;

	(void)state;
	part("child.ask", "noise\nhang");
	child = start(&heard);
	say(child, "work ask");
	run_until(&heard.ended);
	assert_int_equal(heard.messages, 0);
	assert_string_equal(heard.how, "was ended by signal 9");
}

/* ---- a child behind a socket ---- */

/* Starts a stand-in for each connection, as systemd does with Accept=yes. Returns its process. */
static pid_t accept_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char *const arguments[] = { (char *)(size_t)in_directory("child"), NULL };
	char *const environment[] = { NULL };
	pid_t process;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listening, 1), 0);
	process = fork();
	assert_true(process >= 0);
	if (process == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGCHLD, SIG_IGN);
		for (;;) {
			const int connected = accept(listening, NULL, NULL);

			if (fork() == 0 && dup2(connected, STDIN_FILENO) == 0)
				(void)(close(connected) + close(listening) +
						execve(arguments[0], arguments, environment));
			(void)close(connected);
		}
	}
	assert_int_equal(close(listening), 0);
	return process;
}

static void accept_no_more(pid_t process)
{
	assert_int_equal(kill(process, SIGKILL), 0);
	assert_int_equal(waitpid(process, NULL, 0), process);
}

static struct child *connect_to(const char *path, struct heard *heard)
{
	struct error error;
	struct child *child = child_connect(&here.loop, path, &hooks, heard, &error);

	if (!child)
		fail_msg("%s", error.text);
	return child;
}

static void a_child_behind_a_socket_answers_and_ends_when_told(void **state)
{
	struct heard heard = { 0 };
	struct child *child;
	pid_t process;

	(void)state;
	part("child.ask", "say one \nsay two");
	process = accept_at(in_directory("socket"));
	child = connect_to(in_directory("socket"), &heard);
	say(child, "work ask");
	run_until(&heard.spoke);
	child_close(child);
	run_until(&heard.ended);
	assert_string_equal(heard.text, "one two");
	assert_string_equal(heard.how, "closed its connection: its own log may say why");
	accept_no_more(process);
}

static void its_end_is_noticed_after_its_last_words(void **state)
{
	struct heard heard = { 0 };
	pid_t process;

	(void)state;
	part("child.start", "say a\nsay b\nexit 3");
	process = accept_at(in_directory("socket"));
	(void)connect_to(in_directory("socket"), &heard);
	run_until(&heard.ended);
	assert_string_equal(heard.text, "ab");
	assert_string_equal(heard.how, "closed its connection: its own log may say why");
	accept_no_more(process);
}

static void to_kill_it_is_to_let_go_of_it(void **state)
{
	struct heard heard = { 0 };
	struct child *child;
	pid_t process;

	(void)state;
	/* It hears the end of the conversation, and ends; otherwise it would mark something. */
	part("child.start", "say x\nhear\nmark obeyed");
	process = accept_at(in_directory("socket"));
	child = connect_to(in_directory("socket"), &heard);
	run_until(&heard.spoke);
	child_kill(child);
	run_until(&heard.ended);
	assert_false(was_marked("obeyed"));
	accept_no_more(process);
}

static void a_socket_where_nobody_listens_is_told(void **state)
{
	const char *path = in_directory("socket");
	struct heard heard = { 0 };
	struct error error;

	(void)state;
	assert_null(child_connect(&here.loop, path, &hooks, &heard, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_non_null(strstr(error.text, "/socket: No such file or directory"));
	part("child.ask", "");
	accept_no_more(accept_at(path));
	assert_null(child_connect(&here.loop, path, &hooks, &heard, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_non_null(strstr(error.text, "/socket: Connection refused"));
	run_dry();
	assert_false(heard.ended);
}

/* ---- a pool ---- */

static int begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	pool = pool_new(&here.loop, in_directory("child"));
	return 0;
}

static int end(void **state)
{
	pool_free(pool);
	pool = NULL;
	return controlling_end(state);
}

static struct child *take(struct heard *heard)
{
	struct error error;
	struct child *child = pool_take(pool, &hooks, heard, &error);

	heard->pooled = true;
	if (!child)
		fail_msg("%s", error.text);
	return child;
}

static void a_child_that_is_given_back_is_taken_again(void **state)
{
	struct heard first = { 0 }, second = { 0 };
	struct child *child, *other;

	(void)state;
	part("child.ask", "say hello");
	child = take(&first);
	other = take(&second);
	assert_ptr_not_equal(child, other);
	say(child, "work ask");
	run_until(&first.spoke);
	pool_give_back(pool, child);
	assert_ptr_equal(take(&second), child);
	say(child, "work ask");
	run_until(&second.spoke);
	assert_int_equal(first.messages, 1);
	pool_discard(pool, child);
	pool_discard(pool, other);
	run_dry();
	assert_false(first.ended);
	assert_false(second.ended);
}

static void a_pool_can_have_them_from_a_socket(void **state)
{
	struct heard heard = { 0 };
	struct child *child;
	pid_t process;

	(void)state;
	pool_free(pool);
	pool = pool_of_socket(&here.loop, in_directory("socket"));
	part("child.ask", "say hello");
	process = accept_at(in_directory("socket"));
	child = take(&heard);
	say(child, "work ask");
	run_until(&heard.spoke);
	pool_give_back(pool, child);
	assert_ptr_equal(take(&heard), child);
	pool_discard(pool, child);
	run_dry();
	accept_no_more(process);
	assert_false(heard.ended);
}

static void an_idle_child_is_ready_before_it_is_needed(void **state)
{
	struct heard heard = { 0 };
	struct child *child;
	size_t open;

	(void)state;
	part("child.start", "mark started");
	pool_warm(pool);
	open = open_descriptors();
	pool_warm(pool);
	assert_int_equal(open_descriptors(), open);
	child = take(&heard);
	say(child, "work ask");
	child_close(child);
	run_until(&heard.ended);
	assert_true(was_marked("started"));
}

static bool a_child_is_left(void)
{
	return uv_loop_alive(&here.loop);
}

static void a_child_that_ends_while_idle_is_forgotten(void **state)
{
	struct heard heard = { 0 };

	(void)state;
	part("child.start", "once first\nexit 1\nsay second");
	pool_warm(pool);
	run_while(a_child_is_left);
	(void)take(&heard);
	run_until(&heard.spoke);
	assert_string_equal(heard.text, "second");
	assert_false(heard.ended);
}

static void a_child_is_let_go_after_its_uses(void **state)
{
	struct heard heard = { 0 };
	struct child *child;

	(void)state;
	part("child.ask", "say hello");
	child = take(&heard);
	for (int i = 1; i < POOL_USES; i++) {
		pool_give_back(pool, child);
		assert_ptr_equal(take(&heard), child);
	}
	pool_give_back(pool, child);
	run_while(a_child_is_left);
	assert_false(heard.ended);
}

static void few_children_are_kept_idle(void **state)
{
	struct child *children[POOL_IDLE_MAX + 3];
	struct heard heard = { 0 };
	size_t open;

	(void)state;
	part("child.ask", "say hello");
	for (size_t i = 0; i < POOL_IDLE_MAX + 3; i++)
		children[i] = take(&heard);
	open = open_descriptors();
	for (size_t i = 0; i < POOL_IDLE_MAX + 3; i++)
		pool_give_back(pool, children[i]);
	while (open_descriptors() > open - 3)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	assert_false(heard.ended);
}

static int served;

static void count_served(struct place_in_queue *place)
{
	(void)place;
	served++;
}

static void who_comes_with_many_others_waits_for_a_place(void **state)
{
	struct place_in_queue first = { .ready = count_served }, second = first, third = first;
	struct child *children[POOL_BUSY_MAX];
	struct heard heard = { 0 };

	(void)state;
	part("child.ask", "say hello");
	served = 0;
	for (size_t i = 0; i < POOL_BUSY_MAX; i++)
		children[i] = take(&heard);
	pool_queue(pool, &first);
	pool_queue(pool, &second);
	pool_queue(pool, &third);
	assert_int_equal(served, 0);
	pool_leave(pool, &second);
	pool_give_back(pool, children[0]);
	assert_int_equal(served, 2);
	assert_false(third.queued);

	children[0] = take(&heard);
	pool_queue(pool, &second);
	pool_stop(pool);
	for (size_t i = 0; i < POOL_BUSY_MAX; i++)
		pool_discard(pool, children[i]);
	assert_int_equal(served, 2);
	run_dry();
}

static void a_pool_may_go_while_its_children_end(void **state)
{
	struct heard heard = { 0 };

	(void)state;
	part("child.start", "exit 1");
	pool_warm(pool);
	pool_discard(pool, take(&heard));
	pool_warm(pool);
	pool_free(pool);
	pool = NULL;
	run_dry();
	assert_false(heard.ended);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(a_child_answers_and_ends_when_told),
		claim(the_last_words_come_before_the_end),
		claim(a_kill_ends_it),
		claim(a_child_has_nothing_of_ours),
		claim(a_program_that_is_not_there_is_told),
		claim(what_is_no_message_ends_the_child),
		claim(a_child_behind_a_socket_answers_and_ends_when_told),
		claim(its_end_is_noticed_after_its_last_words),
		claim(to_kill_it_is_to_let_go_of_it),
		claim(a_socket_where_nobody_listens_is_told),
		claim(a_pool_can_have_them_from_a_socket),
		claim(a_child_that_is_given_back_is_taken_again),
		claim(an_idle_child_is_ready_before_it_is_needed),
		claim(a_child_that_ends_while_idle_is_forgotten),
		claim(a_child_is_let_go_after_its_uses),
		claim(few_children_are_kept_idle),
		claim(who_comes_with_many_others_waits_for_a_place),
		claim(a_pool_may_go_while_its_children_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
