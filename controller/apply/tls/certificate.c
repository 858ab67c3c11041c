#define _GNU_SOURCE
#include "controller/apply/tls/certificate.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/base/buffer.h"

bool certificate_of(X509 *x509, struct certificate *certificate)
{
	unsigned char *der = NULL;
	const int length = i2d_X509(x509, &der);
	struct tm end = { 0 };

	if (length <= 0 || ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end) != 1) {
		OPENSSL_free(der);
		return false;
	}
	certificate->fingerprint = digest_of(der, (size_t)length);
	certificate->not_after = (long long)timegm(&end);
	OPENSSL_free(der);
	return true;
}

bool certificate_key(X509 *x509, struct digest *digest)
{
	unsigned char *der = NULL;
	const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);

	if (length > 0)
		*digest = digest_of(der, (size_t)length);
	OPENSSL_free(der);
	return length > 0;
}

/* Fingerprints are as long as each other, so one cannot be a part of another. */
int certificate_check_pin(X509_STORE_CTX *context, void *pins)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(context);
	struct certificate certificate;
	const bool same = leaf && certificate_of(leaf, &certificate) &&
			strstr(pins, certificate.fingerprint.hex);

	X509_STORE_CTX_set_error(context, same ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
	return same;
}

/* The next PEM certificate, which is then left behind; NULL: it cannot be read. OpenSSL's reader
 * passes over other PEM blocks, but must not pass over a private key into its own memory: it is
 * started at the certificate. */
static X509 *read_next(const char **text, size_t *length, bool *any)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	const char *start = memmem(*text, *length, begin, strlen(begin));
	BIO *bio;
	X509 *x509;

	*any = start != NULL;
	if (!start)
		return NULL;
	*length -= (size_t)(start - *text);
	bio = BIO_new_mem_buf(start, (int)*length);
	x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	*text = start + strlen(begin);
	*length -= strlen(begin);
	return x509;
}

bool certificate_find(const char *text, size_t length, struct certificate *certificate)
{
	bool any;
	X509 *x509 = read_next(&text, &length, &any);
	const bool found = x509 && certificate_of(x509, certificate);

	X509_free(x509);
	return found;
}

struct listed {
	struct certificate facts;
	X509 *x509;
};

static int by_fingerprint(const void *left, const void *right)
{
	const struct listed *a = left, *b = right;

	return strcmp(a->facts.fingerprint.hex, b->facts.fingerprint.hex);
}

/* Appends those that can be read, and tells whether these are all. */
static bool list_all(const char *text, size_t length, struct listed *list, size_t *count)
{
	bool any = true, good = true;

	while (good) {
		X509 *x509 = read_next(&text, &length, &any);

		if (!any)
			break;
		good = x509 && *count < CERTIFICATES_MAX &&
				certificate_of(x509, &list[*count].facts);
		if (good)
			list[(*count)++].x509 = x509;
		else
			X509_free(x509);
	}
	return good;
}

static void append_der(struct buffer *bytes, X509 *x509)
{
	unsigned char *der = NULL;
	const int length = i2d_X509(x509, &der);

	if (length > 0)
		buffer_append(bytes, der, (size_t)length);
	OPENSSL_free(der);
}

bool certificate_find_all(const char *text, size_t length, struct certificate *all)
{
	struct listed *list = calloc(CERTIFICATES_MAX, sizeof(*list));
	autodone(buffer) struct buffer bytes = { 0 };
	size_t count = 0;
	bool good;

	assert(list);
	good = list_all(text, length, list, &count) && count > 0;
	if (count > 0)
		qsort(list, count, sizeof(*list), by_fingerprint);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || by_fingerprint(&list[i - 1], &list[i]) != 0)
			append_der(&bytes, list[i].x509);
		if (i == 0 || list[i].facts.not_after < all->not_after)
			all->not_after = list[i].facts.not_after;
	}
	for (size_t i = 0; i < count; i++)
		X509_free(list[i].x509);
	free(list);
	if (good)
		all->fingerprint = digest_of(bytes.bytes, bytes.length);
	return good;
}
