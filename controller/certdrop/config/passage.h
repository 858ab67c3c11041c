#pragma once

/*
 * Directories into which an account has to pass: may it?
 */

#include <stdbool.h>

/* Can the user (a name, or a number that has a name) enter the directory, through all that lie above
 * it, as their owners, groups and modes tell? True also where that is not to be known from here: there
 * is no such user, one of the directories cannot be looked at, or has an access control list. */
bool passage_is_open(const char *user, const char *directory);
