#include "controller/inspect/judge/lasting.h"

#include <limits.h>
#include <string.h>

#include "controller/inspect/prove/traits.h"
#include "controller/inspect/subject-name.h"

/* Each thing once, though two chains may share it. */
struct list {
	struct arena *arena;
	struct rows rows;
	size_t size;
};

static const char *seconds(struct arena *arena, const ASN1_TIME *date, long long otherwise)
{
	long long read;

	return arena_printf(arena, "%lld", date && traits_date(date, &read) ? read : otherwise);
}

static bool is_listed(const struct list *list, const char *const row[3])
{
	for (size_t i = 0; i < list->rows.count; i++) {
		const char *const *other = list->rows.items[i].items;

		if (strcmp(other[0], row[0]) == 0 && strcmp(other[1], row[1]) == 0 &&
				strcmp(other[2], row[2]) == 0)
			return true;
	}
	return false;
}

static void add(struct list *list, const char *what, const ASN1_TIME *from, const ASN1_TIME *until)
{
	const char **row = arena_new_many(list->arena, const char *, 3);

	row[0] = what;
	row[1] = seconds(list->arena, from, 0);
	row[2] = seconds(list->arena, until, LLONG_MAX);
	if (is_listed(list, row))
		return;
	list->rows.items = arena_with_room(list->arena, list->rows.items, list->rows.count,
			&list->size, sizeof(*list->rows.items));
	list->rows.items[list->rows.count++] = (struct words){ .items = row, .count = 3 };
}

static void add_certificate(
		struct list *list, const char *as, const struct certificate *certificate)
{
	add(list, arena_printf(list->arena, "the %s certificate of %s", as, certificate->subject),
			X509_get0_notBefore(certificate->x509),
			X509_get0_notAfter(certificate->x509));
}

static void add_chain(struct list *list, const struct pair *pair)
{
	for (size_t i = 0; i < pair->chain.count; i++)
		add_certificate(list, "authority's", pair->chain.links[i]);
}

static void add_authorities(struct list *list, const struct candidate *candidate)
{
	for (size_t i = 0; i < candidate->drop->certificate_count; i++)
		if (candidate_trusts(candidate, candidate->drop->certificates[i]))
			add_certificate(list, "authority's", candidate->drop->certificates[i]);
}

static void add_crls(struct list *list, const struct candidate *candidate)
{
	for (size_t i = 0; i < candidate->drop->crl_count; i++) {
		const struct crl *crl = candidate->drop->crls[i];

		if (crl->files & candidate->within)
			add(list,
					arena_printf(list->arena, "the revocation list of %s in %s",
							printable_name(list->arena,
									X509_CRL_get_issuer(
											crl->x509)),
							crl->place),
					X509_CRL_get0_lastUpdate(crl->x509),
					X509_CRL_get0_nextUpdate(crl->x509));
	}
}

struct rows lasting_rows(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition)
{
	struct list list = { .arena = arena };

	if (candidate->client)
		add_certificate(&list, "client", candidate->client->leaf);
	if (composition->bundle)
		add_authorities(&list, candidate);
	else if (composition->with_authorities || composition->whole) {
		add_chain(&list, candidate->server);
		if (candidate->client)
			add_chain(&list, candidate->client);
	}
	if (composition->with_crls)
		add_crls(&list, candidate);
	return list.rows;
}

struct rows lasting_links(struct arena *arena, const struct candidate *candidate,
		const struct composition *composition)
{
	const struct chain *chain = &candidate->server->chain;
	struct list list = { .arena = arena };

	for (size_t i = 0; i < chain->count && !composition->bundle; i++)
		if (composition->with_root || !chain_self_signed(chain->links[i]))
			add_certificate(&list, "authority's", chain->links[i]);
	return list.rows;
}
