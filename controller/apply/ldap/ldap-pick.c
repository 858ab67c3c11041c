#define _GNU_SOURCE
#include "controller/apply/ldap/ldap-pick.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "controller/apply/tls/certificate.h"

static const char blanks[] = " \t\r\n";

struct picking {
	struct arena *arena;
	struct contents *contents;
	struct words values;
	size_t size;
	bool overflow, keys; /* keys: of certificates the digest of their key */
};

static void berval_array_done(struct berval ***values)
{
	ldap_value_free_len(*values);
}

static void add(struct picking *p, const char *value)
{
	if (p->values.count == VALUES_MAX) {
		p->overflow = true;
		return;
	}
	p->values.items = arena_with_room(p->arena, p->values.items, p->values.count, &p->size,
			sizeof(*p->values.items));
	p->values.items[p->values.count++] = value;
}

/* ---- kinds ---- */

static void add_text(struct picking *p, const struct berval *value)
{
	autodone(buffer) struct buffer hidden = { 0 };

	/* A record's word ends at a NUL byte. */
	buffer_append(&hidden, value->bv_val, strnlen(value->bv_val, value->bv_len));
	contents_hide(p->contents, &hidden);
	add(p, arena_copy(p->arena, buffer_text(&hidden)));
}

static void add_number(struct picking *p, const struct berval *value)
{
	const char *text = arena_copy_bytes(p->arena, value->bv_val, value->bv_len);
	const char *digits = *text == '-' ? text + 1 : text;

	if (*digits && strspn(digits, "0123456789") == strlen(digits))
		add(p, text);
}

static bool add_certificate(struct picking *p, X509 *x509)
{
	struct certificate certificate;
	struct digest key;
	bool good = x509 != NULL;

	if (good && p->keys)
		good = certificate_key(x509, &key);
	else if (good)
		good = certificate_of(x509, &certificate);
	if (good)
		add(p, arena_copy(p->arena, p->keys ? key.hex : certificate.fingerprint.hex));
	X509_free(x509);
	return good;
}

static bool add_der(struct picking *p, const struct berval *value)
{
	const unsigned char *at = (const unsigned char *)value->bv_val;

	return add_certificate(p, d2i_X509(NULL, &at, (long)value->bv_len));
}

/* The length of the PEM block that a text begins with, 0 if it does not. */
static size_t block_length(const char *text)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	const char *last = strncmp(text, begin, strlen(begin)) == 0 ? strstr(text, end) : NULL;

	return last ? (size_t)(last - text) + strlen(end) : 0;
}

/* Strictly: readers of such values exist that lose all of it when there is anything but blocks
 * on lines of their own. */
static bool add_blocks(struct picking *p, const char *text)
{
	while (*(text += strspn(text, blanks))) {
		const size_t length = block_length(text);
		BIO *bio = length > 0 ? BIO_new_mem_buf(text, (int)length) : NULL;
		const bool good =
				bio && add_certificate(p, PEM_read_bio_X509(bio, NULL, NULL, NULL));

		BIO_free(bio);
		text += length;
		if (!good || (*text && !strchr(blanks, *text)))
			return false;
	}
	return true;
}

static void add_certificates(struct picking *p, const struct berval *value)
{
	const size_t before = p->values.count;
	const bool der = value->bv_len > 0 && *value->bv_val == 0x30;
	const char *text = arena_copy_bytes(p->arena, value->bv_val, value->bv_len);

	if ((der ? add_der(p, value) : add_blocks(p, text)) && p->values.count > before)
		return;
	p->values.count = before;
	add(p, "unreadable");
}

static void add_keys(struct picking *p, const struct berval *value)
{
	p->keys = true;
	add_certificates(p, value);
}

static bool read_kind(
		const char *name, void (**kind)(struct picking *p, const struct berval *value))
{
	static const struct {
		const char *name;
		void (*add)(struct picking *p, const struct berval *value);
	} kinds[] = {
		{ "text", add_text },
		{ "number", add_number },
		{ "certificates", add_certificates },
		{ "keys", add_keys },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*kind = kinds[i].add;
			return true;
		}
	}
	return false;
}

/* ---- entries ---- */

bool ldap_pick_attributes(struct arena *arena, const struct ldap_step *step, char ***attributes,
		struct error *error)
{
	char **names = arena_new_many(arena, char *, step->pick.count + 2);
	void (*kind)(struct picking * p, const struct berval *value);
	size_t count = 0;

	for (size_t i = 0; i < step->pick.count; i++) {
		const struct words row = step->pick.items[i];

		if (row.count != 3 || !read_kind(row.items[2], &kind))
			return fail(error, ERROR_INTERNAL, "a pick needs name, attribute and kind");
		names[count++] = arena_copy(arena, row.items[1]);
	}
	if (step->label)
		names[count++] = arena_copy(arena, step->label);
	if (count == 0)
		names[count++] = arena_copy(arena, LDAP_NO_ATTRS);
	*attributes = names;
	return true;
}

static const char *label_of(const struct ldap_found *found, LDAPMessage *entry)
{
	struct ldap_session *session = found->session;
	const char *attribute = found->step->label;
	char *dn = ldap_get_dn(session->ld, entry);
	const char *label = arena_copy(session->arena, dn ? dn : "");
	autodone(berval_array) struct berval **values =
			attribute ? ldap_get_values_len(session->ld, entry, attribute) : NULL;

	ldap_memfree(dn);
	if (values && values[0])
		label = arena_copy_bytes(session->arena, values[0]->bv_val, values[0]->bv_len);
	return label;
}

static bool pick_entry(const struct ldap_found *found, LDAPMessage *entry, struct words row,
		struct words *picked, struct error *error)
{
	struct picking p = { .arena = found->session->arena, .contents = found->contents };
	autodone(berval_array) struct berval **values =
			ldap_get_values_len(found->session->ld, entry, row.items[1]);
	void (*kind)(struct picking *, const struct berval *) = NULL;

	if (!read_kind(row.items[2], &kind))
		return fail(error, ERROR_INTERNAL, "there is no kind \"%s\"", row.items[2]);
	for (size_t i = 0; values && values[i]; i++)
		kind(&p, values[i]);
	*picked = p.values;
	return !p.overflow ||
			fail(error, ERROR_RETRY, "%s: more than %d values", row.items[0],
					VALUES_MAX);
}

bool ldap_pick(const struct ldap_found *found, struct words row, struct picked_list *list,
		struct error *error)
{
	LDAP *ld = found->session->ld;
	const int entries = ldap_count_entries(ld, found->reply->messages);
	LDAPMessage *entry = ldap_first_entry(ld, found->reply->messages);
	struct picked_list picked = { 0 };

	picked.items = arena_new_many(
			found->session->arena, struct picked, entries > 0 ? (size_t)entries : 1);
	for (; entry; entry = ldap_next_entry(ld, entry)) {
		struct picked *one = &picked.items[picked.count];

		if (!pick_entry(found, entry, row, &one->values, error))
			return false;
		if (one->values.count == 0)
			continue;
		one->label = label_of(found, entry);
		picked.count++;
	}
	*list = picked;
	return true;
}
