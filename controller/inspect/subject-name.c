#include "controller/inspect/subject-name.h"

#include <openssl/bio.h>

#include "controller/base/printable.h"

const char *printable_name(struct arena *arena, const X509_NAME *name)
{
	const unsigned long flags = (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	BIO *text = BIO_new(BIO_s_mem());
	const char *shown = "(no name)";
	char *start = NULL;

	if (text && X509_NAME_print_ex(text, name, 0, flags) >= 0) {
		const long length = BIO_get_mem_data(text, &start);

		if (length > 0)
			shown = printable(arena, start, (size_t)length);
	}
	BIO_free(text);
	return shown;
}
