#include "controller/certdrop/subject.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/names.h"

#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

static const char *const state_names[] = {
	[STATE_IDLE] = "idle",
	[STATE_WAITING] = "waiting",
	[STATE_REFUSED] = "refused",
	[STATE_HELD] = "held",
	[STATE_APPLYING] = "applying",
	[STATE_IN_SERVICE] = "in-service",
	[STATE_ROLLED_BACK] = "rolled-back",
	[STATE_FAILED] = "failed",
};

const char *state_name(enum state state)
{
	return state_names[state];
}

bool state_read(const char *name, enum state *state)
{
	size_t index;

	if (!NAME_FIND(state_names, name, &index))
		return false;
	*state = (enum state)index;
	return true;
}

/* ---- life ---- */

bool subject_has_whole(const struct subject *subject, const char *digest, struct arena *arena,
		struct credential *facts, struct error *error)
{
	const struct controller *controller = subject->controller;

	return store_facts(controller->store, digest, arena, facts, error) ||
			fail_while(error, "drop the certificate and its key again: %s/store/%s",
					controller->config->state, digest);
}

/* It stays what is wanted until another drop tells; meanwhile there is nothing to go by. */
static void lose(struct subject *subject, const char *digest, const struct error *why)
{
	subject->lost = digest;
	subject->put_back = NULL;
	subject->outcome = (struct story){ .state = STATE_FAILED,
		.reason = arena_copy(subject->story_memory, why->text) };
}

static const char not_looked_at[] = "what it has now was not looked at yet";

static void recall(struct subject *subject, const struct remembered *remembered)
{
	struct error error;

	subject->predecessor = remembered->predecessor;
	subject->put_back = remembered->put_back;
	subject->inputs = remembered->inputs;
	subject->since = remembered->since;
	subject->accepted_ns = remembered->accepted_ns;
	if (remembered->state && state_read(remembered->state, &subject->outcome.state))
		subject->outcome.reason = arena_copy(subject->story_memory, remembered->reason);

	if (!remembered->wanted) {
		if (!subject->put_back)
			subject->outcome = (struct story){ .state = STATE_IDLE };
	} else if (subject_has_whole(subject, remembered->wanted, subject->wanted_memory,
				   &subject->facts, &error)) {
		subject->wanted = subject->facts.digest;
		subject->in_service_since = remembered->in_service_since;
		/* It is told once it is looked at: nobody was told of it, or not everybody. */
		if (subject->outcome.state == STATE_IDLE)
			subject->outcome = (struct story){ .state = STATE_WAITING,
				.reason = not_looked_at };
	} else {
		lose(subject, remembered->wanted, &error);
	}
}

static void former_done(struct former *former)
{
	arena_free(former->memory);
	*former = (struct former){ 0 };
}

static struct story unfinished_story(void)
{
	return (struct story){ .state = STATE_WAITING,
		.reason = "a change of it is unfinished: the service is not running" };
}

/* A pass whose end could not be written down, though what came of it is remembered: it went into service
 * after that had begun. */
static bool has_succeeded(const struct subject *subject, const struct pass_entry *open)
{
	return subject->wanted && open->credential &&
			strcmp(open->credential, subject->wanted) == 0 &&
			open->started <= subject->in_service_since;
}

/* Whoever only looks leaves it as it is. */
static void find_unfinished(struct subject *subject)
{
	autoarena struct arena *arena = arena_new();
	const struct pass_entry *open = NULL;

	if (subject->controller->mode == MODE_DRY)
		open = journal_open_pass(
				subject->controller->journal, arena, subject->target->name);
	subject->unfinished = open && !has_succeeded(subject, open);
	if (subject->unfinished)
		subject->outcome = unfinished_story();
}

struct subject *subject_new(struct controller *controller, const struct target *target)
{
	struct subject *subject = calloc(1, sizeof(*subject));
	struct remembered remembered;

