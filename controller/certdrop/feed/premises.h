#pragma once

/*
 * Premises: the files of a target's settings with which what lies in its directory is judged: passphrases,
 * those for keys alone, and authorities. Nobody watches them. When one of them has changed, what was
 * refused, or lacked something, may be good.
 */

#include "controller/base/buffer.h"
#include "controller/model/target.h"

/* Appends which versions of them are there, by stat alone: equal texts mean that nothing has changed. */
void premises_add(const struct target *target, struct buffer *text);
