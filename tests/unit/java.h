#pragma once

/*
 * Java key stores (JKS) for tests: entries written by certdrop-apply, put together and sealed here,
 * so that stores can be made that nobody would write.
 *
 *         autodone(buffer) struct buffer entries = { 0 }, store = { 0 };
 *
 *         add_jks_key(&entries, &recipe);
 *         add_jks_trusted(&entries, "root", &authority);
 *         add_jks(&store, 2, &entries, "store password");
 */

#include "tests/unit/material.h"

struct jks_recipe {
	const struct identity *identity;
	const struct identity *issuer; /* in its chain; NULL: none */
	const char *alias;
	const char *password; /* of the key */
};

void add_jks_key(struct buffer *entries, const struct jks_recipe *recipe);
void add_jks_trusted(struct buffer *entries, const char *alias, const struct identity *identity);

/* `count` is what the head says. */
void add_jks(struct buffer *store, unsigned count, const struct buffer *entries,
		const char *password);

/* A store with one key and one password. */
void add_simple_jks(struct buffer *store, const struct identity *identity, const char *password);

/* A PKCS#12 as Java writes it: the certificates sealed in one safe, the keys in another one. */
struct pkcs12_entry {
	const struct identity *identity;
	const char *alias; /* NULL: none */
	const char *key_password; /* NULL: only the certificate */
	bool trusted; /* Java's mark of a trusted certificate */
};
void add_pkcs12_entries(struct buffer *store, const struct pkcs12_entry *entries, size_t count,
		const char *password);
