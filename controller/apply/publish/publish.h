#pragma once

/*
 * Putting a generation into service, and putting back what it replaced: one pair of
 * functions for each method. They are called once the step's `replaces` was found to be
 * true (publish), or found to be no longer true (put back), and make durable what they do.
 *
 * After a kill at any point the same call, or the other one, is right.
 */

#include "controller/apply/publish/generation.h"

struct publishing {
	struct arena *arena;
	struct place *place;
	const struct file_step *step;
	const struct found *found; /* what is in service now */
	struct contents *contents; /* NULL when putting back */
	struct manifest *manifest; /* of what is to be in service; NULL when putting back */
};

bool link_publish(const struct publishing *p, struct error *error) must_check;
bool link_put_back(const struct publishing *p, struct error *error) must_check;

bool exchange_publish(const struct publishing *p, struct error *error) must_check;
bool exchange_put_back(const struct publishing *p, struct error *error) must_check;

/* Gives each entry in the store the name that its content deserves: a swap that was cut
 * short leaves what was displaced under the new generation's name. */
bool exchange_settle(
		struct arena *arena, const struct place *place, struct error *error) must_check;

bool fixed_publish(const struct publishing *p, struct error *error) must_check;
bool fixed_put_back(const struct publishing *p, struct error *error) must_check;

/* ERROR_RETRY: something else took the place in the meantime. */
bool changed_meanwhile(const struct publishing *p, struct error *error);
