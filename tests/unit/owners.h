#pragma once

/*
 * Whose keys and certificates are in the key stores of tests: web and other are signed by authority, peer
 * by itself. They are made for a group of tests, and dropped with it.
 */

#include "tests/unit/material.h"

extern struct identity authority, web, other, peer;
int make_identities(void **state);
int drop_identities(void **state);
