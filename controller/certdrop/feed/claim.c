#include "controller/certdrop/feed/claim.h"

#include "controller/certdrop/controller.h"
#include "controller/model/rule.h"

static const char *what_both_have(const struct credential *one, const struct credential *other)
{
	if (text_equal(one->fingerprint, other->fingerprint))
		return "this certificate";
	return text_equal(one->key_fingerprint, other->key_fingerprint) ? "its key" : NULL;
}

const char *claim_refuses(const struct subject *subject, const struct credential *credential,
		struct arena *arena)
{
	const struct controller *controller = subject->controller;
	const char *says = rule_says(arena, subject->target, RULE_OWN);

	for (size_t i = 0; says && i < controller->subject_count; i++) {
		const struct subject *other = controller->subjects[i];
		const char *shared = what_both_have(&other->facts, credential);

		if (other != subject && other->wanted && shared &&
				rule_says(arena, other->target, RULE_OWN))
			return arena_printf(arena, "target %s has %s already; %s allow no sharing",
					other->target->name, shared, says);
	}
	return NULL;
}
