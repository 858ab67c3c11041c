#include "controller/certdrop/feed/verdict.h"

#include <string.h>

#include "controller/certdrop/feed/feed.h"
#include "reconcilers/reconciler.h"

struct refusal {
	const char *digest, *reason;
	struct refusal *next;
};

static void look_again(const struct subject *subject)
{
	feed_forget(subject->feed);
	feed_scan(subject->feed);
}

bool verdict_await(struct subject *subject)
{
	subject->lies_there = subject->target->reconciler->refuses && !subject->accepted &&
			subject->in_service_since == 0;
	subject->lay_there = subject->lay_there || subject->lies_there;
	return subject->lies_there;
}

void verdict_accept(struct subject *subject)
{
	const bool waits = subject->lies_there;

	subject->accepted = true;
	subject->lies_there = false;
	if (waits)
		look_again(subject);
}

static void keep(struct subject *subject, const char *reason)
{
	struct refusal *refusal;

	if (!subject->refusals_memory)
		subject->refusals_memory = arena_new();
	refusal = arena_new_of(subject->refusals_memory, struct refusal);
	refusal->digest = arena_copy(subject->refusals_memory, subject->wanted);
	refusal->reason = arena_copy(subject->refusals_memory, reason);
	refusal->next = subject->refusals;
	subject->refusals = refusal;
}

bool verdict_refuse(struct subject *subject, const char *reason)
{
	if (!subject->lies_there)
		return false;
	keep(subject, reason);
	subject_want_former(subject);
	look_again(subject);
	return true;
}

const char *verdict_refused(const struct subject *subject, const char *digest)
{
	for (const struct refusal *each = subject->refusals; each; each = each->next)
		if (strcmp(each->digest, digest) == 0)
			return each->reason;
	return NULL;
}

void verdict_forget(struct subject *subject)
{
	arena_free(subject->refusals_memory);
	subject->refusals_memory = NULL;
	subject->refusals = NULL;
}
