#include "tests/unit/unit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/children/inspector.h"
#include "tests/unit/controlling.h"
#include "tests/unit/material.h"

static struct pool *pool;

struct asked {
	struct inspection *inspection;
	bool done;
};

/* The linker puts this in front of libuv's: see meson.build. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat);

static uint64_t hurry = 1;

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat)
{
	if (timeout == INSPECTION_DEADLINE_MS)
		timeout /= hurry;
	return __real_uv_timer_start(timer, called, timeout, repeat);
}

static int begin(void **state)
{
	hurry = 1;
	if (controlling_begin(state) != 0)
		return -1;
	pool = pool_new(&here.loop, in_directory("inspector"));
	return 0;
}

static int end(void **state)
{
	pool_free(pool);
	return controlling_end(state);
}

static void on_done(void *context, struct inspection *inspection)
{
	struct asked *asked = context;

	assert_ptr_equal(asked->inspection, inspection);
	assert_false(asked->done);
	asked->done = true;
}

static void add(struct asked *asked, const char *name, const char *content)
{
	struct error error;
	int fd = -1;

	if (!asked->inspection)
		asked->inspection = inspection_new(NULL, 1000000, NULL, NULL);
	assert_true(memfd_of("file", content, strlen(content), &fd, &error));
	inspection_add_file(asked->inspection, name, "the digest", fd, 1);
}

static void begin_inspecting(struct asked *asked)
{
	inspection_start(asked->inspection, pool, on_done, asked);
	assert_false(asked->done);
}

static void inspect(struct asked *asked)
{
	begin_inspecting(asked);
	run_until(&asked->done);
}

static void asked_done(const struct asked *asked)
{
	inspection_free(asked->inspection);
}

static const struct record *of(const struct asked *asked, const char *file)
{
	const struct record *record =
			records_find(inspection_records(asked->inspection), "file", file);

	if (!record)
		fail_msg("nothing is said of %s", file);
	return record;
}

static void assert_state(const struct asked *asked, const char *file, const char *state)
{
	assert_string_equal(record_word(of(asked, file), 2), state);
}

static void assert_no_failure(const struct asked *asked)
{
	if (inspection_failure(asked->inspection))
		fail_msg("%s", inspection_failure(asked->inspection));
}

/* ---- with the real program ---- */

static void a_pair_becomes_a_credential(void **state)
{
	autodone(asked) struct asked asked = { 0 };
	autodone(identity) struct identity leaf = { 0 };
	autodone(buffer) struct buffer certificate = { 0 }, key = { 0 };
	const struct record *credential;

	(void)state;
	assert_int_equal(symlink(INSPECT, in_directory("inspector")), 0);
	identity_make(&leaf, &(struct recipe){ .name = "web.example" });
	add_certificate(&certificate, &leaf);
	add_key(&key, &leaf, NULL);
	add(&asked, "notes.txt", "nothing of the kind");
	add(&asked, "cert.pem", buffer_text(&certificate));
	add(&asked, "key.pem", buffer_text(&key));
	inspect(&asked);

	assert_no_failure(&asked);
	assert_state(&asked, "cert.pem", "sound");
	assert_state(&asked, "key.pem", "sound");
	assert_state(&asked, "notes.txt", "ignored");
	credential = records_find(inspection_records(asked.inspection), "credential", NULL);
	assert_non_null(credential);
	assert_string_equal(record_text(credential, "subject"), "CN=web.example");
	assert_true(inspection_credential(asked.inspection, 0) >= 0);
	assert_int_equal(inspection_credential(asked.inspection, 1), -1);
	assert_string_equal(inspection_digest(asked.inspection, "key.pem"), "the digest");
	assert_null(inspection_digest(asked.inspection, "other.pem"));
}

static void what_was_known_beforehand_is_told_too(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	assert_int_equal(symlink(INSPECT, in_directory("inspector")), 0);
	add(&asked, "notes.txt", "nothing of the kind");
	inspection_add_verdict(asked.inspection, "large.pem", "refused", "large.pem is too large");
	inspect(&asked);
	assert_state(&asked, "notes.txt", "ignored");
	assert_state(&asked, "large.pem", "refused");
}

static void no_file_at_all_needs_no_program(void **state)
{
	struct asked none = { .inspection = inspection_new(NULL, 1000, NULL, NULL) };

	(void)state;
	inspection_add_verdict(none.inspection, "large.pem", "refused", "large.pem is too large");
	inspect(&none);
	assert_state(&none, "large.pem", "refused");
	assert_no_failure(&none);
	asked_done(&none);
}

/* ---- with programs that misbehave ---- */

