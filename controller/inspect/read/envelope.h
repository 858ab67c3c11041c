#pragma once

/*
 * Envelopes: passphrases that come with the keys they open, in the files NAME.key.cipher and
 * NAME.key.rand that openGauss keeps beside NAME.key (formats/gauss-cipher.h).
 *
 *         if (envelope_is_half(input->shown))
 *                 verdict = envelope_read(findings, input, bytes)     before any key is read
 *         ...
 *         passphrase = envelope_passphrase(envelope_of(findings, input))
 *
 * They are known by their names: of what is in them only the checksum tells one from noise. A key
 * that has an envelope must open with what is in it, or the server would not open it either; for
 * keys without one all of them are tried, like passphrases of the target.
 */

#include "controller/formats/gauss-cipher.h"
#include "controller/inspect/findings.h"

struct envelope {
	const char *key; /* the file that it opens, as input->shown: "package.zip/server.key" */
	unsigned long long files[2]; /* bit i: file i of the request has the half; 0: not there */
	struct gauss_cipher halves;
	struct secret passphrase; /* empty until both halves are there, and fit */
};

/* By its name, does this file belong to an envelope? */
bool envelope_is_half(const char *shown);

/* VERDICT_INCOMPLETE: it is shorter than such a file. VERDICT_REFUSED: it is damaged, or does not
 * fit the other half. */
enum verdict envelope_read(struct findings *findings, struct input *input, struct bytes bytes);

/* The envelope of the key in this file; NULL: there is none. */
const struct envelope *envelope_of(const struct findings *findings, const char *shown);

/* NULL: nobody can tell (yet). Ends with the findings. */
const char *envelope_passphrase(const struct envelope *envelope);

/* The ending of the half that is not there: ".cipher" or ".rand"; NULL: both are. */
const char *envelope_lacks(const struct envelope *envelope);

/* Used by findings.c. */
void envelope_forget(struct envelope *envelope, unsigned long long file);
void envelope_release(struct envelope *envelope);
