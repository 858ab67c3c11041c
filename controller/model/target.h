#pragma once

/*
 * A target: one place where a credential is to be in service. Made by the configuration,
 * never changed afterwards; a reload makes new ones.
 */

#include "controller/model/option.h"
#include "controller/model/record.h"

struct reconciler;

struct target {
	const char *name; /* [A-Za-z0-9._-]+, at most 64 bytes, not starting with a dot */
	const struct reconciler *reconciler;
	const struct settings *settings; /* the product's options and those of every target */
};

/* The options of every target, whatever its product. */
extern const struct option target_options[];

/* The sub-directory of the drop that feeds the target: its `from`, else its own name. NULL
 * when it has a source instead. */
const char *target_drop(const struct target *target);

/* The directory that the target's source must not lead out of: `source-root`, else the
 * source itself. NULL when it has no source. */
const char *target_source_root(const struct target *target);

/* May this be the name of a target, or of a sub-directory of the drop? See above. */
bool target_name_is_valid(const char *name);
