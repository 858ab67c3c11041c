#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/apply/deadline.h"
#include "controller/apply/http/http-request.h"
#include "controller/apply/lease/leases.h"
#include "tests/unit/etcd-server.h"
#include "tests/unit/worker.h"

/* The shortest that etcd gives, and one that nobody waits for. */
enum { SHORT_MS = 2000, LONG_MS = 60000, PATIENCE_MS = 30000, PAUSE_MS = 50 };

static struct pair pair;
static struct etcd_server server;
static char *directory;
static struct arena *arena;
static struct web *web;

static int set_up(void **state)
{
	(void)state;
	pair_make(&pair, "localhost");
	etcd_server_start(&server, &pair);
	directory = directory_new();
	arena = arena_new();
	web = web_new();
	write_text(arena_printf(arena, "%s/ca.pem", directory), pair.certificate);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	web_free(web);
	etcd_server_stop(&server);
	pair_done(&pair);
	directory_gone(directory);
	arena_free(arena);
	return 0;
}

/* ---- what is taken ---- */

static struct words words_of(const char *one, const char *two)
{
	const char **items = arena_new_many(arena, const char *, 2);

	items[0] = one;
	items[1] = two;
	return (struct words){ .items = items, .count = two ? 2 : 1 };
}

static struct lease_step in_etcd(const char *name, long ttl_ms)
{
	return (struct lease_step){
		.leases = words_of(name, NULL),
		.store = "etcd",
		.endpoints = words_of(server.url, NULL),
		.ca_file = arena_printf(arena, "%s/ca.pem", directory),
		.ttl_ms = ttl_ms,
	};
}

static struct lease_step here(const char *name)
{
	return (struct lease_step){
		.leases = words_of(name, NULL),
		.store = "local",
		.directory = arena_printf(arena, "%s/leases", directory),
	};
}

static bool take(struct leases *leases, const struct lease_step *step, struct error *error)
{
	return leases_take(leases, step, deadline_now() + PATIENCE_MS, error);
}

static void assert_taken(struct leases *leases, const struct lease_step *step)
{
	struct error error = { 0 };

	if (!take(leases, step, &error))
		fail_msg("%s", error.text);
	assert_true(leases_verify(leases, &error));
}

