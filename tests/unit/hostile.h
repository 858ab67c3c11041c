#pragma once

/*
 * Hostile files for tests, made on the spot: the shapes by which decoders were broken. What is built
 * is as near to well-formed as the shape allows, so that it gets as far as the one that broke did.
 */

#include "controller/base/buffer.h"
#include "tests/unit/material.h"

/* The authority and the pair under it that all are about; made and released by the tests' set-up. */
extern struct identity authority, web;
int hostile_begin(void **state);
int hostile_end(void **state);

/* Gives the file to certdrop-inspect, the key of `web` beside it, so that a certificate in it is looked
 * at to the end. The test fails when the state is another one, when the file's sentence does not hold
 * `sentence`, or when it took more than HOSTILE_SECONDS of processor time or HOSTILE_KIBIBYTES of
 * memory. */
enum { HOSTILE_SECONDS = 5, HOSTILE_KIBIBYTES = 512 << 10 };
void expect(const char *name, const struct buffer *file, const char *state, const char *sentence);

/* One DER element more: its tag, its length and its content. */
void add_element(struct buffer *der, unsigned char tag, const void *content, size_t length);
void add_constructed(struct buffer *der, unsigned char tag, const struct buffer *content);

void add_oid(struct buffer *der, const char *oid);

/* A PKCS#12 with the password "x", nothing encrypted and a seal that fits, whose one certificate has
 * a friendlyName of that type and content (V_ASN1_BMPSTRING and so on). */
void add_named_pkcs12(struct buffer *bytes, const struct identity *identity, int type,
		const void *name, int length);

/* A PKCS#12 whose only safe is this ContentInfo, sealed with the password "x". */
void add_safe_pkcs12(struct buffer *bytes, const struct buffer *content_info);

/* Puts that extension, with these bytes for its value, into the certificate, and signs it anew. */
void extend(struct identity *identity, const struct identity *issuer, const char *oid,
		const struct buffer *value);

/* A revocation list by that issuer with one extension (NULL: none) and a serial number of that
 * length in it; DER. */
void add_odd_crl(struct buffer *der, const struct identity *issuer, const char *oid,
		const struct buffer *value, size_t serial_length);

/* A public RSA key whose modulus has that many bits, and no factors that anybody knows. */
EVP_PKEY *huge_key_make(int bits);
