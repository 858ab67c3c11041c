#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/answer/control.h"
#include "controller/certdrop/answer/report.h"
#include "controller/certdrop/answer/request.h"
#include "controller/certdrop/commands/client.h"
#include "tests/unit/controlling.h"

struct told {
	bool done;
	json_t *document;
	int exit;
	char error[256];
	int events;
	char reason[256];
};

static struct told told;
static struct control *control;

static int begin(void **state)
{
	told = (struct told){ 0 };
	if (controlling_begin(state) != 0)
		return -1;
	part("inspector.start", "");
	return 0;
}

static int end(void **state)
{
	json_decref(told.document);
	return controlling_end(state);
}

static void on_progress(void *context, json_t *event)
{
	struct told *to = context;
	const char *reason = json_string_value(json_object_get(event, "reason"));

	to->events++;
	assert_string_equal(json_string_value(json_object_get(event, "target")), "web");
	(void)snprintf(to->reason, sizeof(to->reason), "%s", reason ? reason : "");
}

static void on_done(void *context, json_t *document, int exit, const char *error)
{
	struct told *to = context;

	assert_false(to->done);
	assert_true((document == NULL) == (error != NULL));
	to->done = true;
	to->document = document;
	to->exit = exit;
	(void)snprintf(to->error, sizeof(to->error), "%s", error ? error : "");
}

static const struct request_hooks hooks = { .progress = on_progress, .done = on_done };

static struct request *ask(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	struct request *request;

	assert_non_null(json);
	request = request_start(here.controller, json, &hooks, &told);
	json_decref(json);
	return request;
}

static const json_t *field(const char *list, const char *name)
{
	return json_object_get(json_array_get(json_object_get(told.document, list), 0), name);
}

static void want(const char *name)
{
	const struct words none = { 0 };

	subject_want(here.subject, make_credential(name), NULL, none);
}

/* The worker's answer to "what is installed". */
static void install(const char *fingerprint)
{
	part("worker.ask",
			arena_printf(here.arena,
					"say answer installed\\n\\tleaf %s 4000000000\\nend asked\\n",
					fingerprint));
}

/* ---- what is no request ---- */

static void assert_refused(const char *text, const char *why)
{
	told = (struct told){ 0 };
	assert_null(ask(text));
	assert_true(told.done);
	assert_int_equal(told.exit, 1);
	assert_string_equal(told.error, why);
}

static void what_is_unknown_is_refused_at_once(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	assert_refused("{\"command\": \"dance\"}", "unknown command");
	assert_refused("{}", "unknown command");
	assert_refused("[]", "unknown command");
	assert_refused("{\"command\": \"status\", \"targets\": [\"web\", \"moon\"]}",
			"there is no target \"moon\"");
	assert_refused("{\"command\": \"status\", \"targets\": [5]}", "there is no target \"\"");
	assert_refused("{\"command\": \"rollback\", \"targets\": [\"web\"]}",
			"web has no predecessor to go back to");
	assert_refused("{\"command\": \"rollback\"}", "name one target to roll back");
	assert_refused("{\"command\": \"explain\"}", "name one target to explain");
	assert_refused("{\"command\": \"history\", \"targets\": [\"web\", \"mail\"]}",
			"history is told of one target, or of all");
}

/* ---- plan ---- */

static void what_was_begun_and_then_lost_leaves_nothing_to_plan(void **state)
{
	const struct pass_entry entry = { .target = "web", .plan = "plan" };
	const struct credential *wanted;
	const struct words none = { 0 };

	(void)state;
	install("other");
	start_controller(MODE_ONCE);
	wanted = make_credential("wanted");
	subject_want(here.subject, wanted, NULL, none);
	(void)journal_pass_begin(here.controller->journal, &entry);
	stop_controller();
	damage_credential(wanted);
	start_controller(MODE_DRY);
	assert_non_null(ask("{\"command\": \"plan\", \"targets\": [\"web\"]}"));
	run_until(&told.done);
	assert_int_equal(json_array_size(field("plans", "steps")), 0);
}

