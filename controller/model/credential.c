#include "controller/model/credential.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/digest.h"
#include "controller/base/names.h"

static const char *const part_names[] = {
	[PART_LEAF] = "leaf",
	[PART_CHAIN] = "chain",
	[PART_KEY] = "key",
	[PART_CLIENT_LEAF] = "client-leaf",
	[PART_CLIENT_CHAIN] = "client-chain",
	[PART_CLIENT_KEY] = "client-key",
	[PART_CA] = "ca",
	[PART_CRL] = "crl",
};
enum { PART_COUNT = sizeof(part_names) / sizeof(*part_names) };

static const char part_mark[] = "certdrop part: ";

const char *part_name(enum part part)
{
	return part_names[part];
}

bool part_read(const char *name, enum part *part)
{
	size_t index;

	if (!NAME_FIND(part_names, name, &index))
		return false;
	*part = (enum part)index;
	return true;
}

/* ---- the record ---- */

struct record *credential_record(struct arena *arena, const struct credential *c)
{
	struct record *record = record_new(arena, "credential", c->digest, NULL);

	record_add_text(arena, record, "fingerprint", c->fingerprint);
	record_add_text(arena, record, "key-fingerprint", c->key_fingerprint);
	record_add_text(arena, record, "subject", c->subject);
	record_add_text(arena, record, "issuer", c->issuer);
	record_add_text(arena, record, "serial", c->serial);
	record_add_number(arena, record, "not-before", c->not_before);
	record_add_number(arena, record, "not-after", c->not_after);
	record_add_text(arena, record, "key", c->key);
	record_add(arena, record, "names", c->names);
	record_add(arena, record, "usages", c->usages);
	record_add(arena, record, "parts", c->parts);
	record_add(arena, record, "chain", c->chain);
	record_add_text(arena, record, "self-signed", c->self_signed ? "yes" : "no");
	for (size_t i = 0; i < c->unnamed.count; i++)
		record_add(arena, record, "unnamed", c->unnamed.items[i]);
	if (c->client_fingerprint)
		record_add_text(arena, record, "client-fingerprint", c->client_fingerprint);
	for (size_t i = 0; i < c->lasts.count; i++)
		record_add(arena, record, "lasts", c->lasts.items[i]);
	for (size_t i = 0; i < c->links.count; i++)
		record_add(arena, record, "link", c->links.items[i]);
	for (size_t i = 0; i < c->warnings.count; i++)
		record_add(arena, record, "warning", c->warnings.items[i]);
	return record;
}

bool credential_read(struct arena *arena, const struct record *record,
		struct credential *credential, struct error *error)
{
	const char *self_signed = record_text(record, "self-signed");
	struct credential c = {
		.digest = record_word(record, 1),
		.fingerprint = record_text(record, "fingerprint"),
		.key_fingerprint = record_text(record, "key-fingerprint"),
		.subject = record_text(record, "subject"),
		.issuer = record_text(record, "issuer"),
		.serial = record_text(record, "serial"),
		.not_before = record_number(record, "not-before", 0),
		.not_after = record_number(record, "not-after", 0),
		.key = record_text(record, "key"),
		.names = record_words(record, "names"),
		.usages = record_words(record, "usages"),
		.parts = record_words(record, "parts"),
		.chain = record_words(record, "chain"),
		.self_signed = self_signed && strcmp(self_signed, "yes") == 0,
		.unnamed = record_rows(arena, record, "unnamed"),
		.client_fingerprint = record_text(record, "client-fingerprint"),
		.lasts = record_rows(arena, record, "lasts"),
		.links = record_rows(arena, record, "link"),
		.warnings = record_rows(arena, record, "warning"),
	};

	if (strcmp(record_word(record, 0), "credential") != 0 || !digest_is_valid(c.digest))
		return fail(error, ERROR_INTERNAL, "not the facts of a credential");
	if (!c.fingerprint || !digest_is_valid(c.fingerprint) || !c.key_fingerprint || !c.subject ||
			!c.issuer || !c.serial || !c.key)
		return fail(error, ERROR_INTERNAL, "credential %.16s: a fact is missing", c.digest);
	*credential = c;
	return true;
}

struct lasting credential_lasting(struct words row)
{
	struct lasting lasting = { .what = row.count > 0 ? row.items[0] : "" };

	lasting.from = row.count > 1 ? strtoll(row.items[1], NULL, 10) : 0;
	lasting.until = row.count > 2 ? strtoll(row.items[2], NULL, 10) : LLONG_MAX;
	return lasting;
}

/* ---- the file ---- */

/* The first mark at the start of a line: a subject in the facts may look like one too. */
static const char *find_parts(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, part_mark)) && (at == text || at[-1] != '\n'))
		at++;
	return at;
}

bool credential_file_read(struct arena *arena, const char *text, struct credential *credential,
		const char **parts, struct error *error)
{
	const char *start = find_parts(text);
	struct credential found;
	struct records facts;

	if (!start)
		return fail(error, ERROR_INTERNAL, "not a credential file");
	if (!records_read(arena, arena_copy_bytes(arena, text, (size_t)(start - text)), &facts,
			    error))
		return fail_while(error, "credential file");
	if (facts.count != 1 || !credential_read(arena, facts.items[0], &found, error))
		return fail(error, ERROR_INTERNAL, "credential file: no facts");
	if (strcmp(digest_of(start, strlen(start)).hex, found.digest) != 0)
		return fail(error, ERROR_INTERNAL,
				"credential %.16s is damaged: its digest differs", found.digest);
	*credential = found;
	*parts = start;
	return true;
}

struct span credential_part(const char *parts, enum part part)
{
	const size_t mark = sizeof(part_mark) - 1;
	const size_t name = strlen(part_names[part]);
	const char *at = parts;

	while (at && strncmp(at, part_mark, mark) == 0) {
		const char *next = strstr(at + mark, part_mark);

		if (strncmp(at + mark, part_names[part], name) == 0 && at[mark + name] == '\n') {
			const char *start = at + mark + name + 1;
			const size_t length = next ? (size_t)(next - start) : strlen(start);
			const struct span span = { .start = start, .length = length };

			return span;
		}
		at = next;
	}
	return (struct span){ 0 };
}

const char *generation_name(struct arena *arena, const char *digest, const char *layout)
{
	const struct digest of_layout = digest_of(layout, strlen(layout));

	return arena_printf(arena, "%.16s-%.16s", digest, of_layout.hex);
}
