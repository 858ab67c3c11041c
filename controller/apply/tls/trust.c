#include "controller/apply/tls/trust.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "controller/apply/tls/certificate.h"

/* Fingerprints are as long as each other, so one cannot be a part of another. */
static bool is_among(const char *pins, X509_STORE_CTX *context)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(context);
	struct certificate certificate;

	return leaf && certificate_of(leaf, &certificate) &&
			strstr(pins, certificate.fingerprint.hex);
}

/* An address in brackets is an address. */
static bool expect_name(X509_STORE_CTX *context, const char *name)
{
	X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
	char address[64] = "";

	if (*name == '[')
		(void)strncat(address, name + 1, strnlen(name + 1, sizeof(address) - 1));
	address[strcspn(address, "]")] = '\0';
	return X509_VERIFY_PARAM_set1_ip_asc(parameters, *address ? address : name) == 1 ||
			X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1;
}

int trust_check(X509_STORE_CTX *context, void *given)
{
	const struct trust *trust = given;

	if (trust->pins || (trust->also && is_among(trust->also, context))) {
		const bool known = !trust->pins || is_among(trust->pins, context);

		X509_STORE_CTX_set_error(
				context, known ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
		return known;
	}
	return expect_name(context, trust->name) && X509_verify_cert(context) == 1;
}
