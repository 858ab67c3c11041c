#pragma once

/*
 * Roles: where the rules ask for the clients' pair beside the server's, which pair is which. What a
 * certificate may be used for tells first (RFC 5280, 4.2.1.12), and where it may be used for both, or
 * for neither, the name of its file. What neither of them tells stays open, and is the server's as
 * far as there is a clients' pair without it.
 *
 *         role_read(&pair)          for each pair, once its traits are known
 *         roles_compare(search, pairs)     once they all are
 *         role_doubt(pairs, i, within)     for one that lacks its client pair
 *
 * Exactly two pairs, of different subjects, are compared with each other, too: beside one that is
 * told to be the server's the other one is the clients', and so is the one that does not cover the
 * names that the target asks of its server where the other one does. With more of them, any of
 * which may be an older one of its kind, that would be guessing.
 */

#include "controller/inspect/prove/pair.h"

void role_read(struct pair *pair);

void roles_compare(const struct pair_search *search, struct pairs *pairs);

/* Another pair in the files `within` that may as well be the server's, or the clients', as this one;
 * NULL: there is none, so that a client pair that is not there is missing indeed. */
const struct pair *role_doubt(const struct pairs *pairs, size_t index, unsigned long long within);

/* "it cannot be told which pair is the server's ...": whose, in which files, and the cure. The same
 * whichever of the two comes first. */
const char *role_sentence(struct arena *arena, const struct pair *one, const struct pair *other);
