#pragma once

/*
 * The outermost layer of ASN.1 (X.690): tag, length, value. Just enough to learn what a
 * file is and whether all of it is there, before a decoder sees it. Every read is
 * bounded by the bytes given; indefinite lengths (BER, as NSS writes them) are followed
 * 16 levels deep; tags above 30 do not occur in what we read and count as damage.
 */

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	const unsigned char *start;
	size_t length;
};

enum {
	TLV_INTEGER = 0x02,
	TLV_BIT_STRING = 0x03,
	TLV_OCTET_STRING = 0x04,
	TLV_OID = 0x06,
	TLV_SEQUENCE = 0x30,
	TLV_CONTEXT_0 = 0xa0,
	TLV_CONTEXT_1 = 0xa1,
};

struct tlv {
	unsigned char tag; /* class, constructed bit and number, as in the file */
	struct bytes value;
	struct bytes whole; /* with tag, length and end mark */
};

enum tlv_measure {
	TLV_WHOLE,
	TLV_SHORT, /* so far sound, but it goes on behind the bytes given */
	TLV_DAMAGED,
};

/* How long is the element at the start of `bytes`, everything included? With TLV_SHORT
 * `length` is what its length field promises, or 0 when even that is not known. */
enum tlv_measure tlv_measure(struct bytes bytes, size_t *length);

/* Takes the first element off `rest`. False: there is no whole one. */
bool tlv_next(struct bytes *rest, struct tlv *tlv);

/* The same, and it must have that tag. */
bool tlv_expect(struct bytes *rest, unsigned char tag, struct tlv *tlv);

bool bytes_equal(struct bytes a, struct bytes b);
