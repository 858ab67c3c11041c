#pragma once

/*
 * SHA-256 (FIPS 180-4), written as 64 lower-case hexadecimal characters: the way certdrop
 * names an input, a credential and a certificate (then over its DER, the "fingerprint").
 *
 * The algorithm is fetched from OpenSSL once per process: fetching it anew for each call
 * costs more than hashing a certificate.
 */

#include <stddef.h>

#include "controller/base/error.h"

struct digest {
	char hex[65];
};

struct digest digest_of(const void *bytes, size_t length);

/* Of the file behind `fd`, from its start (pread: the offset stays). ERROR_RETRY: the
 * read failed. */
bool digest_of_file(int fd, struct digest *digest, struct error *error) must_check;

/* Exactly 64 lower-case hexadecimal characters? */
bool digest_is_valid(const char *hex);
