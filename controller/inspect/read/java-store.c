#include "controller/inspect/read/java-store.h"

#include <string.h>

#include "controller/inspect/findings.h"

enum { KIND_KEY = 1, KIND_TRUSTED = 2, DATE_SIZE = 8 };

/* A place in the bytes. Once something is cut or wrong it stays so, and nothing but nought is
 * read any more: what was read is looked at once it is known to be whole. */
struct cursor {
	struct bytes rest;
	bool cut;
	const char *wrong;
};

static bool stopped(const struct cursor *cursor)
{
	return cursor->cut || cursor->wrong;
}

static struct bytes take(struct cursor *cursor, size_t length)
{
	struct bytes taken = { cursor->rest.start, length };

	if (length > cursor->rest.length)
		cursor->cut = true;
	if (stopped(cursor))
		return (struct bytes){ cursor->rest.start, 0 };
	cursor->rest.start += length;
	cursor->rest.length -= length;
	return taken;
}

static size_t take_number(struct cursor *cursor, size_t size)
{
	const struct bytes taken = take(cursor, size);
	size_t number = 0;

	for (size_t i = 0; i < taken.length; i++)
		number = number << 8 | taken.start[i];
	return number;
}

static void refuse_if(struct cursor *cursor, bool bad, const char *wrong)
{
	if (bad && !stopped(cursor))
		cursor->wrong = wrong;
}

/* ---- entries ---- */

static struct bytes take_certificate(struct cursor *cursor, unsigned version)
{
	static const struct bytes x509 = { (const unsigned char *)"X.509", 5 };
	size_t length;

	if (version > 1) {
		const struct bytes type = take(cursor, take_number(cursor, 2));

		refuse_if(cursor, !bytes_equal(type, x509),
				"the Java key store holds a certificate that is not X.509");
	}
	length = take_number(cursor, 4);
	refuse_if(cursor, length > CERTIFICATE_SIZE_MAX,
			"the Java key store holds a certificate of more than 64 KiB");
	return take(cursor, length);
}

static void take_key(struct cursor *cursor, struct java_entry *entry)
{
	const size_t length = take_number(cursor, 4);

	refuse_if(cursor, length > JAVA_SEALED_KEY_MAX,
			"the Java key store holds a private key of more than 16 KiB");
	entry->has_key = true;
	entry->key = take(cursor, length);
	entry->count = (unsigned)take_number(cursor, 4);
	refuse_if(cursor, entry->count > JAVA_CHAIN_MAX,
			"the Java key store holds a chain of more than 100 certificates");
}

static void take_entry(struct cursor *cursor, unsigned version, struct java_entry *entry)
{
	const size_t kind = take_number(cursor, 4);

	refuse_if(cursor, kind != KIND_KEY && kind != KIND_TRUSTED,
			"the Java key store holds an entry that is neither a private key nor a "
			"trusted certificate");
	entry->alias = take(cursor, take_number(cursor, 2));
	(void)take(cursor, DATE_SIZE);
	if (kind == KIND_KEY)
		take_key(cursor, entry);
	else
		entry->count = 1;
	entry->certificates.start = cursor->rest.start;
	for (unsigned i = 0; i < entry->count && !stopped(cursor); i++)
		(void)take_certificate(cursor, version);
	entry->certificates.length = (size_t)(cursor->rest.start - entry->certificates.start);
}

/* ---- all of it ---- */

static void take_entries(struct arena *arena, struct cursor *cursor, struct java_store *store)
{
	const size_t count = take_number(cursor, 4);
	size_t size = 0;

	refuse_if(cursor, count > JAVA_ENTRIES_MAX,
			"the Java key store has more than 1024 entries");
	while (store->count < count && !stopped(cursor)) {
		struct java_entry entry = { 0 };

		take_entry(cursor, store->version, &entry);
		store->entries = arena_with_room(arena, store->entries, store->count, &size,
				sizeof(*store->entries));
		store->entries[store->count++] = entry;
	}
}

enum java_outcome java_store_read(struct arena *arena, struct bytes bytes, struct java_store *store,
		const char **wrong)
{
	struct cursor cursor = { .rest = bytes };
	const size_t magic = take_number(&cursor, 4);

	*store = (struct java_store){ .version = (unsigned)take_number(&cursor, 4) };
	refuse_if(&cursor, magic != 0xfeedfeed, "is not a Java key store");
	refuse_if(&cursor, store->version != 1 && store->version != 2,
			"the Java key store has a version that is not known here");
	take_entries(arena, &cursor, store);
	store->sealed.start = bytes.start;
	store->sealed.length = (size_t)(cursor.rest.start - bytes.start);
	store->seal = take(&cursor, JAVA_DIGEST_SIZE).start;
	*wrong = cursor.wrong;
	return cursor.wrong ? JAVA_REFUSED : cursor.cut ? JAVA_CUT : JAVA_WHOLE;
}

bool java_certificate_next(
		const struct java_store *store, struct bytes *certificates, struct bytes *der)
{
	struct cursor cursor = { .rest = *certificates };
	const struct bytes taken = take_certificate(&cursor, store->version);

	if (stopped(&cursor))
		return false;
	*certificates = cursor.rest;
	*der = taken;
	return true;
}

/* ---- passwords ---- */

bool java_store_opens(const struct java_store *store, const struct secret *password)
{
	const struct java_digest seal =
			java_seal(password, store->sealed.start, store->sealed.length);

	return java_digest_equal(&seal, store->seal);
}

/* The octets of SEQUENCE { SEQUENCE { OID of Sun's key protector, ... }, OCTET STRING }. */
static bool find_content(struct bytes sealed, struct bytes *content)
{
	static const struct bytes sun = {
		(const unsigned char *)"\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01", 10
	};
	struct tlv outer, algorithm, oid, octets;

	if (!tlv_expect(&sealed, TLV_SEQUENCE, &outer) || sealed.length != 0 ||
			!tlv_expect(&outer.value, TLV_SEQUENCE, &algorithm) ||
			!tlv_expect(&algorithm.value, TLV_OID, &oid) ||
			!bytes_equal(oid.value, sun) ||
			!tlv_expect(&outer.value, TLV_OCTET_STRING, &octets) ||
			outer.value.length != 0)
		return false;
	*content = octets.value;
	return true;
}

enum java_opening java_key_open(
		const struct java_entry *entry, const struct secret *password, struct secret *key)
{
	autodone(secret) struct secret plain = { 0 };
	struct java_digest salt, check;
	struct bytes content;
	size_t length;

	if (!find_content(entry->key, &content) || content.length <= 2UL * JAVA_DIGEST_SIZE)
		return JAVA_OTHER_PROTECTION;
	length = content.length - 2UL * JAVA_DIGEST_SIZE;
	memcpy(salt.bytes, content.start, JAVA_DIGEST_SIZE);
	content.start += JAVA_DIGEST_SIZE;
	java_cipher(password, &salt, content.start, length, &plain);
	check = java_check(password, plain.bytes, plain.length);
	if (!java_digest_equal(&check, content.start + length))
		return JAVA_OTHER_PASSWORD;
	secret_append(key, plain.bytes, plain.length);
	return JAVA_OPENED;
}

/* An iteration of PBKDF2 is about two blocks of 64 bytes. */
long long java_store_cost(const struct java_store *store)
{
	return 1 + (long long)(store->sealed.length / 128);
}

long long java_key_cost(const struct java_entry *entry)
{
	return 1 + (long long)(entry->key.length / JAVA_DIGEST_SIZE);
}