static void a_plan_exits_with_2_when_something_would_be_done(void **state)
{
	const json_t *step;

	(void)state;
	install("other");
	start_controller(MODE_ONCE);
	want("wanted");
	assert_non_null(ask("{\"command\": \"plan\", \"targets\": [\"web\"]}"));
	assert_false(told.done);
	run_until(&told.done);
	assert_int_equal(told.exit, 2);
	assert_string_equal(json_string_value(field("plans", "target")), "web");
	assert_non_null(strstr(json_string_value(field("plans", "text")), "make it so"));
	step = json_array_get(field("plans", "steps"), 1);
	assert_string_equal(json_string_value(json_object_get(step, "phase")), "finish");
	assert_string_equal(json_string_value(json_object_get(step, "kind")), "command");
	assert_string_equal(json_string_value(json_object_get(step, "text")), "tell the others");
	assert_string_equal(json_string_value(json_object_get(step, "disruption")), "remote");
}

static void a_plan_exits_with_0_when_nothing_would_be_done(void **state)
{
	(void)state;
	install("other");
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"plan\"}");
	run_until(&told.done);
	assert_int_equal(told.exit, 0);
	assert_int_equal(json_array_size(json_object_get(told.document, "plans")), 2);
	assert_true(json_is_null(field("plans", "text")));
	assert_string_equal(json_string_value(field("plans", "reason")),
			"no certificate was dropped yet");
	assert_int_equal(json_array_size(field("plans", "unanswered")), 0);
}

/* As with a password that is wrong. */
static void a_plan_exits_with_1_when_what_it_asked_was_not_answered(void **state)
{
	const json_t *unanswered;

	(void)state;
	part("worker.ask",
			"say answer installed\\n\\tfailed \"the password is refused\" configuration\\n"
			"end asked\\n");
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"plan\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_int_equal(told.exit, 1);
	assert_string_equal(json_string_value(field("plans", "reason")),
			"no certificate was dropped yet");
	unanswered = field("plans", "unanswered");
	assert_int_equal(json_array_size(unanswered), 1);
	assert_string_equal(json_string_value(json_array_get(unanswered, 0)),
			"the password is refused");
}

