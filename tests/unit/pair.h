#pragma once

/* Certificates for tests: a fresh self-signed EC P-256 pair, and the credential file that
 * certdrop-inspect would have made of it. */

#include <openssl/types.h>

#include "controller/base/buffer.h"
#include "controller/base/digest.h"

struct pair {
	X509 *x509;
	EVP_PKEY *pkey;
	char *certificate, *key; /* PEM */
	struct digest fingerprint;
	struct digest digest; /* of the credential */
	struct buffer file; /* the credential file */
	int fd; /* with it */
};

void pair_make(struct pair *pair, const char *common_name);
void pair_done(struct pair *pair);
