#include "controller/inspect/judge/lonely.h"

/* They stand in the order in which they were found. */
struct lonelies {
	struct arena *arena;
	struct lonely *first, **end;
};

static void miss(struct lonelies *list, unsigned long long files, const char *sentence)
{
	struct lonely *lonely = arena_new_of(list->arena, struct lonely);

	lonely->sentence = sentence;
	lonely->files = files;
	*list->end = lonely;
	list->end = &lonely->next;
}

static bool waits_for_key(const struct certificate *certificate)
{
	return !certificate->authority && !certificate->has_key && !certificate->used;
}

/* The only place where the other half of a mismatch can be: one lonely key or leaf. */
static const char *place_of_lonely_key(const struct findings *findings)
{
	const char *place = NULL;

	for (size_t i = 0; i < findings->key_count; i++)
		if (!findings->keys[i]->has_certificate)
			place = findings->keys[i]->place;
	return place;
}

static const char *place_of_lonely_leaf(const struct findings *findings)
{
	const char *place = NULL;

	for (size_t i = 0; i < findings->certificate_count; i++)
		if (waits_for_key(findings->certificates[i]))
			place = findings->certificates[i]->place;
	return place;
}

static void miss_keys(struct lonelies *list, const struct findings *findings)
{
	const char *other = place_of_lonely_key(findings);

	for (size_t i = 0; i < findings->certificate_count; i++) {
		const struct certificate *leaf = findings->certificates[i];

		if (!waits_for_key(leaf))
			continue;
		miss(list, leaf->files,
				other ? arena_printf(list->arena,
							"the key for %s (%s): the key in %s is not the key "
							"of that certificate",
							leaf->subject, leaf->place, other)
				      : arena_printf(list->arena, "the key for %s", leaf->subject));
	}
}

/* One that came with the key and is not its own, though it is that of an authority: what openssl
 * signs with the key itself is one, if not told otherwise. NULL: there is none. */
static const struct certificate *beside_key(const struct findings *findings, const struct key *key)
{
	for (size_t i = 0; i < findings->certificate_count; i++) {
		const struct certificate *certificate = findings->certificates[i];

		if ((certificate->files & key->files) && !certificate->has_key &&
				!certificate->used)
			return certificate;
	}
	return NULL;
}

static const char *missing_certificate(
		const struct lonelies *list, const struct findings *findings, const struct key *key)
{
	const struct certificate *beside = beside_key(findings, key);
	const char *other = place_of_lonely_leaf(findings);

	if (beside)
		return arena_printf(list->arena,
				"the certificate for the key in %s: that of %s, which is in it too, "
				"belongs to another key",
				key->place, beside->subject);
	if (other)
		return arena_printf(list->arena,
				"the certificate for the key in %s: the one in %s has another key",
				key->place, other);
	return arena_printf(list->arena, "the certificate for the key in %s", key->place);
}

static void miss_certificates(struct lonelies *list, const struct findings *findings)
{
	for (size_t i = 0; i < findings->key_count; i++)
		if (!findings->keys[i]->has_certificate)
			miss(list, findings->keys[i]->files,
					missing_certificate(list, findings, findings->keys[i]));
}

static void miss_everything(struct lonelies *list, const struct findings *findings)
{
	const struct certificate *first;

	if (findings->key_count > 0 || findings->certificate_count == 0 ||
			place_of_lonely_leaf(findings))
		return;
	first = findings->certificates[0];
	miss(list, first->files,
			arena_printf(list->arena,
					"a certificate and its key: there is only the authority %s",
					first->subject));
}

const struct lonely *lonely_find(const struct findings *findings)
{
	struct lonelies list = { .arena = findings->arena };

	list.end = &list.first;
	miss_keys(&list, findings);
	miss_certificates(&list, findings);
	miss_everything(&list, findings);
	return list.first;
}
