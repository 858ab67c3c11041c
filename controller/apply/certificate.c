#define _GNU_SOURCE
#include "controller/apply/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

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

int certificate_check_pin(X509_STORE_CTX *context, void *pin)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(context);
	struct certificate certificate;
	const bool same = leaf && certificate_of(leaf, &certificate) &&
			strcmp(certificate.fingerprint.hex, pin) == 0;

	X509_STORE_CTX_set_error(context, same ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
	return same;
}

/* OpenSSL's reader passes over other PEM blocks, but must not pass over a private key into
 * its own memory: it is started at the certificate. */
bool certificate_find(const char *text, size_t length, struct certificate *certificate)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	const char *start = memmem(text, length, begin, strlen(begin));
	bool found = false;
	BIO *bio;
	X509 *x509;

	if (!start)
		return false;
	bio = BIO_new_mem_buf(start, (int)(length - (size_t)(start - text)));
	x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (x509)
		found = certificate_of(x509, certificate);
	X509_free(x509);
	BIO_free(bio);
	return found;
}
