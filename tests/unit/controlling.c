#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/unit/controlling.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/digest.h"
#include "controller/base/file.h"

enum { DEADLINE_MS = 20000 };

struct controlling here;

/* ---- a product of our own ---- */

static const struct look_step look = { .publish = "/nowhere", .method = "link" };

static void ask(const struct target *target, struct plan *plan)
{
	(void)target;
	plan_look(plan, "installed", "see what is installed", &look);
}

static const char *true_argv[] = { "true" };
static const struct command_step command = { .argv = { .items = true_argv, .count = 1 } };

static const struct file_step tidying = { .publish = "/nowhere", .method = "link", .keep = 3 };

static void plan_follow_up(struct plan *plan)
{
	plan->follow_up = "restart it";
	plan->soak_ms = here.soak_ms;
	plan_command(plan, PHASE_CHANGE, "restart", &command)->disruption = DISRUPTION_RESTART;
}

static void add_lease(struct plan *plan)
{
	const char *name = "lease";
	const struct lease_step lease = { .store = "local",
		.directory = here.directory,
		.leases = { .items = &name, .count = 1 } };

	(void)plan_lease(plan, "take the lease", &lease);
}

static bool plan(const struct target *target, const struct credential *wanted,
		const struct answers *seen, struct plan *plan, struct error *error)
{
	const struct record *installed = answer(seen, "installed");
	const struct words leaf = installed ? record_words(installed, "leaf") : (struct words){ 0 };
	struct step *told;

	(void)target;
	if (here.refuses && strcmp(here.refuses, wanted->fingerprint) == 0)
		return fail(error, ERROR_INPUT, "another server has it");
	if (here.asks_more && !answer(seen, "more")) {
		plan_look(plan, "more", "see more of it", &look);
		return true;
	}
	if (leaf.count > 0 && strcmp(leaf.items[0], wanted->fingerprint) == 0) {
		if (record_text(installed, "remains"))
			plan_follow_up(plan);
		return true;
	}
	plan->gap_budget_ms = here.gap_budget_ms;
	plan->forward_only = here.forward_only;
	plan->held = here.held;
	/* Named again, though there is no third one. */
	plan->second_try = here.second_try;
	if (here.leases)
		add_lease(plan);
	if (here.prepares)
		(void)plan_command(plan, PHASE_PREPARE, "see whether it can be done", &command);
	(void)plan_command(plan, PHASE_CHANGE, "make it so", &command);
	if (here.second_try && answer(seen, "second-try"))
		plan_command(plan, PHASE_CHANGE, "restart it", &command)->disruption =
				DISRUPTION_RESTART;
	if (here.proves)
		(void)plan_command(plan, PHASE_PROVE, "see it served", &command);
	told = plan_command(plan, PHASE_FINISH, "tell the others", &command);
	told->disruption = DISRUPTION_REMOTE;
	if (here.proves_last)
		(void)plan_command(plan, PHASE_FINISH, "see it served", &command);
	if (here.tidies)
		(void)plan_file(plan, PHASE_FINISH, "remove old sets", &tidying);
	return true;
}

static const char *installed(
		const struct target *target, const char *wanted, const struct answers *seen)
{
	(void)target;
	(void)wanted;
	(void)seen;
	return here.shows;
}

static const struct option no_options[] = { { NULL } };
static const struct rule no_rules[] = { { 0 } };
static const struct reconciler fake = {
	.product = "fake",
	.options = no_options,
	.rules = no_rules,
	.follows_up = true,
	.refuses = true,
	.ask = ask,
	.plan = plan,
	.installed = installed,
};

const struct reconciler *const reconcilers[] = { &fake, NULL };

const struct reconciler *reconciler_find(const char *product)
{
	return strcmp(product, "fake") == 0 ? &fake : NULL;
}

/* ---- files ---- */

size_t open_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(list);
	while (readdir(list))
		count++;
	(void)closedir(list);
	return count;
}

const char *in_directory(const char *name)
{
	return arena_printf(here.arena, "%s/%s", here.directory, name);
}