	assert(subject);
	subject->controller = controller;
	subject->target = target;
	subject->wanted_memory = arena_new();
	subject->seen_memory = arena_new();
	subject->story_memory = arena_new();
	subject->steps_memory = arena_new();
	subject->left_memory = arena_new();
	subject->left = "";
	subject->gap_ms = -1;
	if (journal_target(controller->journal, subject->wanted_memory, target->name, &remembered))
		recall(subject, &remembered);
	find_unfinished(subject);
	return subject;
}

void subject_free(struct subject *subject)
{
	if (!subject)
		return;
	arena_free(subject->wanted_memory);
	arena_free(subject->seen_memory);
	arena_free(subject->story_memory);
	arena_free(subject->steps_memory);
	arena_free(subject->left_memory);
	former_done(&subject->former);
	verdict_forget(subject);
	free(subject->logged);
	free(subject);
}

/* ---- telling ---- */

static const struct story *told(const struct subject *subject)
{
	return subject->intake.state == STATE_IDLE ? &subject->outcome : &subject->intake;
}

enum state subject_state(const struct subject *subject)
{
	return subject->applying ? STATE_APPLYING : told(subject)->state;
}

const char *subject_reason(const struct subject *subject)
{
	return subject->applying ? subject->applying_why : told(subject)->reason;
}

/* What could not be told is not remembered as told: it is told again after a restart. */
static enum state remembered_state(const struct subject *subject)
{
	return subject->untold ? STATE_IDLE : subject->outcome.state;
}

