#include "tests/unit/java.h"

#include <assert.h>
#include <string.h>

#include "controller/apply/keystore.h"
#include "controller/base/java-protection.h"

enum { HEAD_SIZE = 12 };

void add_jks_key(struct buffer *entries, const struct jks_recipe *recipe)
{
	const struct make_step make = { .make = "store", .format = "jks", .alias = recipe->alias };
	const struct keystore_passwords passwords = { .store = "x", .key = recipe->password };
	autodone(buffer) struct buffer parts = { 0 };
	autodone(secret) struct secret store = { 0 };
	struct error error;

	buffer_add(&parts, "certdrop part: leaf\n");
	add_certificate(&parts, recipe->identity);
	if (recipe->issuer) {
		buffer_add(&parts, "certdrop part: chain\n");
		add_certificate(&parts, recipe->issuer);
	}
	buffer_add(&parts, "certdrop part: key\n");
	add_key(&parts, recipe->identity, NULL);
	assert(keystore_build(&make, parts.bytes, &passwords, &store, &error));
	buffer_append(entries, store.bytes + HEAD_SIZE,
			store.length - HEAD_SIZE - JAVA_DIGEST_SIZE);
}

static void add_number(struct buffer *bytes, size_t size, size_t number)
{
	for (size_t i = size; i-- > 0;) {
		const unsigned char octet = (unsigned char)(number >> 8 * i);

		buffer_append(bytes, &octet, 1);
	}
}

void add_jks_trusted(struct buffer *entries, const char *alias, const struct identity *identity)
{
	autodone(buffer) struct buffer der = { 0 };

	add_certificate_der(&der, identity);
	add_number(entries, 4, 2);
	add_number(entries, 2, strlen(alias));
	buffer_add(entries, alias);
	add_number(entries, 8, 1767225600000);
	add_number(entries, 2, 5);
	buffer_add(entries, "X.509");
	add_number(entries, 4, der.length);
	buffer_append(entries, der.bytes, der.length);
}

void add_jks(struct buffer *store, unsigned count, const struct buffer *entries,
		const char *password)
{
	const size_t start = store->length;
	autodone(secret) struct secret units = { 0 };
	struct java_digest seal;

	add_number(store, 4, 0xfeedfeed);
	add_number(store, 4, 2);
	add_number(store, 4, count);
	buffer_append(store, entries->bytes, entries->length);
	java_password(password, &units);
	seal = java_seal(&units, store->bytes + start, store->length - start);
	buffer_append(store, seal.bytes, JAVA_DIGEST_SIZE);
}

void add_simple_jks(struct buffer *store, const struct identity *identity, const char *password)
{
	const struct jks_recipe recipe = {
		.identity = identity, .alias = "web", .password = password
	};
	autodone(buffer) struct buffer entries = { 0 };

	add_jks_key(&entries, &recipe);
	add_jks(store, 1, &entries, password);
}