static void assert_refused(const struct lease_step *step, const char *says)
{
	struct leases *leases = leases_new(web);
	struct error error = { 0 };

	assert_false(take(leases, step, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	if (!strstr(error.text, says))
		fail_msg("%s", error.text);
	leases_free(leases);
}

/* As soon as it is free. */
static void assert_taken_in_time(const struct lease_step *step)
{
	struct leases *leases = leases_new(web);
	struct error error = { 0 };

	for (int waited = 0; !take(leases, step, &error); waited += PAUSE_MS) {
		if (waited > PATIENCE_MS)
			fail_msg("%s", error.text);
		(void)poll(NULL, 0, PAUSE_MS);
	}
	leases_free(leases);
}

/* ---- both stores ---- */

static void assert_exclusive(const struct lease_step *step, const struct lease_step *both,
		const struct lease_step *free_one)
{
	struct leases *holder = leases_new(web), *other = leases_new(web);

	assert_taken(holder, step);
	assert_refused(step, "is held by certdrop on ");
	/* All or none: what was free stays free. */
	assert_refused(both, "held by");
	assert_taken(other, free_one);
	leases_free(other);

	leases_free(holder);
	holder = leases_new(web);
	assert_taken(holder, both);
	leases_free(holder);
}

static void a_local_lease_has_one_holder_at_a_time(void **state)
{
	const struct lease_step step = here("crdb-1"), free_one = here("crdb-0");
	struct lease_step both = here("crdb-0");

	(void)state;
	both.leases = words_of("crdb-0", "crdb-1");
	assert_exclusive(&step, &both, &free_one);
}

static void a_lease_in_etcd_has_one_holder_at_a_time(void **state)
{
	const struct lease_step step = in_etcd("crdb-1", LONG_MS);
	const struct lease_step free_one = in_etcd("crdb-0", LONG_MS);
	struct lease_step both = in_etcd("crdb-0", LONG_MS);

	(void)state;
	both.leases = words_of("crdb-0", "crdb-1");
	assert_exclusive(&step, &both, &free_one);
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const names[] = { "", ".", "../x", "a/b", "a b" };
	struct leases *leases = leases_new(web);
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct lease_step step = here(names[i]);

		assert_false(take(leases, &step, &error));
		assert_int_equal(error.kind, ERROR_INTERNAL);
	}
	leases_free(leases);
}

/* ---- local ---- */

static void a_lock_whose_file_is_gone_is_lost(void **state)
{
	const struct lease_step step = here("gone");
	struct leases *leases = leases_new(web);
	struct error error = { 0 };

	(void)state;
	assert_taken(leases, &step);
	assert_int_equal(remove(arena_printf(arena, "%s/leases/gone", directory)), 0);
	assert_false(leases_verify(leases, &error));
	assert_non_null(strstr(error.text, "the lease is lost"));
	assert_true(leases_lost(leases));
	leases_free(leases);
}

/* ---- etcd ---- */

static void remove_key(const char *base64)
{
	const struct lease_step lease = in_etcd("any", LONG_MS);
	const char *body = arena_printf(arena, "{\"key\": \"%s\"}", base64);
	const struct http_step step = {
		.method = "POST",
		.url = arena_printf(arena, "%s/v3/kv/deleterange", server.url),
		.ca_file = lease.ca_file,
	};
	const struct http_request request = {
		.arena = arena,
		.web = web,
		.step = &step,
		.body = { .bytes = body, .length = strlen(body) },
		.deadline = deadline_now() + PATIENCE_MS,
	};
	autodone(http_reply) struct http_reply reply = { 0 };
	struct error error;

	assert_true(http_send(&request, &reply, &error));
	assert_int_equal(reply.status, 200);
}

static void a_key_that_was_removed_is_lost_for_good(void **state)
{
	const struct lease_step step = in_etcd("removed", LONG_MS);
	struct leases *leases = leases_new(web), *next = leases_new(web);
	struct error error = { 0 };

	(void)state;
	assert_taken(leases, &step);
	remove_key("Y2VydGRyb3AvbGVhc2VzL3JlbW92ZWQ="); /* certdrop/leases/removed */
	assert_taken(next, &step);
	assert_false(leases_verify(leases, &error));
	assert_non_null(strstr(error.text, "somebody else has it"));
	leases_free(next);
	assert_false(leases_verify(leases, &error));
	leases_free(leases);
}

static void an_endpoint_that_does_not_answer_is_passed_over(void **state)
{
	struct lease_step step = in_etcd("endpoints", LONG_MS);
	struct leases *leases = leases_new(web);

	(void)state;
	step.endpoints = words_of("https://localhost:1", server.url);
	assert_taken(leases, &step);
	leases_free(leases);
	step.endpoints = words_of("https://localhost:1", NULL);
	assert_refused(&step, "localhost");
}

static void another_server_is_not_trusted(void **state)
{
	struct lease_step step = in_etcd("trust", LONG_MS);

	(void)state;
	step.ca_file = NULL;
	assert_refused(&step, "certificate");
}

/* A process of its own, from its first instruction: this one has threads that renew leases, and may hold any
 * lock at the moment of a fork. Takes a lease, tells so, and does nothing more. */
_Noreturn static void hold(char **arguments)
{
	const char *name[] = { arguments[0] }, *endpoint[] = { arguments[1] };
	const struct lease_step step = {
		.leases = { .items = name, .count = 1 },
		.store = "etcd",
		.endpoints = { .items = endpoint, .count = 1 },
		.ca_file = arguments[2],
		.ttl_ms = SHORT_MS,
	};
	const bool stopping = strcmp(arguments[3], "stopping") == 0;
	struct leases *leases = leases_new(web_new());
	struct error error = { 0 };

	if (!take(leases, &step, &error) || write(STDOUT_FILENO, "x", 1) != 1)
		_exit(1);
	if (stopping)
		(void)raise(SIGSTOP);
	for (;;)
		(void)pause();
}

static pid_t start_holder(const struct lease_step *step, const char *stopping)
{
	const char *const self = "/proc/self/exe";
	int fds[2];
	char told;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)execl(self, self, step->leases.items[0], step->endpoints.items[0],
				step->ca_file, stopping, (char *)NULL);
		_exit(1);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &told, 1), 1);
	(void)close(fds[0]);
	return pid;
}

static void assert_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Nobody lets it go on: the kernel ends it while it is stopped. Beside it somebody holds another
 * lease for longer than that takes, and still has it. */
