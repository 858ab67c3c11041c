#pragma once

/*
 * The formats. Each reader is given all bytes of one file (or of one archive member), adds
 * what it finds to the findings, and returns its verdict, with a sentence in the input
 * unless it is VERDICT_SOUND. After VERDICT_REFUSED some things may have been added
 * already: the caller forgets them.
 *
 *         format_read(findings, input, bytes)       looks what it is, and calls the others
 *
 * How a file is recognised: the halves of envelopes (envelope.h) by their names; ZIP, Java key stores by their magic numbers; DER and BER by a
 * SEQUENCE; everything else is text, in which PEM blocks (RFC 7468) are looked for.
 */

#include "controller/inspect/crypto.h"
#include "controller/inspect/findings.h"

enum {
	FORMAT_SIZE_MAX = 1 << 20, /* of a file and of an archive member */
	PEM_BLOCKS_MAX = 512,
	PEM_LINE_MAX = 64 << 10,
	ARCHIVE_ENTRIES_MAX = 64,
	ARCHIVE_TOTAL_MAX = 4 << 20, /* inflated */
	ARCHIVE_RATIO_MAX = 100, /* inflated bytes for each stored one */
};

enum verdict format_read(struct findings *findings, struct input *input, struct bytes bytes);

/* Text with PEM blocks: certificates (also TRUSTED ones, without their trust), private
 * keys of every kind, CRLs, PKCS#7. Text between blocks, bag attributes, CRLF, blanks
 * around lines and a UTF-8 byte order mark are skipped. */
enum verdict pem_read(struct findings *findings, struct input *input, struct bytes bytes);

/* One or several DER objects, one after the other. */
enum verdict der_read(struct findings *findings, struct input *input, struct bytes bytes);

/* PKCS#7 SignedData that holds certificates and CRLs and no signature (RFC 2315, 9.1). */
enum verdict pkcs7_read(struct findings *findings, struct input *input, struct bytes bytes);

/* PKCS#12 (RFC 7292), also in BER. Iteration counts are read before anything is derived. */
enum verdict pkcs12_read(struct findings *findings, struct input *input, struct bytes bytes);

/* A Java key store (JKS): java-store.h. Which of its private keys: entries.h. */
enum verdict jks_read(struct findings *findings, struct input *input, struct bytes bytes);

/* ZIP. The directory is checked here, bit for bit, before libzip sees it: no encryption,
 * no links, no overlap, nothing absolute or upwards, no nested archive, no ZIP64. */
enum verdict archive_read(struct findings *findings, struct input *input, struct bytes bytes);

/* Encrypted PKCS#8 (EncryptedPrivateKeyInfo), as DER. */
enum verdict encrypted_key_read(struct findings *findings, struct input *input, struct bytes der);

/* An unencrypted private key, as DER. */
enum verdict key_read(struct findings *findings, struct input *input, struct bytes der,
		enum crypto_form form);
