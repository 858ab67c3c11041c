/* Its two stories, and the state that is told of them. */
#include "controller/certdrop/subject/subject-parts.h"

#include <string.h>

#include "controller/base/names.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"

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

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

void subject_set_stories(struct subject *subject, struct story intake, struct story outcome,
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
	subject_set_stories(subject, story, subject->outcome, subject->pending);
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
	subject_set_stories(subject, subject->intake, story, pending);
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
