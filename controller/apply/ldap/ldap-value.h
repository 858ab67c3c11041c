#pragma once

/*
 * The values of extended operations, in BER: made from the description in a plan (struct
 * ldap_step, `value`), and read as far as the plan names tags (`output`). Lengths are written in
 * their shortest form, as DER (X.690, 10.1) asks and LDAP clients do.
 */

#include <lber.h>

#include "controller/apply/contents.h"
#include "controller/model/record.h"

/* Into an empty secret, which stays empty when there are no rows. ERROR_INTERNAL: the rows are
 * not of the form. Otherwise what the contents and passwords fail with. */
bool value_build(struct contents *contents, struct rows rows, struct secret *value,
		struct error *error) must_check;

/* The texts of the elements under one of the tags, in the sequence that the value has to be;
 * not scrubbed. What is no sequence has none. */
struct words value_texts(struct arena *arena, struct berval *value, struct words tags);