/* It is plan() that knows whether it can do without. */
static void what_a_plan_can_do_without_is_no_failure(void **state)
{
	(void)state;
	part("worker.ask",
			"say answer installed\\n\\tfailed \"the password is refused\" configuration\\n"
			"end asked\\n");
	start_controller(MODE_ONCE);
	want("wanted");
	(void)ask("{\"command\": \"plan\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_int_equal(told.exit, 2);
	assert_int_equal(json_array_size(field("plans", "unanswered")), 0);
}

static void a_plan_exits_with_1_when_the_worker_cannot_be_started(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	want("wanted");
	(void)ask("{\"command\": \"plan\"}");
	run_until(&told.done);
	assert_int_equal(told.exit, 1);
	assert_non_null(strstr(
			json_string_value(field("plans", "reason")), "/worker: no such file"));
}

static void a_plan_exits_with_1_when_the_worker_dies(void **state)
{
	(void)state;
	part("worker.ask", "kill");
	start_controller(MODE_ONCE);
	want("wanted");
	(void)ask("{\"command\": \"plan\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_int_equal(told.exit, 1);
}

static void a_plan_shows_what_is_pending_and_why_it_waits(void **state)
{
	const char *text;

	(void)state;
	here.soak_ms = 3600000;
	start_controller(MODE_ONCE);
	want("wanted");
	install(arena_printf(
			here.arena, "%s 4000000000\\n\\tremains", here.subject->facts.fingerprint));
	assert_non_null(ask("{\"command\": \"plan\", \"targets\": [\"web\"]}"));
	run_until(&told.done);
	assert_int_equal(told.exit, 2);
	text = json_string_value(field("plans", "text"));
	assert_string_equal(text,
			arena_printf(here.arena,
					"plan web \"restart it\"\n\tcredential %s\n"
					"\tfollow-up \"restart it\"\n\tsoak 3600000\n\n"
					"change command restart\n\targv true\n"
					"\tdisruption restart\n",
					here.subject->wanted));
	assert_string_equal(json_string_value(field("plans", "reason")),
			"it waits until the certificate was in service for 1h");
}

/* ---- status ---- */

static void status_has_all_that_is_promised(void **state)
{
	static const char *const fields[] = { "target", "product", "state", "reason", "next",
		"retry_at", "wanted", "installed", "previous", "served", "warnings", "updated" };

	(void)state;
	install("aa11");
	start_controller(MODE_ONCE);
	want("wanted");
	(void)ask("{\"command\": \"status\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_int_equal(told.exit, 1);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		assert_non_null(field("targets", fields[i]));
	assert_string_equal(json_string_value(field("targets", "product")), "fake");
	assert_string_equal(json_string_value(json_object_get(
					    field("targets", "installed"), "fingerprint")),
			"aa11");
	assert_string_equal(
			json_string_value(json_object_get(field("targets", "wanted"), "subject")),
			"CN=wanted");
	assert_true(json_is_array(json_object_get(told.document, "degraded")));
	assert_true(json_is_string(json_object_get(told.document, "version")));
}

static void status_exits_with_0_when_all_is_in_service(void **state)
{
	(void)state;
	install("aa11");
	start_controller(MODE_ONCE);
	want("wanted");
	(void)ask("{\"command\": \"status\", \"targets\": [\"web\"], \"wait_ms\": 20000}");
	while (here.subject->seen_at == 0 || here.subject->pass)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	assert_false(told.done);
	subject_tell_outcome(here.subject, STATE_IN_SERVICE, NULL);
	run_until(&told.done);
	assert_int_equal(told.exit, 0);
	assert_int_equal(told.events, 1);
}

static void keep_status(void)
{
	json_decref(told.document);
	told.document = report_status(here.controller, &here.subject, 1);
}

static void assert_next(const char *state, const char *next)
{
	const char *text;

	keep_status();
	text = json_string_value(field("targets", "next"));
	assert_string_equal(json_string_value(field("targets", "state")), state);
	if (!text || !strstr(text, next))
		fail_msg("next is \"%s\"", text ? text : "nothing");
}

static void what_is_taken_in_waits_for_its_turn_and_is_told_where_it_was_dropped(void **state)
{
	json_t *receipt;

	(void)state;
	part("worker.ask", "hang");
	start_controller(MODE_SERVICE);
	want("wanted");
	assert_next("waiting", "what it has now is being looked at");
	assert_string_equal(json_string_value(field("targets", "reason")),
			"taken in, not yet in service");

	subject_tell_taken_in(here.subject);
	receipt = json_load_file(in_directory("drop/web/receipt.json"), 0, NULL);
	assert_non_null(receipt);
	assert_string_equal(json_string_value(json_object_get(receipt, "subject")), "CN=wanted");
	assert_string_equal(json_string_value(json_object_get(receipt, "state")), "waiting");
	json_decref(receipt);
}

static void without_the_service_an_unfinished_change_is_told(void **state)
{
	const struct pass_entry entry = { .target = "web", .plan = "plan" };
	int64_t pass;

	(void)state;
	start_controller(MODE_ONCE);
	want("wanted");
	pass = journal_pass_begin(here.controller->journal, &entry);
	journal_step_begin(here.controller->journal, pass, 0, false, "make it so");
	stop_controller();

	start_controller(MODE_DRY);
	assert_next("waiting", "certdrop apply web: what is unfinished is taken up first");
	assert_non_null(strstr(json_string_value(field("targets", "reason")), "is unfinished"));
	/* Neither what was dropped since nor what is refused hides it. */
	want("later");
	assert_non_null(strstr(subject_reason(here.subject), "is unfinished"));
	subject_tell_intake(here.subject, STATE_REFUSED, "the key is EC");
	assert_next("refused", "what is unfinished is taken up first");
}

static void what_was_not_answered_is_not_told_as_served(void **state)
{
	(void)state;
	part("worker.ask",
			"say answer installed\\n\\tfailed \"cannot connect\" retry\\n"
			"answer shake\\n\\tfailed 127.0.0.1:1 refused\\nend asked\\n");
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"status\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_int_equal(json_array_size(field("targets", "served")), 1);
	assert_int_equal(json_array_size(field("targets", "unanswered")), 1);
	assert_string_equal(json_string_value(json_array_get(field("targets", "unanswered"), 0)),
			"cannot connect");
	assert_true(json_is_null(field("targets", "installed")));
}

static void what_only_the_product_can_tell_is_installed(void **state)
{
	(void)state;
	part("worker.ask", "say answer registry\\n\\tcertificates ds1 bb22\\nend asked\\n");
	here.shows = "bb22";
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"status\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_string_equal(json_string_value(json_object_get(
					    field("targets", "installed"), "fingerprint")),
			"bb22");
}

