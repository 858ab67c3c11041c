#pragma once

/*
 * The views of a target that answers give, whatever its product: certdrop asks every reconciler's
 * questions, and understands these fields of any answer.
 *
 *         leaf FINGERPRINT NOT-AFTER            installed: the first certificate of what is there
 *         credential DIGEST                     installed: certdrop put it there
 *         served ADDRESS FINGERPRINT NOT-AFTER  served at that address, in a completed handshake
 *         failed ADDRESS "why"                  nothing is served there
 *         differs "sentence"                    what is there deviates from what was put there
 *         failed "why" KIND                     the question was not answered; KIND: base/error.h
 */

#include "controller/certdrop/subject/subject.h"

struct view_installed {
	const char *credential, *fingerprint; /* NULL: not known */
	long long not_after;
};

struct view_served {
	const char *address;
	const char *fingerprint; /* or: */
	const char *error;
	long long not_after;
};

/* What it cannot see in the fields above it has from the product; its texts may be in the arena. */
struct view_installed view_installed(struct arena *arena, const struct subject *subject);

typedef void view_served_fn(void *context, const struct view_served *served);
void views_served(const struct records *seen, view_served_fn *told, void *context);

/* Why questions were not answered, each sentence once, in the arena. */
struct words views_unanswered(struct arena *arena, const struct subject *subject);

/* Sentences about what is served, or where nothing is seen to be, what is installed and ends in less than
 * `warning_ms`, and what the reconciler warns of, in the arena. `now` in seconds. */
struct words views_warnings(struct arena *arena, const struct subject *subject,
		long long warning_ms, long long now);

/* Sentences that tell why the views differ, or that they do not. */
struct words views_explain(struct arena *arena, const struct subject *subject);