void part(const char *name, const char *deeds)
{
	autoclose int directory = open(here.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *link = arena_copy_bytes(here.arena, name, strcspn(name, "."));
	struct error error;

	if (!file_replace(directory, name, deeds, strlen(deeds), 0600, &error))
		fail_msg("%s", error.text);
	if (symlinkat(STAND_IN, directory, link) < 0)
		assert_int_equal(errno, EEXIST);
}

bool was_marked(const char *name)
{
	return access(in_directory(name), F_OK) == 0;
}

void limit_files(size_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
	(void)facts;
	(void)kind;
	(void)at;
	return remove(path);
}

/* ---- setup and teardown ---- */

int controlling_begin(void **state)
{
	(void)state;
	here = (struct controlling){ 0 };
	here.open_before = open_descriptors();
	(void)snprintf(here.directory, sizeof(here.directory), "/tmp/test-control-XXXXXX");
	here.arena = arena_new();
	return mkdtemp(here.directory) && uv_loop_init(&here.loop) == 0 ? 0 : -1;
}

int controlling_end(void **state)
{
	size_t open_after;

	(void)state;
	limit_files(0);
	stop_controller();
	run_dry();
	if (uv_loop_close(&here.loop) != 0)
		return -1;
	(void)nftw(here.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_free(here.arena);
	open_after = open_descriptors();
	/* libuv keeps its pipe for signals, once for all loops. */
	if (open_after > here.open_before + 2)
		print_error("%zu descriptors are left open\n", open_after - here.open_before);
	return open_after > here.open_before + 2 ? -1 : 0;
}

/* ---- the loop ---- */

static void on_deadline(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void run(bool (*go_on)(const void *), const void *context)
{
	uv_timer_t *timer = calloc(1, sizeof(*timer));
	bool late = false;

	assert_non_null(timer);
	(void)uv_timer_init(&here.loop, timer);
	timer->data = &late;
	(void)uv_timer_start(timer, on_deadline, DEADLINE_MS, 0);
	uv_unref((uv_handle_t *)timer);
	while (!late && go_on(context) && uv_run(&here.loop, UV_RUN_ONCE))
		;
	uv_close((uv_handle_t *)timer, free_handle);
	(void)uv_run(&here.loop, UV_RUN_NOWAIT);
	if (late)
		fail_msg("%s", "it never happened");
}

static bool not_yet(const void *condition)
{
	return !*(const bool *)condition;
}

void run_until(const bool *condition)
{
	run(not_yet, condition);
	assert_true(*condition);
}

struct asked {
	bool (*condition)(void);
};

static bool still(const void *context)
{
	return ((const struct asked *)context)->condition();
}

void run_while(bool (*condition)(void))
{
	const struct asked asked = { condition };

	run(still, &asked);
	assert_false(condition());
}

static bool always(const void *context)
{
	(void)context;
	return uv_loop_alive(&here.loop);
}

void run_dry(void)
{
	run(always, NULL);
}

/* ---- the controller ---- */

void start_controller(enum controller_mode mode)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	struct error error;
	const char *path = in_directory("certdrop.conf");
	const char *text = arena_printf(here.arena,
			"drop = \"%s/drop\"; state = \"%s/state\"; socket = \"%s/socket\";"
			"inspect-program = \"%s/inspector\"; apply-program = \"%s/worker\";"
			"insecure-drop = true; clock = \"trusted\";"
			"targets = ( { name = \"web\"; product = \"fake\"; %s },"
			" { name = \"mail\"; product = \"fake\"; %s } );",
			here.directory, here.directory, here.directory, here.directory,
			here.directory, here.web ? here.web : "", here.mail ? here.mail : "");
	autoclose int directory = open(here.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(file_replace(directory, "certdrop.conf", text, strlen(text), 0600, &error));
	if (!config_load(path, &here.config, &mistakes))
		fail_msg("%s", buffer_text(&mistakes));
	here.controller = controller_open(&here.loop, here.config, mode, &error);
	if (!here.controller)
		fail_msg("%s", error.text);
	here.subject = controller_find(here.controller, "web");
	controller_start(here.controller);
}

void stop_controller(void)
{
	if (!here.controller)
		return;
	controller_stop(here.controller);
	run_dry();
	controller_close(here.controller);
	config_free(here.config);
	here.controller = NULL;
	here.config = NULL;
}

/* ---- credentials ---- */

int credential_file(const char *name, const struct credential **made)
{
	struct credential *facts = arena_new_of(here.arena, struct credential);
	const char *parts = arena_printf(here.arena, "certdrop part: leaf\n%s\n", name);
	struct digest *digest = arena_new_of(here.arena, struct digest);
	struct digest *fingerprint = arena_new_of(here.arena, struct digest);
	autodone(buffer) struct buffer text = { 0 };
	struct error error;
	int fd = -1;

	*digest = digest_of(parts, strlen(parts));
	*fingerprint = digest_of(name, strlen(name));
	*facts = (struct credential){
		.digest = digest->hex,
		.fingerprint = fingerprint->hex,
		.key_fingerprint = fingerprint->hex,
		.subject = arena_printf(here.arena, "CN=%s", name),
		.issuer = "CN=Test CA",
		.serial = "01",
		.key = "EC P-256",
		.not_before = 1700000000,
		.not_after = here.ends ? here.ends : 4000000000,
	};
	record_print(credential_record(here.arena, facts), &text);
	buffer_printf(&text, "\n%s", parts);
	assert_true(memfd_of("credential", buffer_text(&text), text.length, &fd, &error));
	*made = facts;
	return fd;
}

const struct credential *make_credential(const char *name)
{
	const struct credential *facts;
	autoclose int fd = credential_file(name, &facts);
	struct error error;

	if (!store_put(here.controller->store, fd, facts->digest, &error))
		fail_msg("%s", error.text);
	return facts;
}

void damage_credential(const struct credential *facts)
{
	const char *path = in_directory(arena_printf(here.arena, "state/store/%s", facts->digest));
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct stat file;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &file), 0);
	assert_int_equal(pwrite(fd, "?", 1, file.st_size - 2), 1);
}
