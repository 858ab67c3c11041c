#pragma once

/*
 * Claims: where a rule says so (RULE_OWN), a certificate and its key are one target's alone. What such
 * a target wants no other one gets, from the moment that it is wanted: the product may not know of
 * it yet, so that to ask it would be too early.
 */

#include "controller/base/arena.h"
#include "controller/certdrop/subject/subject.h"

/* Why the subject may not have this credential, with the rule quoted; NULL: it may. */
const char *claim_refuses(const struct subject *subject, const struct credential *credential,
		struct arena *arena);
