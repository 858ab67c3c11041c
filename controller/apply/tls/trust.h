#pragma once

/*
 * Who is believed to be an HTTPS server: see `pin` and `also` of struct http_step (model/step.h).
 */

#include <openssl/types.h>

struct trust {
	const char *pins; /* these and nobody else; NULL: authorities decide */
	const char *also; /* besides whom authorities vouch for; NULL: nobody */
	const char *name; /* what the certificate has to be for, where authorities vouch for it */
};

/* For SSL_CTX_set_cert_verify_callback(); `given` is a struct trust. */
int trust_check(X509_STORE_CTX *context, void *given);
