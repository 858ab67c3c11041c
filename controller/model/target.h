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
