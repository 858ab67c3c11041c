#define _GNU_SOURCE
#include "controller/inspect/prove/role.h"

#include <string.h>
#include <strings.h>

/* ---- one pair ---- */

static bool named(const struct certificate *certificate, const char *word)
{
	const char *slash = strrchr(certificate->place, '/');
	const char *name = slash ? slash + 1 : certificate->place;

	return strcasestr(name, word) != NULL;
}

void role_read(struct pair *pair)
{
	const bool server = traits_allow(&pair->traits, "serverAuth");
	const bool client = traits_allow(&pair->traits, "clientAuth");
	const bool server_named = named(pair->leaf, "server");
	const bool client_named = named(pair->leaf, "client");

	pair->is_client = server != client ? client : client_named && !server_named;
	pair->is_open = server == client && server_named == client_named;
}

/* ---- two of them ---- */

static bool covers_all(const struct pair *pair, struct words names)
{
	for (size_t i = 0; i < names.count; i++)
		if (!traits_cover(pair->leaf, &pair->traits, names.items[i]))
			return false;
	return names.count > 0;
}

/* One of the same subject may well be an older one of its kind. */
static bool comparable(const struct pair *one, const struct pair *other)
{
	return !one->wrong && !other->wrong && !one->is_client && !other->is_client &&
			X509_NAME_cmp(X509_get_subject_name(one->leaf->x509),
					X509_get_subject_name(other->leaf->x509)) != 0;
}

/* Is `one`, if any of the two, the server's? */
static bool is_server_beside(
		const struct pair_search *search, const struct pair *one, const struct pair *other)
{
	if (!other->is_open)
		return false;
	return !one->is_open ||
			(covers_all(one, search->names) && !covers_all(other, search->names));
}

void roles_compare(const struct pair_search *search, struct pairs *pairs)
{
	struct pair *one = &pairs->items[0], *other = &pairs->items[1];

	if (pairs->count != 2 || search->drop->packages || !comparable(one, other))
		return;
	if (is_server_beside(search, one, other))
		other->is_client = true;
	else if (is_server_beside(search, other, one))
		one->is_client = true;
	else
		return;
	one->is_open = other->is_open = false;
}

/* ---- what stays open ---- */

const struct pair *role_doubt(const struct pairs *pairs, size_t index, unsigned long long within)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *other = &pairs->items[i];

		if (i != index && other->is_open && !other->wrong &&
				pair_lies_within(other, within) &&
				(pairs->items[index].is_open || pairs->count > 2))
			return other;
	}
	return NULL;
}

/* "CN=db1 (a.crt, a.key)" */
static const char *whose(struct arena *arena, const struct pair *pair)
{
	const char *key = pair->key ? pair->key->place : pair->leaf->place;
	const bool together = strcmp(key, pair->leaf->place) == 0;

	return arena_printf(arena, "%s (%s%s%s)", pair->leaf->subject, pair->leaf->place,
			together ? "" : ", ", together ? "" : key);
}

const char *role_sentence(struct arena *arena, const struct pair *one, const struct pair *other)
{
	if (strcmp(one->leaf->place, other->leaf->place) > 0)
		return role_sentence(arena, other, one);
	return arena_printf(arena,
			"it cannot be told which pair is the server's and which the clients', %s or %s: "
			"name the files server.* and client.*, or have them issued with serverAuth and "
			"clientAuth",
			whose(arena, one), whose(arena, other));
}
