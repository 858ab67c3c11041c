#pragma once

/*
 * Names out of hostile files, fit to be shown: in a sentence on a terminal, in a log, in
 * JSON. Control characters (C0, C1, DEL), invisible and direction-changing characters,
 * and what is not UTF-8 become '?'; longer than PRINTABLE_MAX bytes is cut, with "...".
 */

#include <openssl/x509.h>

#include "controller/base/arena.h"

enum { PRINTABLE_MAX = 160 };

const char *printable(struct arena *arena, const char *text, size_t length);

/* A distinguished name in RFC 2253 order: "CN=db1,O=Example". "(no name)" when empty. */
const char *printable_name(struct arena *arena, const X509_NAME *name);
