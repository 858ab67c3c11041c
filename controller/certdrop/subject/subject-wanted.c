/* What is wanted of it: the latest that was taken in, the one before that, or none. */
#include "controller/certdrop/subject/subject-parts.h"

#include <assert.h>
#include <string.h>

#include "controller/certdrop/controller.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

static void set_wanted(struct subject *subject, const struct credential *facts,
		const char *predecessor, const char *put_back, const char *inputs,
		struct words others)
{
	struct arena *memory = arena_new();
	struct error error;
	struct credential copy = { 0 };

	if (facts) {
		const struct record *record = credential_record(memory, facts);
		const bool copied = credential_read(memory, record, &copy, &error);

		assert(copied);
	}
	predecessor = arena_copy(memory, predecessor);
	put_back = arena_copy(memory, put_back);
	inputs = arena_copy(memory, inputs);
	others = words_copy(memory, others);
	arena_free(subject->wanted_memory);
	subject->wanted_memory = memory;
	subject->facts = copy;
	subject->wanted = copy.digest;
	subject->lost = NULL;
	subject->predecessor = predecessor;
	subject->put_back = put_back;
	subject->inputs = inputs;
	subject->others = others;
	subject->in_service_since = 0;
	subject->by_order = false;
	subject->accepted = false;
	subject->lies_there = false;
	subject->lay_there = false;
	subject_remember(subject);
}

bool subject_was_in_service(const struct subject *subject, const char *digest)
{
	autoarena struct arena *arena = arena_new();

	return digest &&
			words_contain(journal_served_before(subject->controller->journal, arena,
						      subject->target->name),
					digest);
}

void subject_forget_deeds(struct subject *subject)
{
	deeds_done(&subject->deeds);
	subject->deeds = no_deeds();
}

/* With its deeds: whoever drops another one must not read of them. */
static void keep_former(struct subject *subject)
{
	struct arena *memory = arena_new();

	/* Those of a job that is still under way would never be complete. */
	if (subject->deeds.job)
		subject_forget_deeds(subject);
	former_done(&subject->former);
	subject->former = (struct former){
		.memory = memory,
		.wanted = arena_copy(memory, subject->wanted),
		.predecessor = arena_copy(memory, subject->predecessor),
		.put_back = arena_copy(memory, subject->put_back),
		.inputs = arena_copy(memory, subject->inputs),
		.in_service_since = subject->in_service_since,
		.deeds = subject->deeds,
	};
	subject->deeds = no_deeds();
}

void subject_want(struct subject *subject, const struct credential *facts, const char *inputs,
		struct words others)
{
	const struct story taken_in = { .state = STATE_WAITING,
		.reason = "taken in, not yet in service" };
	/* Whoever only looks takes nothing in: it lies there until somebody does. */
	const struct story lies_there = { .state = STATE_WAITING,
		.reason = "not taken in yet: the service is not running" };
	const bool dry = subject->controller->mode == MODE_DRY;
	const struct story here = subject->unfinished ? unfinished_story() : lies_there;
	/* What was never proven is no predecessor: the one before it still is. It may have been there
	 * already, so that nothing had to be carried out for it. */
	const bool proven = subject->in_service_since > 0 ||
			subject_was_in_service(subject, subject->wanted);

	keep_former(subject);
	subject_set_stories(subject, subject->intake, dry ? here : taken_in, (struct pending){ 0 });
	set_wanted(subject, facts, proven ? subject->wanted : subject->predecessor, NULL, inputs,
			others);
}

void subject_tell_taken_in(struct subject *subject)
{
	if (!subject->applying && subject->outcome.state == STATE_WAITING)
		controller_tell(subject->controller, subject);
}

bool subject_leave(struct subject *subject, const char *left)
{
	if (strcmp(subject->left, left) == 0)
		return false;
	arena_free(subject->left_memory);
	subject->left_memory = arena_new();
	subject->left = arena_copy(subject->left_memory, left);
	return true;
}

void subject_precede(struct subject *subject, const char *digest)
{
	subject->predecessor = arena_copy(subject->wanted_memory, digest);
	subject_remember(subject);
}

/* Before this one: the latest that was in service, is still there, and was not put back itself. */
static const char *predecessor_of(
		const struct subject *subject, struct arena *arena, const char *digest)
{
	struct journal *journal = subject->controller->journal;
	const char *target = subject->target->name;
	const struct words before = journal_served_before(journal, arena, target);

	for (size_t i = 0; i < before.count; i++) {
		struct credential facts;
		struct error ignored;

		if (strcmp(before.items[i], digest) != 0 &&
				!journal_parked(journal, arena, target, before.items[i]) &&
				store_facts(subject->controller->store, before.items[i], arena,
						&facts, &ignored))
			return before.items[i];
	}
	return NULL;
}

static struct former take_former(struct subject *subject)
{
	const struct former former = subject->former;

	subject->former = (struct former){ 0 };
	return former;
}

void subject_want_back(struct subject *subject, const char *put_back)
{
	autoarena struct arena *arena = arena_new();
	const struct words none = { 0 };
	struct credential facts;
	struct error ignored;

	if (!put_back)
		subject_forget_deeds(subject);
	if (subject->predecessor &&
			store_facts(subject->controller->store, subject->predecessor, arena, &facts,
					&ignored))
		set_wanted(subject, &facts, predecessor_of(subject, arena, facts.digest), put_back,
				subject->inputs, none);
	else
		set_wanted(subject, NULL, NULL, put_back, subject->inputs, none);
}

/* Nothing at all is there always. */
static bool is_kept(const struct subject *subject, const char *digest, struct arena *arena,
		struct credential *facts)
{
	struct error ignored;

	return !digest || store_facts(subject->controller->store, digest, arena, facts, &ignored);
}

void subject_want_former(struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	struct former former = take_former(subject);
	const struct words none = { 0 };
	struct credential facts;

	if (!former.memory || !is_kept(subject, former.wanted, arena, &facts)) {
		subject_want_back(subject, NULL);
	} else {
		set_wanted(subject, former.wanted ? &facts : NULL, former.predecessor,
				former.put_back, former.inputs, none);
		subject->in_service_since = former.in_service_since;
		deeds_done(&subject->deeds);
		subject->deeds = former.deeds;
		former.deeds = (struct deeds){ 0 };
		subject_remember(subject);
	}
	if (!subject->wanted)
		subject_tell_outcome(subject, STATE_IDLE, NULL);
	former_done(&former);
}

void subject_accepted(struct subject *subject, long long until_ns)
{
	if (subject->accepted_ns == until_ns)
		return;
	subject->accepted_ns = until_ns;
	subject_remember(subject);
}
