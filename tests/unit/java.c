#include "tests/unit/java.h"

#include <assert.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "controller/apply/make/keystore.h"
#include "controller/formats/java-protection.h"

enum { HEAD_SIZE = 12, ITERATIONS = 10 };

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

static void name_bag(PKCS12_SAFEBAG *bag, const struct pkcs12_entry *entry)
{
	assert(bag);
	if (entry->alias)
		assert(PKCS12_add_friendlyname_utf8(bag, entry->alias, -1) == 1);
	if (entry->trusted)
		assert(PKCS12_add1_attr_by_txt(bag, "2.16.840.1.113894.746875.1.1",
				       V_ASN1_OCTET_STRING, (const unsigned char *)"x", 1) == 1);
}

void add_pkcs12_entries(struct buffer *store, const struct pkcs12_entry *entries, size_t count,
		const char *password)
{
	STACK_OF(PKCS12_SAFEBAG) *certificates = NULL, *keys = NULL;
	STACK_OF(PKCS7) *safes = NULL;
	unsigned char *der = NULL;
	PKCS12 *made;
	int length;

	for (size_t i = 0; i < count; i++) {
		const struct pkcs12_entry *entry = &entries[i];

		name_bag(PKCS12_add_cert(&certificates, entry->identity->certificate), entry);
		if (entry->key_password)
			name_bag(PKCS12_add_key(&keys, entry->identity->key, 0, ITERATIONS,
						 NID_aes_256_cbc, entry->key_password),
					entry);
	}
	assert(PKCS12_add_safe(&safes, certificates, NID_aes_256_cbc, ITERATIONS, password) == 1);
	if (keys)
		assert(PKCS12_add_safe(&safes, keys, -1, 0, NULL) == 1);
	made = PKCS12_add_safes(safes, 0);
	assert(made && PKCS12_set_mac(made, password, -1, NULL, 0, ITERATIONS, NULL) == 1);
	length = i2d_PKCS12(made, &der);
	assert(length > 0);
	buffer_append(store, der, (size_t)length);
	OPENSSL_free(der);
	PKCS12_free(made);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	sk_PKCS12_SAFEBAG_pop_free(certificates, PKCS12_SAFEBAG_free);
	sk_PKCS12_SAFEBAG_pop_free(keys, PKCS12_SAFEBAG_free);
}