static void a_wait_ends_when_its_time_is_over(void **state)
{
	(void)state;
	part("worker.ask", "hang");
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"status\", \"targets\": [\"web\"], \"wait_ms\": 1}");
	run_until(&told.done);
	assert_int_equal(told.exit, 1);
	assert_non_null(here.subject->pass);
}

/* File names are bytes, and reasons name files. */
static void a_reason_that_is_no_utf_8_is_told_all_the_same(void **state)
{
	struct request *request;

	(void)state;
	part("worker.ask", "hang");
	start_controller(MODE_ONCE);
	request = ask("{\"command\": \"status\", \"targets\": [\"web\"], \"wait_ms\": 20000}");
	subject_tell_intake(here.subject, STATE_REFUSED, "k\xFFy.pem is refused");
	assert_int_equal(told.events, 1);
	assert_string_equal(told.reason, "k\xEF\xBF\xBDy.pem is refused");
	request_abandon(request);
}

static void whoever_hangs_up_is_not_told(void **state)
{
	struct request *request;

	(void)state;
	install("other");
	start_controller(MODE_ONCE);
	want("wanted");
	request = ask("{\"command\": \"plan\", \"targets\": [\"web\"]}");
	while (!here.subject->pass)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	request_abandon(request);
	while (here.subject->pass)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	assert_false(told.done);
}

/* ---- rollback ---- */

/* It is asked what it serves all the time: that is no reason to wait. */
static void an_order_to_go_back_waits_only_for_what_is_changed(void **state)
{
	struct request *request;

	(void)state;
	part("worker.ask", "hang");
	start_controller(MODE_ONCE);
	here.subject->predecessor = make_credential("before")->digest;
	controller_due(here.controller, here.subject);
	assert_non_null(here.subject->pass);
	subject_tell_applying(here.subject, NULL);
	assert_refused("{\"command\": \"rollback\", \"targets\": [\"web\"]}",
			"web is being changed: try again when that is over");
	subject_tell_not_applying(here.subject);
	told = (struct told){ 0 };
	request = ask("{\"command\": \"rollback\", \"targets\": [\"web\"]}");
	assert_non_null(request);
	assert_string_equal(here.subject->wanted, make_credential("before")->digest);
	assert_true(here.subject->again);
	request_abandon(request);
}

/* ---- history, explain ---- */

static void explain_and_history_have_what_is_promised(void **state)
{
	(void)state;
	install("aa11");
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"explain\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_int_equal(told.exit, 0);
	assert_string_equal(json_string_value(json_object_get(told.document, "target")), "web");
	assert_string_equal(json_string_value(json_object_get(told.document, "state")), "idle");
	assert_true(json_array_size(json_object_get(told.document, "sentences")) >= 3);
	json_decref(told.document);

	told = (struct told){ 0 };
	(void)journal_pass_begin(here.controller->journal,
			&(struct pass_entry){
					.target = "web", .plan = "unreadable", .started = 1 });
	(void)ask("{\"command\": \"history\"}");
	run_until(&told.done);
	assert_string_equal(json_string_value(field("passes", "outcome")), "open");
	assert_string_equal(json_string_value(field("passes", "started")), "1970-01-01T00:00:01Z");
	assert_true(json_is_null(field("passes", "gap_ms")));
	assert_true(json_is_array(field("passes", "steps")));
}

static bool is_explained(const char *sentence)
{
	const json_t *sentences = json_object_get(told.document, "sentences");

	for (size_t i = 0; i < json_array_size(sentences); i++)
		if (strcmp(json_string_value(json_array_get(sentences, i)), sentence) == 0)
			return true;
	return false;
}