static void a_stopped_holder_dies_and_a_running_one_renews(void **state)
{
	const struct lease_step stopped = in_etcd("stopped", SHORT_MS);
	const struct lease_step running = in_etcd("running", SHORT_MS);
	struct leases *leases = leases_new(web);
	const long long started = deadline_now();
	struct error error = { 0 };

	(void)state;
	assert_taken(leases, &running);
	assert_killed(start_holder(&stopped, "stopping"));
	assert_taken_in_time(&stopped);
	while (deadline_now() < started + 2L * SHORT_MS)
		(void)poll(NULL, 0, PAUSE_MS);
	if (!leases_verify(leases, &error))
		fail_msg("%s", error.text);
	assert_refused(&running, "is held by");
	leases_free(leases);
}

/* The last test: etcd does not come back. */
static void a_holder_that_is_cut_off_dies(void **state)
{
	const struct lease_step step = in_etcd("cut-off", SHORT_MS);
	const struct lease_step other = in_etcd("verified", LONG_MS);
	struct leases *leases = leases_new(web);
	struct error error = { 0 };
	pid_t holder;

	(void)state;
	assert_taken(leases, &other);
	holder = start_holder(&step, "running");
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	assert_killed(holder);
	assert_false(leases_verify(leases, &error));
	assert_non_null(strstr(error.text, "it cannot be verified"));
	leases_free(leases);
}

/* ---- jobs ---- */

static const char *local_step(void)
{
	return arena_printf(arena,
			"prepare lease hold\n\tlease job\n\tstore local\n\tdirectory %s\n",
			directory);
}

static void a_job_that_loses_its_lease_does_nothing_more(void **state)
{
	struct pair *const pairs[] = { &pair, NULL };
	const char *touched = arena_printf(arena, "%s/touched", directory);
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply",
			arena_printf(arena,
					"plan web put\n\tcredential %s\n%s"
					"undo command back\n\targv /bin/touch %s\n"
					"change command first\n\targv /bin/rm %s/job\n"
					"change command second\n\targv /bin/touch %s\n",
					pair.digest.hex, local_step(), touched, directory, touched),
			pairs, NEVER);
	assert_string_equal(c.end, "stuck");
	assert_non_null(strstr(failure_in(&c), "the lease is lost"));
	assert_null(read_text(touched));
}

static void a_job_gives_its_lease_back(void **state)
{
	struct pair *const pairs[] = { &pair, NULL };
	autodone(conversation) struct conversation c, d;
	const char *plan = arena_printf(
			arena, "plan web put\n\tcredential %s\n%s", pair.digest.hex, local_step());

	(void)state;
	converse(&c, "work apply", plan, pairs, NEVER);
	assert_string_equal(c.end, "applied");
	converse(&d, "work apply", plan, pairs, NEVER);
	assert_string_equal(d.end, "applied");
}

static void an_undo_needs_the_lease(void **state)
{
	struct pair *const pairs[] = { &pair, NULL };
	const char *touched = arena_printf(arena, "%s/undone", directory);
	const char *plan = arena_printf(arena,
			"plan web put\n\tcredential %s\n%sundo command back\n\targv /bin/touch %s\n"
			"change command first\n\targv /bin/true\n",
			pair.digest.hex, local_step(), touched);
	struct lease_step step = here("job");
	struct leases *other = leases_new(web);
	autodone(conversation) struct conversation c, d;

	(void)state;
	step.directory = directory;
	assert_taken(other, &step);
	converse(&c, "work undo\n\tbegun 2", plan, pairs, NEVER);
	assert_string_equal(c.end, "stuck");
	assert_non_null(strstr(failure_in(&c), "the lease job is held by certdrop on "));
	assert_null(read_text(touched));
	leases_free(other);

	converse(&d, "work undo\n\tbegun 2", plan, pairs, NEVER);
	assert_string_equal(d.end, "undone");
	assert_int_equal(remove(touched), 0);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_local_lease_has_one_holder_at_a_time),
		cmocka_unit_test(a_lease_in_etcd_has_one_holder_at_a_time),
		cmocka_unit_test(names_that_lead_elsewhere_are_refused),
		cmocka_unit_test(a_lock_whose_file_is_gone_is_lost),
		cmocka_unit_test(a_key_that_was_removed_is_lost_for_good),
		cmocka_unit_test(an_endpoint_that_does_not_answer_is_passed_over),
		cmocka_unit_test(another_server_is_not_trusted),
		cmocka_unit_test(a_stopped_holder_dies_and_a_running_one_renews),
		cmocka_unit_test(a_job_that_loses_its_lease_does_nothing_more),
		cmocka_unit_test(a_job_gives_its_lease_back),
		cmocka_unit_test(an_undo_needs_the_lease),
		cmocka_unit_test(a_holder_that_is_cut_off_dies),
	};

	if (count > 1)
		hold(arguments + 1);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
