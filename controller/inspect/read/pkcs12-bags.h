#pragma once

/*
 * The bags of a PKCS#12 (RFC 7292, 4.2), once the safes that they lie in are open: first all are
 * gathered, then the private keys to take are chosen (entries.h), then those and what goes with
 * them is read.
 *
 *         struct bags bags = { .findings = findings, .input = input, .passphrase = ... };
 *
 *         bags_gather(&bags, opened) ...       takes over each safe's bags
 *         bags_read(&bags)
 *         bags_done(&bags)
 *
 * A key's alias is its friendlyName; keys without one are numbered from 1, as Java does.
 */

#include <openssl/pkcs12.h>

#include "controller/base/owned.h"
#include "controller/inspect/findings.h"

struct bags {
	struct findings *findings;
	struct input *input;
	const char *passphrase; /* that opened the store; NULL: none, which is not the empty one */

	STACK_OF(PKCS12_SAFEBAG) * *safes; /* what the bags belong to */
	size_t safe_count, safe_size;
	PKCS12_SAFEBAG **items;
	size_t count, size;
	unsigned depth;
};

void bags_done(struct bags *bags);

/* VERDICT_REFUSED: nested too deeply, or more than 1024. */
enum verdict bags_gather(struct bags *bags, STACK_OF(PKCS12_SAFEBAG) * safe);

enum verdict bags_read(const struct bags *bags);

/* Declares and pays for one derivation with a passphrase that is known to be right. */
enum verdict bags_pay(const struct bags *bags, const X509_ALGOR *algorithm);
