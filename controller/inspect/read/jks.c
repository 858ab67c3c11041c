#include "controller/inspect/read/format.h"

#include "controller/inspect/crypto.h"
#include "controller/inspect/read/entries.h"
#include "controller/inspect/read/java-store.h"
#include "controller/inspect/read/password.h"

/* One key store while it is read. */
struct reading {
	struct findings *findings;
	struct input *input;
	struct java_store store;
	const char *passphrase; /* that opened it */
};

static enum verdict refuse(const struct reading *reading, const char *sentence)
{
	return conclude(reading->findings, reading->input, VERDICT_REFUSED, "%s", sentence);
}

/* ---- the store's password ---- */

/* A wrong password and a changed store look the same. */
static enum verdict not_opened(const struct reading *reading)
{
	const struct passphrases *given = reading->findings->passphrases;

	if (!given || given->count == 0)
		return refuse(reading,
				"the Java key store (JKS) is sealed with a password, and no "
				"passphrase was given");
	return conclude(reading->findings, reading->input, VERDICT_REFUSED,
			"%s the password of the Java key store (JKS), or it was changed after it "
			"was sealed",
			given->count == 1 ? "the passphrase given is not"
					  : "none of the passphrases given is");
}

static enum verdict open_store(struct reading *reading)
{
	const long long cost = java_store_cost(&reading->store);
	const char *passphrase;

	for (size_t i = 0; password_next(reading->findings, reading->input, i, &passphrase) &&
			passphrase;
			i++) {
		autodone(secret) struct secret password = { 0 };

		if (!password_pay(reading->findings, cost))
			return password_unpaid(reading->findings, reading->input);
		java_password(passphrase, &password);
		if (!java_store_opens(&reading->store, &password))
			continue;
		reading->passphrase = passphrase;
		return VERDICT_SOUND;
	}
	return not_opened(reading);
}

/* ---- entries ---- */

static enum verdict read_key(const struct reading *reading, const struct java_entry *entry)
{
	struct findings *findings = reading->findings;
	const char *passphrase;

	for (size_t i = 0; password_next_for_key(
			     findings, reading->input, reading->passphrase, i, &passphrase);
			i++) {
		autodone(secret) struct secret password = { 0 }, key = { 0 };

		if (!password_pay(findings, java_key_cost(entry)))
			return password_unpaid(findings, reading->input);
		java_password(passphrase, &password);
		switch (java_key_open(entry, &password, &key)) {
		case JAVA_OPENED:
			return key_read(findings, reading->input,
					(struct bytes){ key.bytes, key.length }, CRYPTO_PKCS8);
		case JAVA_OTHER_PROTECTION:
			return refuse(reading,
					"a private key in the Java key store (JKS) is damaged, or "
					"protected in a way that is not known here");
		case JAVA_OTHER_PASSWORD:
			break;
		}
	}
	return password_lacking_for_key(findings, reading->input, "Java key store (JKS)",
			entry_shown(findings->arena, entry->alias));
}

/* Of the trusted certificates only authorities can be of use: others are those of peers, and
 * nobody will ever drop their keys. */
static bool is_of_use(const struct java_entry *entry, struct bytes der)
{
	X509 *x509 = entry->has_key ? NULL : crypto_certificate(der);
	const bool of_use = entry->has_key || (x509 && certificate_is_authority(x509));

	X509_free(x509);
	return of_use;
}

static enum verdict read_certificates(const struct reading *reading, const struct java_entry *entry)
{
	struct bytes rest = entry->certificates, der;
	enum verdict verdict = VERDICT_SOUND;

	while (verdict == VERDICT_SOUND && java_certificate_next(&reading->store, &rest, &der))
		if (is_of_use(entry, der))
			verdict = findings_add_certificate(reading->findings, reading->input, der);
	return verdict;
}

static enum verdict choose(const struct reading *reading, struct store_entry *keys)
{
	const struct java_store *store = &reading->store;
	size_t count = 0;

	for (size_t i = 0; i < store->count; i++)
		if (store->entries[i].has_key)
			keys[count++].alias = store->entries[i].alias;
	return entries_choose(reading->findings, reading->input, keys, count, store->count - count);
}

static enum verdict read_entries(const struct reading *reading)
{
	const struct java_store *store = &reading->store;
	struct store_entry *keys = arena_new_many(
			reading->findings->arena, struct store_entry, store->count + 1);
	enum verdict verdict = choose(reading, keys);
	size_t key = 0;

	for (size_t i = 0; i < store->count && verdict == VERDICT_SOUND; i++) {
		const struct java_entry *entry = &store->entries[i];

		if (entry->has_key && !keys[key++].taken)
			continue;
		if (entry->has_key)
			verdict = read_key(reading, entry);
		if (verdict == VERDICT_SOUND)
			verdict = read_certificates(reading, entry);
	}
	return verdict;
}

enum verdict jks_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	struct reading reading = { .findings = findings, .input = input };
	const char *wrong = NULL;

	switch (java_store_read(findings->arena, bytes, &reading.store, &wrong)) {
	case JAVA_WHOLE:
		break;
	case JAVA_CUT:
		return conclude(findings, input, VERDICT_INCOMPLETE,
				"stops before the end of the Java key store");
	case JAVA_REFUSED:
		return refuse(&reading, wrong);
	}
	if (open_store(&reading) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	return read_entries(&reading);
}
