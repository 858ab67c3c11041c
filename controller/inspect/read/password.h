#pragma once

/*
 * Passwords, and what they cost. Whoever writes a file says how many iterations turn a
 * password into a key, and 2^31 of them keep a processor busy for a quarter of an hour.
 * So the count is read first, and paid for from a budget: findings->derivations_max for
 * what one file asks for, findings->derivations_left for all work of a request, tries
 * with several passphrases included.
 */

#include <openssl/pkcs12.h>

#include "controller/inspect/findings.h"

/* Iterations that this password-based algorithm costs; -1: not an algorithm known here.
 * scrypt counts N * r * p. */
long long password_cost(const X509_ALGOR *algorithm);

/* Declares that the file asks for `cost`. VERDICT_REFUSED: over the limit. */
enum verdict password_declare(struct findings *findings, struct input *input, long long cost);

/* Pays for one try. False: the budget of the request is used up. */
bool password_pay(struct findings *findings, long long cost);

/* The passphrases to try on what is in this file. That of its envelope (envelope.h), if it has one,
 * and no other; else those given, those of all envelopes, then the empty one, then (for PKCS#12,
 * which tells them apart) none at all: `*passphrase` is NULL. False: there are no more. */
bool password_next(const struct findings *findings, const struct input *input, size_t index,
		const char **passphrase);

/* Those to try on a private key: that of its envelope, if it has one, and no other; else the one that opened its key store (NULL: it is in none), then
 * the passphrases for keys, those given, and the empty one. False: there are no more. */
bool password_next_for_key(const struct findings *findings, const struct input *input,
		const char *opened, size_t index, const char **passphrase);

/* "encrypted, and there is no passphrase for it": VERDICT_REFUSED; VERDICT_INCOMPLETE where half
 * of its envelope is there, or could still come. */
enum verdict password_lacking(struct findings *findings, struct input *input, const char *what);

/* "the passphrase opens the key store, but not the private key in it": VERDICT_REFUSED. */
enum verdict password_lacking_for_key(
		struct findings *findings, struct input *input, const char *store, const char *key);

/* "too many password iterations": VERDICT_REFUSED. */
enum verdict password_unpaid(struct findings *findings, struct input *input);
