#include "controller/certdrop/claim.h"

#include <string.h>

#include "controller/certdrop/controller.h"
#include "controller/model/rule.h"

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

const char *claim_refuses(const struct subject *subject, const struct credential *credential,
		struct arena *arena)
{
	const struct controller *controller = subject->controller;
	const char *says = rule_says(arena, subject->target, RULE_OWN);

	for (size_t i = 0; says && i < controller->subject_count; i++) {
		const struct subject *other = controller->subjects[i];
		const struct credential *theirs = &other->facts;
		const bool all = same(theirs->fingerprint, credential->fingerprint);

		if (other != subject && other->wanted &&
				(all ||
						same(theirs->key_fingerprint,
								credential->key_fingerprint)) &&
				rule_says(arena, other->target, RULE_OWN))
			return arena_printf(arena, "target %s has %s already; %s allow no sharing",
					other->target->name, all ? "this certificate" : "its key",
					says);
	}
	return NULL;
}