void subject_remember(struct subject *subject)
{
	const struct remembered remembered = {
		.wanted = subject->wanted ? subject->wanted : subject->lost,
		.predecessor = subject->predecessor,
		.put_back = subject->put_back,
		.state = state_name(remembered_state(subject)),
		.reason = subject->outcome.reason,
		.inputs = subject->inputs,
		.since = subject->since,
		.accepted_ns = subject->accepted_ns,
		.in_service_since = subject->in_service_since,
	};

	journal_remember(subject->controller->journal, subject->target->name, &remembered);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is told shares a memory; it is renewed with each change. */
static void set_stories(struct subject *subject, struct story intake, struct story outcome,
		struct pending pending)
{
	struct arena *memory = arena_new();

	intake.reason = arena_copy(memory, intake.reason);
	outcome.reason = arena_copy(memory, outcome.reason);
	pending.text = arena_copy(memory, pending.text);
	pending.reason = arena_copy(memory, pending.reason);
	subject->applying_why = arena_copy(memory, subject->applying_why);
	arena_free(subject->story_memory);
	subject->story_memory = memory;
	subject->intake = intake;
	subject->outcome = outcome;
	subject->pending = pending;
}

static void announce(struct subject *subject, enum state before)
{
	if (subject_state(subject) != before)
		subject->since = clock_now();
	controller_tell(subject->controller, subject);
}

void subject_tell_intake(struct subject *subject, enum state state, const char *reason)
{
	const struct story story = { .state = state, .reason = reason };
	const enum state before = subject_state(subject);

	if (subject->intake.state == state && same_text(subject->intake.reason, reason))
		return;
	set_stories(subject, story, subject->outcome, subject->pending);
	announce(subject, before);
}

static bool same_pending(const struct pending *a, const struct pending *b)
{
	return same_text(a->text, b->text) && same_text(a->reason, b->reason) && a->at == b->at;
}

static void tell_outcome(struct subject *subject, enum state state, const char *reason,
		struct pending pending)
{
	const struct story story = { .state = state, .reason = reason };
	const enum state before = subject_state(subject);

	if (subject->outcome.state == state && same_text(subject->outcome.reason, reason) &&
			same_pending(&subject->pending, &pending) && !subject->applying &&
			!subject->untold)
		return;
	subject->applying = false;
	subject->applying_why = NULL;
	set_stories(subject, subject->intake, story, pending);
	announce(subject, before);
	subject_remember(subject);
}

void subject_tell_outcome(struct subject *subject, enum state state, const char *reason)
{
	tell_outcome(subject, state, reason, (struct pending){ 0 });
}

void subject_tell_settled(struct subject *subject, struct pending pending)
{
	const bool anew = subject->in_service_since == 0;

	subject->by_order = false;
	if (subject->put_back)
		tell_outcome(subject, STATE_ROLLED_BACK, subject->put_back, pending);
	else
		tell_outcome(subject, STATE_IN_SERVICE, NULL, pending);
	/* It may be so though nothing was to be done for it. */
	if (anew && subject->wanted) {
		subject_in_service_anew(subject);
		subject_remember(subject);
	}
}

void subject_in_service_anew(struct subject *subject)
{
	subject->in_service_since = clock_now();
}

static void set_applying(struct subject *subject, bool applying, const char *why)
{
	const enum state before = subject_state(subject);

	if (subject->applying == applying)
		return;
	subject->applying = applying;
	subject->applying_why = arena_copy(subject->story_memory, why);
	announce(subject, before);
}

void subject_tell_applying(struct subject *subject, const char *why)
{
	set_applying(subject, true, why);
}

void subject_tell_not_applying(struct subject *subject)
{
	set_applying(subject, false, NULL);
}

/* ---- wanting ---- */

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

static void keep_former(struct subject *subject)
{
	struct arena *memory = arena_new();

	former_done(&subject->former);
	subject->former = (struct former){
		.memory = memory,
		.wanted = arena_copy(memory, subject->wanted),
		.predecessor = arena_copy(memory, subject->predecessor),
		.put_back = arena_copy(memory, subject->put_back),
		.inputs = arena_copy(memory, subject->inputs),
		.in_service_since = subject->in_service_since,
	};
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
	/* What was never proven is no predecessor: the one before it still is. */
	const bool proven = subject_was_in_service(subject, subject->wanted);

	keep_former(subject);
	set_stories(subject, subject->intake, dry ? here : taken_in, (struct pending){ 0 });
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

/* ---- seeing ---- */

static bool add_proof(struct arena *arena, const struct subject *subject, const struct step *step,
		struct records *records)
{
	struct probe_step probe;
	struct record *record;
	const char *served[3];

	if (step->phase != PHASE_PROVE || step->kind != STEP_PROBE)
		return false;
	probe_step_read(arena, step, &probe);
	served[0] = probe.address;
	served[1] = probe.expect;
	served[2] = arena_printf(arena, "%lld", subject->facts.not_after);
	record = record_new(arena, "answer", probe.address, NULL);
	record_add(arena, record, "served", (struct words){ .items = served, .count = 3 });
	records_append(arena, records, record);
	return true;
}

bool subject_proven(struct subject *subject, const struct plan *plan)
{
	autoarena struct arena *arena = arena_new();
	struct answers answers = { .arena = arena };
	struct record *installed = record_new(arena, "answer", "installed", NULL);
	const char *leaf[] = { subject->facts.fingerprint,
		arena_printf(arena, "%lld", subject->facts.not_after) };
	bool proven = false;

	record_add_text(arena, installed, "credential", subject->wanted);
	record_add(arena, installed, "leaf", (struct words){ .items = leaf, .count = 2 });
	records_append(arena, &answers.records, installed);
	for (size_t i = 0; i < plan->count; i++)
		proven = add_proof(arena, subject, &plan->steps[i], &answers.records) || proven;
	subject_seen(subject, &answers);
	return proven;
}

void subject_unseen(struct subject *subject)
{
	arena_free(subject->seen_memory);
	subject->seen_memory = arena_new();
	subject->seen = (struct records){ 0 };
	subject->seen_at = 0;
}

void subject_seen(struct subject *subject, const struct answers *answers)
{
	autodone(buffer) struct buffer text = { 0 };
	struct arena *memory = arena_new();
	struct error error;
	struct records copy;
	bool copied;

	records_print(&answers->records, &text);
	copied = records_read(memory, buffer_text(&text), &copy, &error);
	assert(copied);
	arena_free(subject->seen_memory);
	subject->seen_memory = memory;
	subject->seen = copy;
	subject->seen_at = clock_now();
}
