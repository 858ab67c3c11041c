#include "tests/unit/unit.h"

#include "tests/unit/passing.h"

#include <string.h>

/* ---- what the worker says ---- */

const char works[] = "say begin 0\\n\nhear\nmark changed\nsay done 0 5\\nbegin 1\\n\nhear\n"
		     "say done 1 5\\nend applied\\n";
const char restarts[] = "say begin 0\\n\nhear\nmark restarted\nsay done 0 5\\nend applied\\n";
const char told_nobody[] = "say begin 0\\n\nhear\nsay done 0 5\\nbegin 1\\n\nhear\n"
			   "say failed 1 5 retry refused\\nend failed\\n";
const char put_it_back[] = "mark put-back\nsay end undone\\n";

/* ---- what the worker finds, and what is wanted ---- */

int passing_begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	part("inspector.start", "");
	part("worker.ask", "say answer installed\\n\\tleaf old 4000000000\\nend asked\\n");
	return 0;
}

void install(const char *fingerprint, long long not_after, const char *more)
{
	part("worker.ask",
			arena_printf(here.arena,
					"say answer installed\\n\\tleaf %s %lld\\n%send asked\\n",
					fingerprint, not_after, more));
}

void remains(const struct credential *installed)
{
	install(installed->fingerprint, 4000000000, "\\tremains restart\\n");
}

const struct credential *want(struct subject *subject, const char *name)
{
	const struct credential *made = make_credential(name);
	const struct words none = { 0 };

	subject_want(subject, made, NULL, none);
	return made;
}

/* ---- passes ---- */

bool is_busy(void)
{
	return here.controller->passes > 0;
}

void start_service(void)
{
	start_controller(MODE_SERVICE);
	run_while(is_busy);
}

void run_pass(void)
{
	controller_due(here.controller, here.subject);
	run_while(is_busy);
}

const struct credential *leave_unfinished(void)
{
	const struct credential *before = want(here.subject, "before");
	const struct credential *wanted = want(here.subject, "wanted");

	here.subject->predecessor = before->digest;
	part("worker.apply", told_nobody);
	part("worker.undo", put_it_back);
	run_pass();
	return wanted;
}

/* ---- what is seen of them ---- */

struct watcher watcher;

static void on_changed(struct observer *observer, struct subject *subject)
{
	(void)observer;
	if (!subject || subject_state(subject) != STATE_APPLYING)
		return;
	watcher.applied++;
	watcher.why = arena_copy(here.arena, subject_reason(subject));
	if (watcher.finds)
		install(watcher.finds, 4000000000, "");
	if (watcher.also)
		watcher.also();
}

void watch(const char *finds)
{
	watcher = (struct watcher){ .observer = { .changed = on_changed }, .finds = finds };
	controller_observe(here.controller, &watcher.observer);
}

void assert_state(const struct subject *subject, enum state state)
{
	assert_string_equal(state_name(subject_state(subject)), state_name(state));
}

void assert_reason(const struct subject *subject, const char *text)
{
	const char *reason = subject_reason(subject);

	if (!reason || !strstr(reason, text))
		fail_msg("the reason is \"%s\"", reason ? reason : "none");
}

const struct pass_entry *open_pass(void)
{
	return journal_open_pass(here.controller->journal, here.arena, "web");
}

void keep_pass(void *context, const struct pass_entry *entry)
{
	struct pass_entry *kept = context;

	*kept = *entry;
	kept->outcome = arena_copy(here.arena, entry->outcome);
	kept->reason = arena_copy(here.arena, entry->reason);
}
