#include "controller/inspect/read/format.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "controller/base/printable.h"
#include "controller/base/secret.h"
#include "controller/inspect/crypto.h"
#include "controller/inspect/read/password.h"

enum { LABEL_MAX = 64, HEADER_MAX = 512, PASSPHRASE_MAX = 1024 };

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

struct block {
	char label[LABEL_MAX];
	char header[HEADER_MAX]; /* of a traditional encrypted key: "Proc-Type: ..." */
	struct bytes text; /* base64, with its line ends */
};

enum outcome { BLOCK_FOUND, BLOCK_NONE, BLOCK_CUT, BLOCK_DAMAGED };

/* ---- lines ---- */

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line without the blanks around it. `*ended`: there was a line end. */
static bool next_line(struct bytes *rest, struct bytes *line, bool *ended)
{
	const unsigned char *end;

	if (rest->length == 0)
		return false;
	end = memchr(rest->start, '\n', rest->length);
	*ended = end != NULL;
	line->start = rest->start;
	line->length = end ? (size_t)(end - rest->start) : rest->length;
	rest->start += line->length + *ended;
	rest->length -= line->length + *ended;
	while (line->length > 0 && is_blank(line->start[line->length - 1]))
		line->length--;
	while (line->length > 0 && is_blank(line->start[0])) {
		line->start++;
		line->length--;
	}
	return true;
}

static bool starts_with(struct bytes line, const char *mark)
{
	const size_t length = strlen(mark);

	return line.length >= length && memcmp(line.start, mark, length) == 0;
}

/* Is the line the start of such a mark, and no more? Then a writer may go on with it. */
static bool may_become(struct bytes line, const char *mark)
{
	const size_t length = strlen(mark);

	if (line.length == 0)
		return false;
	if (line.length < length)
		return memcmp(line.start, mark, line.length) == 0;
	return starts_with(line, mark);
}

/* "-----BEGIN LABEL-----" */
static bool read_mark(struct bytes line, const char *mark, char label[LABEL_MAX])
{
	const size_t before = strlen(mark), after = sizeof(dashes) - 1;
	size_t length;

	if (!starts_with(line, mark) || line.length < before + after)
		return false;
	length = line.length - before - after;
	if (memcmp(line.start + before + length, dashes, after) != 0 || length >= LABEL_MAX)
		return false;
	memcpy(label, line.start + before, length);
	label[length] = '\0';
	return true;
}

/* ---- blocks ---- */

static bool add_header(struct block *block, struct bytes line)
{
	const size_t used = strlen(block->header);

	if (used + line.length + 2 > HEADER_MAX)
		return false;
	memcpy(block->header + used, line.start, line.length);
	memcpy(block->header + used + line.length, "\n", 2);
	return true;
}

static bool find_begin(struct bytes *rest, struct block *block, enum outcome *outcome)
{
	struct bytes line;
	bool ended;

	while (next_line(rest, &line, &ended)) {
		if (read_mark(line, begin_mark, block->label)) {
			*outcome = BLOCK_FOUND;
			return true;
		}
		if (!ended && may_become(line, begin_mark)) {
			*outcome = BLOCK_CUT;
			return false;
		}
	}
	*outcome = BLOCK_NONE;
	return false;
}

/* Headers ("Proc-Type: 4,ENCRYPTED") stand before the base64 and have a colon. */
static bool take_header(struct block *block, struct bytes line, bool *sound)
{
	if (line.length == 0 || !memchr(line.start, ':', line.length))
		return false;
	*sound = add_header(block, line);
	return true;
}

/* From behind the BEGIN line to behind the END line. */
static enum outcome find_end(struct bytes *rest, struct block *block)
{
	char label[LABEL_MAX];
	struct bytes line;
	bool ended, in_header = true, sound = true;

	block->text = (struct bytes){ rest->start, 0 };
	while (next_line(rest, &line, &ended)) {
		if (read_mark(line, end_mark, label))
			return strcmp(label, block->label) == 0 ? BLOCK_FOUND : BLOCK_DAMAGED;
		if (!ended && may_become(line, end_mark))
			return BLOCK_CUT;
		if (starts_with(line, dashes) || line.length > PEM_LINE_MAX)
			return BLOCK_DAMAGED;
		in_header = in_header && take_header(block, line, &sound);
		if (!sound)
			return BLOCK_DAMAGED;
		if (in_header)
			block->text.start = rest->start;
		block->text.length = (size_t)(rest->start - block->text.start);
	}
	return BLOCK_CUT;
}

static enum outcome next_block(struct bytes *rest, struct block *block)
{
	enum outcome outcome;

	*block = (struct block){ 0 };
	if (!find_begin(rest, block, &outcome))
		return outcome;
	return find_end(rest, block);
}