static void a_file_that_kills_is_blamed_alone(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "if bad\nkill\nsound");
	add(&asked, "a.pem", "x");
	add(&asked, "bad.pem", "x");
	add(&asked, "b.pem", "x");
	inspect(&asked);
	assert_no_failure(&asked);
	assert_state(&asked, "a.pem", "sound");
	assert_state(&asked, "b.pem", "sound");
	assert_state(&asked, "bad.pem", "refused");
	assert_string_equal(record_word(of(&asked, "bad.pem"), 3),
			"bad.pem made the program that inspects it fail (it was ended by signal 9)");
	assert_int_equal(inspection_records(asked.inspection)->count, 3);
}

static void a_file_that_hangs_it_is_blamed_alone(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	hurry = 100;
	part("inspector.inspect", "if bad\nhang\nsound");
	add(&asked, "bad.pem", "x");
	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_state(&asked, "a.pem", "sound");
	assert_state(&asked, "bad.pem", "refused");
	assert_non_null(strstr(record_word(of(&asked, "bad.pem"), 3), "took too long"));
}

static void a_file_that_makes_it_talk_nonsense_is_blamed_alone(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "if bad\nsay file \"bad\nsound");
	add(&asked, "a.pem", "x");
	add(&asked, "bad.pem", "x");
	inspect(&asked);
	assert_state(&asked, "a.pem", "sound");
	assert_state(&asked, "bad.pem", "refused");
}

static void several_files_that_kill_are_all_found(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "if bad\nexit 4\nsound");
	add(&asked, "bad1.pem", "x");
	add(&asked, "bad2.pem", "x");
	add(&asked, "a.pem", "x");
	add(&asked, "bad3.pem", "x");
	inspect(&asked);
	assert_state(&asked, "a.pem", "sound");
	assert_state(&asked, "bad1.pem", "refused");
	assert_state(&asked, "bad2.pem", "refused");
	assert_state(&asked, "bad3.pem", "refused");
}

static void files_that_kill_only_together_are_refused_together(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "if a.pem & b.pem\nkill\nsound");
	add(&asked, "a.pem", "x");
	add(&asked, "b.pem", "x");
	inspect(&asked);
	assert_state(&asked, "a.pem", "refused");
	assert_state(&asked, "b.pem", "refused");
	assert_int_equal(inspection_records(asked.inspection)->count, 2);
}

static void a_death_by_chance_is_nobodys_fault(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "once chance\nkill\nsound");
	add(&asked, "a.pem", "x");
	add(&asked, "b.pem", "x");
	inspect(&asked);
	assert_true(was_marked("chance"));
	assert_state(&asked, "a.pem", "sound");
	assert_state(&asked, "b.pem", "sound");
}

/* Children of ours that have ended and that nobody has asked for yet; see proc(5). */
static bool is_dead(long child)
{
	char path[64], facts[512] = "";
	const char *state;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", child);
	file = fopen(path, "re");
	if (!file)
		return false;
	(void)!fgets(facts, sizeof(facts), file);
	(void)fclose(file);
	state = strrchr(facts, ')');
	return state && strncmp(state, ") Z", 3) == 0;
}

static int dead_children(void)
{
	FILE *children = fopen("/proc/thread-self/children", "re");
	char list[4096] = "";
	char *rest = list;
	int dead = 0;
	long child;

	assert_non_null(children);
	(void)!fgets(list, sizeof(list), children);
	(void)fclose(children);
	while ((child = strtol(rest, &rest, 10)) > 0)
		dead += is_dead(child);
	return dead;
}

static void ignore_message(struct child *child, void *context, struct message *message)
{
	(void)child;
	(void)context;
	(void)message;
}

static void ignore_end(struct child *child, void *context, const char *how)
{
	(void)child;
	(void)context;
	(void)how;
}

static void children_that_died_while_idle_are_replaced(void **state)
{
	static const struct child_hooks ignore = { ignore_message, ignore_end };
	autodone(asked) struct asked asked = { 0 };
	struct child *idle[3];
	struct error error;

	(void)state;
	part("inspector.start", "once a\nexit 1\nonce b\nexit 1\nonce c\nexit 1");
	part("inspector.inspect", "sound");
	for (size_t i = 0; i < 3; i++)
		idle[i] = pool_take(pool, &ignore, NULL, &error);
	for (size_t i = 0; i < 3; i++)
		pool_give_back(pool, idle[i]);
	while (dead_children() < 3)
		(void)sched_yield();

	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_no_failure(&asked);
	assert_state(&asked, "a.pem", "sound");
}

static void a_program_that_cannot_run_is_no_files_fault(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.start", "exit 127");
	add(&asked, "a.pem", "x");
	add(&asked, "b.pem", "x");
	inspect(&asked);
	assert_non_null(inspection_failure(asked.inspection));
	assert_null(records_find(inspection_records(asked.inspection), "file", NULL));
}

static void a_program_that_answers_nothing_is_no_files_fault(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	hurry = 100;
	part("inspector.inspect", "hang");
	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_string_equal(inspection_failure(asked.inspection),
			"the program that inspects files took too long");
}

