#include "controller/model/form.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_port(const char *text, size_t length)
{
	long port = 0;

	if (length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = 10 * port + (text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

static bool is_address(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon && colon != text && is_port(colon + 1, strlen(colon + 1));
}

static bool is_ip(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* RFC 1123 (2.1) with the underscore that some names have; RFC 6125 (6.4.3) for the star. */
static bool is_dns_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_";

	if (strncmp(text, "*.", 2) == 0)
		text += 2;
	for (;;) {
		const size_t length = strspn(text, letters);

		if (length == 0 || length > 63)
			return false;
		text += length;
		if (!*text)
			return true;
		if (*text++ != '.')
			return false;
	}
}

/* RFC 3986 (3.2.2): brackets tell the colons of an address from the one before the port. */
static bool is_host(const char *text, size_t length)
{
	const bool brackets = length > 2 && *text == '[' && text[length - 1] == ']';
	unsigned char address[sizeof(struct in6_addr)];
	char host[256];

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!brackets)
		return *host != '*' && is_dns_name(host);
	host[length - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, address) == 1;
}

/* RFC 3986 (3): https, an authority, and no path. */
static bool is_service(const char *text)
{
	static const char scheme[] = "https://";
	size_t length;

	if (strncmp(text, scheme, strlen(scheme)) != 0)
		return false;
	text += strlen(scheme);
	length = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/");
	if (length > strlen(text) || !is_host(text, length))
		return false;
	text += length;
	if (*text == ':') {
		length = strcspn(++text, "/");
		if (!is_port(text, length))
			return false;
		text += length;
	}
	return strcmp(text, "") == 0 || strcmp(text, "/") == 0;
}

/* What stands before an "@" may be a password. */
static bool check_service(const char *text, struct error *error)
{
	if (strchr(text, '@'))
		return fail(error, ERROR_CONFIG,
				"must be https://host:port, without a user or a password");
	return is_service(text) ||
			fail(error, ERROR_CONFIG, "\"%s\" is not https://host:port", text);
}

/* As they are compared: base/digest.h writes lower-case digits. */
static bool are_fingerprints(const char *text)
{
	size_t length = 0;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		length = strspn(text, "0123456789abcdef");
		text += length;
		if (length != 64 || (*text && *text != ' '))
			return false;
	}
	return length > 0;
}

/* RFC 5280 (4.2.1.12) by OpenSSL's short names; other usages by their OIDs. */
static bool is_usage(const char *text, struct error *error)
{
	static const char *const usages[] = { "serverAuth", "clientAuth", "codeSigning",
		"emailProtection", "timeStamping", "OCSPSigning", "anyExtendedKeyUsage", NULL };
	const char *nearest = word_nearest(usages, text);

	if (strspn(text, "0123456789.") == strlen(text))
		return true;
	for (size_t i = 0; usages[i]; i++)
		if (strcmp(usages[i], text) == 0)
			return true;
	if (nearest)
		return fail(error, ERROR_CONFIG, "\"%s\" is no usage; did you mean \"%s\"?", text,
				nearest);
	return fail(error, ERROR_CONFIG, "\"%s\" is no usage that has a name; write its OID", text);
}

bool form_allows(enum option_form form, const char *text, struct error *error)
{
	switch (form) {
	case FORM_ADDRESS:
		return is_address(text) ||
				fail(error, ERROR_CONFIG, "\"%s\" is not host:port", text);
	case FORM_COVERED:
		return is_ip(text) || is_dns_name(text) ||
				fail(error, ERROR_CONFIG,
						"\"%s\" is neither a DNS name nor an IP address",
						text);
	case FORM_USAGE:
		return is_usage(text, error);
	case FORM_SERVICE:
		return check_service(text, error);
	case FORM_FINGERPRINTS:
		return are_fingerprints(text) ||
				fail(error, ERROR_CONFIG,
						"\"%s\" is no SHA-256 fingerprint: 64 lower-case "
						"hexadecimal digits, several with blanks between them",
						text);
	case FORM_PROGRAM:
	case FORM_USER:
	case FORM_GROUP:
		return !strchr(text, ' ') ||
				fail(error, ERROR_CONFIG, "\"%s\" has blanks in it", text);
	case FORM_ANY:
	case FORM_COMMAND:
	case FORM_TARGET:
	case FORM_FILE:
	case FORM_DIRECTORY:
	case FORM_PASSABLE:
	case FORM_PUBLISHED:
		break;
	}
	return true;
}

bool form_allows_words(enum option_form form, struct words words, struct error *error)
{
	if (form == FORM_COMMAND && words.count == 1 && strchr(words.items[0], ' '))
		return fail(error, ERROR_CONFIG,
				"must be [ \"program\", \"argument\" ], not one word with blanks: no "
				"shell reads it");
	for (size_t i = 0; i < words.count; i++)
		if (!form_allows(form, words.items[i], error))
			return false;
	return true;
}

const char *form_kept(struct arena *arena, enum option_form form, const char *text)
{
	const size_t length = strlen(text);
	const bool slash = form == FORM_SERVICE && length > 0 && text[length - 1] == '/';

	return arena_copy_bytes(arena, text, slash ? length - 1 : length);
}
