#include "controller/certdrop/subject/subject-parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

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

struct deeds no_deeds(void)
{
	return (struct deeds){ .memory = arena_new(), .gap_ms = -1 };
}

void deeds_done(struct deeds *deeds)
{
	arena_free(deeds->memory);
	*deeds = (struct deeds){ 0 };
}

void former_done(struct former *former)
{
	arena_free(former->memory);
	deeds_done(&former->deeds);
	*former = (struct former){ 0 };
}

struct story unfinished_story(void)
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
	subject->left_memory = arena_new();
	subject->left = "";
	subject->deeds = no_deeds();
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
	deeds_done(&subject->deeds);
	arena_free(subject->left_memory);
	former_done(&subject->former);
	verdict_forget(subject);
	free(subject->logged);
	free(subject->warned);
	free(subject);
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