static void a_program_that_is_not_there_is_told(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_non_null(strstr(inspection_failure(asked.inspection), "no such file"));
}

static void what_the_program_says_it_lacks_is_told(void **state)
{
	autodone(asked) struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "say failed configuration \"line 3 is too long\"\\n");
	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_string_equal(inspection_failure(asked.inspection), "line 3 is too long");
}

static void passphrases_that_cannot_be_read_are_told(void **state)
{
	struct asked asked = { .inspection = inspection_new(NULL, 1, in_directory("none"), NULL) };

	(void)state;
	part("inspector.inspect", "sound");
	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_non_null(strstr(inspection_failure(asked.inspection), "passphrases"));
	assert_non_null(strstr(inspection_failure(asked.inspection), "No such file"));
	asked_done(&asked);
}

/* Whoever opens a FIFO waits until somebody writes to it, and everything else with him. */
static void passphrases_in_a_fifo_stall_nothing(void **state)
{
	struct asked asked = { .inspection = inspection_new(NULL, 1, in_directory("fifo"), NULL) };

	(void)state;
	assert_int_equal(mkfifo(in_directory("fifo"), 0600), 0);
	part("inspector.inspect", "sound");
	add(&asked, "a.pem", "x");
	inspect(&asked);
	assert_non_null(strstr(inspection_failure(asked.inspection), "it is no regular file"));
	asked_done(&asked);
}

/* ---- going away ---- */

static void whoever_abandons_hears_nothing(void **state)
{
	struct asked asked = { 0 };

	(void)state;
	part("inspector.inspect", "mark asked\nsound");
	add(&asked, "a.pem", "x");
	begin_inspecting(&asked);
	inspection_abandon(asked.inspection);
	pool_free(pool);
	pool = NULL;
	run_dry();
	assert_false(asked.done);
}

struct leaving {
	uv_check_t check;
	struct asked asked;
	bool left;
};

static void find_closing(uv_handle_t *handle, void *context)
{
	if (handle->type == UV_TIMER && uv_is_closing(handle))
		*(bool *)context = true;
}

/* Between the answer and done(). */
static void leave_when_closing(uv_check_t *check)
{
	struct leaving *leaving = check->data;
	bool closing = false;

	uv_walk(&here.loop, find_closing, &closing);
	if (!closing || leaving->left)
		return;
	leaving->left = true;
	inspection_abandon(leaving->asked.inspection);
	uv_close((uv_handle_t *)check, NULL);
}

static void it_may_be_abandoned_when_it_is_as_good_as_done(void **state)
{
	struct leaving leaving = { 0 };

	(void)state;
	part("inspector.inspect", "sound");
	(void)uv_check_init(&here.loop, &leaving.check);
	leaving.check.data = &leaving;
	(void)uv_check_start(&leaving.check, leave_when_closing);
	add(&leaving.asked, "a.pem", "x");
	begin_inspecting(&leaving.asked);
	run_until(&leaving.left);
	assert_false(leaving.asked.done);
}

static void many_at_once_do_not_mix(void **state)
{
	struct asked asked[9] = { { 0 } };

	(void)state;
	part("inspector.inspect", "if bad\nkill\nsound");
	for (size_t i = 0; i < 9; i++) {
		add(&asked[i], arena_printf(here.arena, "%zu.pem", i), "x");
		if (i % 3 == 0)
			add(&asked[i], "bad.pem", "x");
		begin_inspecting(&asked[i]);
	}
	for (size_t i = 0; i < 9; i++) {
		run_until(&asked[i].done);
		assert_no_failure(&asked[i]);
		assert_state(&asked[i], arena_printf(here.arena, "%zu.pem", i), "sound");
		if (i % 3 == 0)
			assert_state(&asked[i], "bad.pem", "refused");
		asked_done(&asked[i]);
	}
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(a_pair_becomes_a_credential),
		claim(what_was_known_beforehand_is_told_too),
		claim(no_file_at_all_needs_no_program),
		claim(a_file_that_kills_is_blamed_alone),
		claim(a_file_that_hangs_it_is_blamed_alone),
		claim(a_file_that_makes_it_talk_nonsense_is_blamed_alone),
		claim(several_files_that_kill_are_all_found),
		claim(files_that_kill_only_together_are_refused_together),
		claim(a_death_by_chance_is_nobodys_fault),
		claim(children_that_died_while_idle_are_replaced),
		claim(a_program_that_cannot_run_is_no_files_fault),
		claim(a_program_that_answers_nothing_is_no_files_fault),
		claim(a_program_that_is_not_there_is_told),
		claim(what_the_program_says_it_lacks_is_told),
		claim(passphrases_that_cannot_be_read_are_told),
		claim(passphrases_in_a_fifo_stall_nothing),
		claim(whoever_abandons_hears_nothing),
		claim(it_may_be_abandoned_when_it_is_as_good_as_done),
		claim(many_at_once_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
