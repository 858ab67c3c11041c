#include "controller/inspect/read/tlv.h"

#include <stdint.h>
#include <string.h>

enum { NESTING_MAX = 16, INDEFINITE = 0x80, CONSTRUCTED = 0x20 };

struct header {
	size_t length; /* of tag and length field */
	size_t value; /* length of what follows */
	bool indefinite;
};

static enum tlv_measure read_header(struct bytes bytes, struct header *header)
{
	size_t octets;

	if (bytes.length >= 1 && (bytes.start[0] & 0x1f) == 0x1f)
		return TLV_DAMAGED;
	if (bytes.length < 2)
		return TLV_SHORT;

	*header = (struct header){ .length = 2, .value = bytes.start[1] };
	if (bytes.start[1] < INDEFINITE)
		return TLV_WHOLE;
	if (bytes.start[1] == INDEFINITE) {
		header->indefinite = true;
		header->value = 0;
		return bytes.start[0] & CONSTRUCTED ? TLV_WHOLE : TLV_DAMAGED;
	}

	octets = bytes.start[1] & 0x7fU;
	if (octets > 4)
		return TLV_DAMAGED;
	if (bytes.length < 2 + octets)
		return TLV_SHORT;
	header->value = 0;
	header->length += octets;
	for (size_t i = 0; i < octets; i++)
		header->value = header->value << 8 | bytes.start[2 + i];
	return TLV_WHOLE;
}

static struct bytes behind(struct bytes bytes, size_t length)
{
	const struct bytes rest = { bytes.start + length, bytes.length - length };

	return rest;
}

static enum tlv_measure measure_at(struct bytes bytes, unsigned depth, size_t *length)
{
	struct header header = { 0 };
	enum tlv_measure found = read_header(bytes, &header);
	size_t used;

	*length = 0;
	if (found != TLV_WHOLE)
		return found;
	used = header.length;
	/* Where size_t has 32 bits, a length of four octets reaches round to the start. */
	if (header.value > SIZE_MAX - used)
		return TLV_DAMAGED;
	if (!header.indefinite) {
		*length = used + header.value;
		return *length <= bytes.length ? TLV_WHOLE : TLV_SHORT;
	}

	if (depth == NESTING_MAX)
		return TLV_DAMAGED;
	for (;;) {
		const struct bytes rest = behind(bytes, used);
		size_t inner;

		if (rest.length >= 2 && rest.start[0] == 0 && rest.start[1] == 0)
			break;
		found = measure_at(rest, depth + 1, &inner);
		if (found != TLV_WHOLE)
			return found;
		used += inner;
	}
	*length = used + 2;
	return TLV_WHOLE;
}

enum tlv_measure tlv_measure(struct bytes bytes, size_t *length)
{
	return measure_at(bytes, 0, length);
}

bool tlv_next(struct bytes *rest, struct tlv *tlv)
{
	struct header header = { 0 };
	size_t length;

	if (tlv_measure(*rest, &length) != TLV_WHOLE || read_header(*rest, &header) != TLV_WHOLE)
		return false;
	tlv->tag = rest->start[0];
	tlv->whole = (struct bytes){ rest->start, length };
	tlv->value = behind(tlv->whole, header.length);
	if (header.indefinite)
		tlv->value.length -= 2;
	*rest = behind(*rest, length);
	return true;
}

bool tlv_expect(struct bytes *rest, unsigned char tag, struct tlv *tlv)
{
	return tlv_next(rest, tlv) && tlv->tag == tag;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.start, b.start, a.length) == 0);
}