/* A look asks the first questions only. */
static void what_only_the_product_could_tell_is_not_told_to_be_missing(void **state)
{
	(void)state;
	part("worker.ask", "say answer installed\\nend asked\\n");
	start_controller(MODE_ONCE);
	(void)ask("{\"command\": \"explain\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_true(json_array_size(json_object_get(told.document, "sentences")) > 0);
	assert_false(is_explained("no certificate is installed, or it cannot be seen"));

	json_decref(told.document);
	told = (struct told){ 0 };
	here.shows = "bb22";
	(void)ask("{\"command\": \"explain\", \"targets\": [\"web\"]}");
	run_until(&told.done);
	assert_true(is_explained("a certificate is installed (sha256 bb22)"));
}

/* ---- over the socket ---- */

struct call {
	const char *text, *path;
	enum client_outcome outcome;
	json_t *document;
	int exit;
	struct error error;
	uv_async_t over;
	bool is_over;
};

static void on_over(uv_async_t *async)
{
	((struct call *)async->data)->is_over = true;
	uv_close((uv_handle_t *)async, NULL);
}

/* The client blocks, so it calls from a thread of its own. */
static void *call_in_thread(void *context)
{
	struct call *call = context;
	json_t *request = json_loads(call->text, 0, NULL);

	call->outcome = client_ask(
			call->path, request, NULL, &call->document, &call->exit, &call->error);
	json_decref(request);
	(void)uv_async_send(&call->over);
	return NULL;
}

static struct call call_service(const char *text)
{
	static struct call call;
	pthread_t thread;

	call = (struct call){ .text = text, .path = in_directory("run/control.sock") };
	(void)uv_async_init(&here.loop, &call.over, on_over);
	call.over.data = &call;
	assert_int_equal(pthread_create(&thread, NULL, call_in_thread, &call), 0);
	run_until(&call.is_over);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return call;
}

static void the_service_answers_over_its_socket(void **state)
{
	struct error error;
	struct stat facts;
	struct call call;

	(void)state;
	install("aa11");
	start_controller(MODE_ONCE);
	control = control_open(here.controller, in_directory("run/control.sock"), &error);
	assert_non_null(control);
	assert_int_equal(stat(in_directory("run/control.sock"), &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0600);

	call = call_service("{\"command\": \"status\"}");
	assert_int_equal(call.outcome, CLIENT_ANSWERED);
	assert_int_equal(call.exit, 1);
	assert_int_equal(json_array_size(json_object_get(call.document, "targets")), 2);
	json_decref(call.document);
	call = call_service("{\"command\": \"dance\"}");
	assert_int_equal(call.outcome, CLIENT_REFUSED);
	assert_string_equal(call.error.text, "unknown command");
	control_close(control);
	assert_int_equal(access(in_directory("run/control.sock"), F_OK), -1);
	call = call_service("{\"command\": \"status\"}");
	assert_int_equal(call.outcome, CLIENT_NO_SERVICE);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(what_is_unknown_is_refused_at_once),
		claim(what_was_begun_and_then_lost_leaves_nothing_to_plan),
		claim(a_plan_exits_with_2_when_something_would_be_done),
		claim(a_plan_exits_with_0_when_nothing_would_be_done),
		claim(a_plan_exits_with_1_when_what_it_asked_was_not_answered),
		claim(what_a_plan_can_do_without_is_no_failure),
		claim(a_plan_exits_with_1_when_the_worker_cannot_be_started),
		claim(a_plan_exits_with_1_when_the_worker_dies),
		claim(a_plan_shows_what_is_pending_and_why_it_waits),
		claim(status_has_all_that_is_promised),
		claim(status_exits_with_0_when_all_is_in_service),
		claim(what_was_not_answered_is_not_told_as_served),
		claim(what_only_the_product_can_tell_is_installed),
		claim(a_wait_ends_when_its_time_is_over),
		claim(what_is_taken_in_waits_for_its_turn_and_is_told_where_it_was_dropped),
		claim(without_the_service_an_unfinished_change_is_told),
		claim(a_reason_that_is_no_utf_8_is_told_all_the_same),
		claim(whoever_hangs_up_is_not_told),
		claim(an_order_to_go_back_waits_only_for_what_is_changed),
		claim(explain_and_history_have_what_is_promised),
		claim(what_only_the_product_could_tell_is_not_told_to_be_missing),
		claim(the_service_answers_over_its_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
