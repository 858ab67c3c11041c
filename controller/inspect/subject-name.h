#pragma once

/*
 * How the name of a certificate's subject or issuer is told: in the order of RFC 2253, without what
 * cannot be shown (controller/base/printable.h).
 */

#include <openssl/x509.h>

#include "controller/base/arena.h"

/* "CN=db1,O=Example"; "(no name)" when empty. */
const char *printable_name(struct arena *arena, const X509_NAME *name);
