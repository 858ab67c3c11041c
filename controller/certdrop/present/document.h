#pragma once

/*
 * The pieces that the JSON documents are made of (present.h, receipt.h). Each function
 * returns a new reference. Out of memory ends the process.
 */

#include <jansson.h>

#include "controller/model/credential.h"

/* A string, null for NULL. jansson takes UTF-8 only: in a text that is not (a file's name
 * may hold any byte), each byte of 0x80 and above becomes U+FFFD. */
json_t *document_text(const char *text);

json_t *document_words(struct words words);

/* RFC 3339 in UTC, "2026-11-21T07:26:00Z"; null for 0. */
json_t *document_time(long long seconds);

/* What status says of a credential: digest, fingerprint, subject, not_after; null for
 * NULL. */
json_t *document_brief(const struct credential *credential);

/* All facts:
 *         digest, fingerprint, key_fingerprint, subject, issuer, serial   strings
 *         not_before, not_after                                           RFC 3339
 *         key                                                             "EC P-256"
 *         names, usages, parts, chain                                     lists of strings
 *         self_signed                                                     true or false
 *         client_fingerprint                                              string or null
 *         lasts                                                           list of what, not_before,
 *                                                                         not_after (null: no end)
 *         warnings                                                        list of sentences */
json_t *document_facts(const struct credential *credential);
