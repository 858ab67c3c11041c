#define _GNU_SOURCE
#include "controller/apply/ldap/ldap-value.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_MAX = 16, DEPTH_MAX = 8, SHORT_MAX = 127 };

struct building {
	struct contents *contents;
	struct secret *value;
	size_t open[DEPTH_MAX]; /* where the contents of elements begin that wait for their close */
	size_t depth;
};

/* ---- words ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int hex_byte(const char *text)
{
	const int high = hex_digit(text[0]);
	const int low = high < 0 ? -1 : hex_digit(text[1]);

	return low < 0 ? -1 : high * 16 + low;
}

/* Two digits, and a tag of one byte: numbers above 30 take more (X.690, 8.1.2.4). */
static bool read_tag(const char *text, unsigned char *tag)
{
	const int byte = strlen(text) == 2 ? hex_byte(text) : -1;

	if (byte < 0 || (byte & 0x1F) == 0x1F)
		return false;
	*tag = (unsigned char)byte;
	return true;
}

/* ---- elements ---- */

struct length_octets {
	unsigned char bytes[1 + sizeof(size_t)];
	size_t count;
};

/* X.690, 8.1.3: one octet up to 127, else their number and as many as it takes. */
static struct length_octets octets_of(size_t length)
{
	struct length_octets octets = { .count = 1 };
	size_t more = 0;

	if (length <= SHORT_MAX) {
		octets.bytes[0] = (unsigned char)length;
		return octets;
	}
	while (length >> (8 * more))
		more++;
	octets.bytes[0] = (unsigned char)(0x80 | more);
	for (; more > 0; more--)
		octets.bytes[octets.count++] = (unsigned char)(length >> (8 * (more - 1)));
	return octets;
}

static void put(struct building *b, unsigned char tag, const void *bytes, size_t length)
{
	const struct length_octets octets = octets_of(length);

	secret_append(b->value, &tag, 1);
	secret_append(b->value, octets.bytes, octets.count);
	secret_append(b->value, bytes, length);
}

/* How long it is, is known only now: what it holds makes room for that. */
static void close_last(struct building *b)
{
	const size_t start = b->open[--b->depth];
	const size_t length = b->value->length - start;
	const struct length_octets octets = octets_of(length);
	unsigned char *bytes;

	secret_append(b->value, octets.bytes, octets.count);
	bytes = b->value->bytes + start;
	memmove(bytes + octets.count, bytes, length);
	memcpy(bytes, octets.bytes, octets.count);
}

/* ---- rows ---- */

static bool put_open(
		struct building *b, unsigned char tag, const char *argument, struct error *error)
{
	(void)argument;
	if (b->depth == DEPTH_MAX)
		return fail(error, ERROR_INTERNAL, "more than %d elements in one another",
				DEPTH_MAX);
	secret_append(b->value, &tag, 1);
	b->open[b->depth++] = b->value->length;
	return true;
}

static bool put_text(
		struct building *b, unsigned char tag, const char *argument, struct error *error)
{
	(void)error;
	put(b, tag, argument, strlen(argument));
	return true;
}

static bool put_bytes(
		struct building *b, unsigned char tag, const char *argument, struct error *error)
{
	autodone(buffer) struct buffer bytes = { 0 };

	for (; *argument; argument += 2) {
		const int byte = hex_byte(argument);

		if (byte < 0)
			return fail(error, ERROR_INTERNAL, "\"%s\" is not hexadecimal", argument);
		buffer_append(&bytes, &(char){ (char)byte }, 1);
	}
	put(b, tag, buffer_text(&bytes), bytes.length);
	return true;
}

static bool put_content(
		struct building *b, unsigned char tag, const char *argument, struct error *error)
{
	struct content content;

	if (!contents_get(b->contents, argument, &content, error))
		return false;
	put(b, tag, content.bytes, content.length);
	return true;
}

static bool put_password(
		struct building *b, unsigned char tag, const char *argument, struct error *error)
{
	struct content password;

	if (!contents_password(b->contents, argument, &password, error))
		return false;
	put(b, tag, password.bytes, password.length);
	return true;
}

static bool put_certificate(struct building *b, unsigned char tag, X509 *x509)
{
	unsigned char *der = NULL;
	const int length = i2d_X509(x509, &der);

	if (length > 0)
		put(b, tag, der, (size_t)length);
	OPENSSL_free(der);
	return length > 0;
}

static bool put_certificates(
		struct building *b, unsigned char tag, const char *argument, struct error *error)
{
	struct content content;
	size_t count = 0;
	bool good = true;
	BIO *bio;
	X509 *x509;

	if (!contents_get(b->contents, argument, &content, error))
		return false;
	bio = BIO_new_mem_buf(content.bytes, (int)content.length);
	for (; bio && good && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
		good = put_certificate(b, tag, x509);
		X509_free(x509);
	}
	BIO_free(bio);
	return (good && count > 0) ||
			fail(error, ERROR_INTERNAL, "%s holds no certificate", argument);
}

static bool put_row(struct building *b, struct words row, struct error *error)
{
	static const struct {
		const char *name;
		size_t words;
		bool (*put)(struct building *b, unsigned char tag, const char *argument,
				struct error *error);
	} kinds[] = {
		{ "open", 2, put_open },
		{ "text", 3, put_text },
		{ "bytes", 3, put_bytes },
		{ "content", 3, put_content },
		{ "certificates", 3, put_certificates },
		{ "password", 3, put_password },
	};
	unsigned char tag;

	if (row.count == 1 && strcmp(row.items[0], "close") == 0 && b->depth > 0) {
		close_last(b);
		return true;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (row.count == kinds[i].words && strcmp(row.items[0], kinds[i].name) == 0 &&
				read_tag(row.items[1], &tag))
			return kinds[i].put(b, tag, row.count > 2 ? row.items[2] : NULL, error);
	return fail(error, ERROR_INTERNAL, "\"%s\" is no element of a value",
			row.count > 0 ? row.items[0] : "");
}

bool value_build(struct contents *contents, struct rows rows, struct secret *value,
		struct error *error)
{
	struct building b = { .contents = contents, .value = value };

	for (size_t i = 0; i < rows.count; i++)
		if (!put_row(&b, rows.items[i], error))
			return false;
	return b.depth == 0 || fail(error, ERROR_INTERNAL, "a value that is not closed");
}

/* ---- reading ---- */

static void ber_done(BerElement **ber)
{
	ber_free(*ber, 1);
}

struct words value_texts(struct arena *arena, struct berval *value, struct words tags)
{
	struct words texts = { .items = arena_new_many(arena, const char *, TEXTS_MAX) };
	/* libldap would look for the tag of what is empty at address 0. */
	autodone(ber) BerElement *ber = value && value->bv_len > 0 ? ber_init(value) : NULL;
	ber_len_t length;
	unsigned char wanted;
	ber_tag_t tag;

	if (!ber || ber_skip_tag(ber, &length) != LBER_SEQUENCE)
		return texts;
	while (texts.count < TEXTS_MAX && (tag = ber_peek_tag(ber, &length)) != LBER_DEFAULT) {
		struct berval element;

		if (ber_skip_element(ber, &element) == LBER_DEFAULT)
			break;
		for (size_t i = 0; i < tags.count; i++)
			if (read_tag(tags.items[i], &wanted) && wanted == tag)
				texts.items[texts.count++] = arena_copy_bytes(
						arena, element.bv_val, element.bv_len);
	}
	return texts;
}