/* Appends what the base64 stands for. */
static bool decode(struct bytes text, struct secret *der)
{
	unsigned char plain[3 * 1024 + 64];
	EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
	bool sound = context != NULL;
	int length = 0;

	EVP_DecodeInit(context);
	while (sound && text.length > 0) {
		const size_t part = text.length < 4096 ? text.length : 4096;

		sound = EVP_DecodeUpdate(context, plain, &length, text.start, (int)part) >= 0;
		if (sound)
			secret_append(der, plain, (size_t)length);
		text.start += part;
		text.length -= part;
	}
	if (sound && EVP_DecodeFinal(context, plain, &length) == 1)
		secret_append(der, plain, (size_t)length);
	else
		sound = false;
	EVP_ENCODE_CTX_free(context);
	OPENSSL_cleanse(plain, sizeof(plain));
	return sound && der->length > 0;
}

/* ---- what is in a block ---- */

static int give_passphrase(char *to, int size, int writing, void *passphrase)
{
	const struct bytes *given = passphrase;

	(void)writing;
	if (given->length > (size_t)size)
		return -1;
	memcpy(to, given->start, given->length);
	return (int)given->length;
}

static enum verdict read_traditional(struct findings *findings, struct input *input,
		struct secret *der, enum crypto_form form)
{
	const struct bytes bytes = { der->bytes, der->length };

	return key_read(findings, input, bytes, form);
}

/* A key in the way of OpenSSL before 1.0: "DEK-Info: AES-256-CBC,...". One MD5 per
 * passphrase, so that it costs nothing to try. A wrong one may go unnoticed in the
 * padding, and shows in what comes out. */
static enum verdict read_encrypted_traditional(struct findings *findings, struct input *input,
		struct block *block, const struct secret *der, enum crypto_form form)
{
	EVP_CIPHER_INFO cipher;
	const char *passphrase;

	if (!PEM_get_EVP_CIPHER_INFO(block->header, &cipher) || !cipher.cipher)
		return conclude(findings, input, VERDICT_REFUSED,
				"the private key is encrypted in a way that is not known here");
	for (size_t i = 0; password_next(findings, input, i, &passphrase) && passphrase; i++) {
		autodone(secret) struct secret plain = { 0 };
		struct bytes given = { (const unsigned char *)passphrase, strlen(passphrase) };
		long length = (long)der->length;
		struct bytes bytes;
		EVP_PKEY *key;

		secret_append(&plain, der->bytes, der->length);
		if (!PEM_do_header(&cipher, plain.bytes, &length, give_passphrase, &given))
			continue;
		bytes = (struct bytes){ plain.bytes, (size_t)length };
		key = crypto_private_key(bytes, form);
		if (key)
			return findings_add_key(findings, input, key);
	}
	return password_lacking(findings, input, "the private key");
}

static enum verdict read_key_block(struct findings *findings, struct input *input,
		struct block *block, struct secret *der, enum crypto_form form)
{
	if (strstr(block->header, "ENCRYPTED"))
		return read_encrypted_traditional(findings, input, block, der, form);
	return read_traditional(findings, input, der, form);
}

/* OpenSSL's TRUSTED CERTIFICATE: the certificate, and behind it somebody's settings. */
static enum verdict read_trusted(struct findings *findings, struct input *input, struct bytes der)
{
	struct tlv certificate;

	if (!tlv_next(&der, &certificate))
		return conclude(findings, input, VERDICT_REFUSED, "a certificate in it is damaged");
	return findings_add_certificate(findings, input, certificate.whole);
}

enum label {
	LABEL_CERTIFICATE,
	LABEL_TRUSTED,
	LABEL_PKCS8,
	LABEL_ENCRYPTED,
	LABEL_RSA,
	LABEL_EC,
	LABEL_CRL,
	LABEL_PKCS7,
	LABEL_PASSED_OVER, /* harmless, and nothing to look at */
	LABEL_NAMED, /* not used, but worth a word */
	LABEL_REFUSED,
};

static const struct {
	const char *label;
	enum label is;
	const char *says;
} labels[] = {
	{ "CERTIFICATE", LABEL_CERTIFICATE, NULL },
	{ "X509 CERTIFICATE", LABEL_CERTIFICATE, NULL },
	{ "TRUSTED CERTIFICATE", LABEL_TRUSTED, NULL },
	{ "PRIVATE KEY", LABEL_PKCS8, NULL },
	{ "ENCRYPTED PRIVATE KEY", LABEL_ENCRYPTED, NULL },
	{ "RSA PRIVATE KEY", LABEL_RSA, NULL },
	{ "EC PRIVATE KEY", LABEL_EC, NULL },
	{ "X509 CRL", LABEL_CRL, NULL },
	{ "PKCS7", LABEL_PKCS7, NULL },
	{ "CMS", LABEL_PKCS7, NULL },
	{ "EC PARAMETERS", LABEL_PASSED_OVER, NULL },
	{ "DH PARAMETERS", LABEL_PASSED_OVER, NULL },
	{ "PUBLIC KEY", LABEL_NAMED, "a public key" },
	{ "RSA PUBLIC KEY", LABEL_NAMED, "a public key" },
	{ "CERTIFICATE REQUEST", LABEL_NAMED, "a certificate request" },
	{ "NEW CERTIFICATE REQUEST", LABEL_NAMED, "a certificate request" },
	{ "OPENSSH PRIVATE KEY", LABEL_REFUSED,
			"holds a key in OpenSSH's own form; convert it with "
			"ssh-keygen -p -m PKCS8" },
	{ "DSA PRIVATE KEY", LABEL_REFUSED, "the private key is DSA, which is not used here" },
};

static enum verdict read_content(struct findings *findings, struct input *input,
		struct block *block, struct secret *der, enum label label)
{
	const struct bytes bytes = { der->bytes, der->length };

	switch (label) {
	case LABEL_CERTIFICATE:
		return findings_add_certificate(findings, input, bytes);
	case LABEL_TRUSTED:
		return read_trusted(findings, input, bytes);
	case LABEL_PKCS8:
		return read_traditional(findings, input, der, CRYPTO_PKCS8);
	case LABEL_ENCRYPTED:
		return encrypted_key_read(findings, input, bytes);
	case LABEL_RSA:
		return read_key_block(findings, input, block, der, CRYPTO_RSA);
	case LABEL_EC:
		return read_key_block(findings, input, block, der, CRYPTO_EC);
	case LABEL_CRL:
		return findings_add_crl(findings, input, bytes);
	case LABEL_PKCS7:
		return pkcs7_read(findings, input, bytes);
	case LABEL_PASSED_OVER:
	case LABEL_NAMED:
	case LABEL_REFUSED:
		break;
	}
	return VERDICT_IGNORED;
}

static enum verdict read_block(struct findings *findings, struct input *input, struct block *block,
		struct secret *der)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		if (strcmp(labels[i].label, block->label) != 0)
			continue;
		if (labels[i].is == LABEL_REFUSED)
			return conclude(findings, input, VERDICT_REFUSED, "%s", labels[i].says);
		if (labels[i].is == LABEL_NAMED)
			note(findings, input, labels[i].says);
		if (labels[i].is >= LABEL_PASSED_OVER)
			return VERDICT_IGNORED;
		der->length = 0;
		if (!decode(block->text, der))
			return conclude(findings, input, VERDICT_REFUSED,
					"the base64 of a %s block is damaged", block->label);
		return read_content(findings, input, block, der, labels[i].is);
	}
	note(findings, input,
			arena_printf(findings->arena, "a block called \"%s\"",
					printable(findings->arena, block->label,
							strlen(block->label))));
	return VERDICT_IGNORED;
}

static enum verdict conclude_text(struct findings *findings, struct input *input,
		enum outcome outcome, const struct block *block, bool found)
{
	if (outcome == BLOCK_CUT && *block->label)
		return conclude(findings, input, VERDICT_INCOMPLETE, "stops inside a %s block",
				printable(findings->arena, block->label, strlen(block->label)));
	if (outcome == BLOCK_CUT)
		return conclude(findings, input, VERDICT_INCOMPLETE, "stops inside a BEGIN line");
	if (outcome == BLOCK_DAMAGED)
		return conclude(findings, input, VERDICT_REFUSED,
				"a %s block does not end with its END line",
				printable(findings->arena, block->label, strlen(block->label)));
	if (found)
		return VERDICT_SOUND;
	if (input->note)
		return conclude(findings, input, VERDICT_IGNORED,
				"holds only %s, which is not used", input->note);
	return conclude(findings, input, VERDICT_IGNORED,
			"holds no certificate and no key that is known here");
}

/* What some editors put in front of UTF-8. */
static struct bytes without_mark(struct bytes bytes)
{
	if (starts_with(bytes, "\xef\xbb\xbf")) {
		bytes.start += 3;
		bytes.length -= 3;
	}
	return bytes;
}

enum verdict pem_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	autodone(secret) struct secret der = { 0 };
	struct bytes rest = without_mark(bytes);
	struct block block;
	enum outcome outcome;
	unsigned blocks = 0;
	bool found = false;

	while ((outcome = next_block(&rest, &block)) == BLOCK_FOUND) {
		enum verdict verdict;

		if (++blocks > PEM_BLOCKS_MAX)
			return conclude(findings, input, VERDICT_REFUSED,
					"holds more than %d PEM blocks", PEM_BLOCKS_MAX);
		if (memchr(block.text.start, '\0', block.text.length))
			return conclude(findings, input, VERDICT_REFUSED,
					"a PEM block in it has zero bytes");
		verdict = read_block(findings, input, &block, &der);
		if (verdict == VERDICT_REFUSED || verdict == VERDICT_INCOMPLETE)
			return verdict;
		found = found || verdict == VERDICT_SOUND;
	}
	input->verdict = conclude_text(findings, input, outcome, &block, found);
	ERR_clear_error();
	return input->verdict;
}
