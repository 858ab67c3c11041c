#include "controller/inspect/lonely.h"

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

static void miss_certificates(struct lonelies *list, const struct findings *findings)
{
	const char *other = place_of_lonely_leaf(findings);

	for (size_t i = 0; i < findings->key_count; i++) {
		const struct key *key = findings->keys[i];

		if (key->has_certificate)
			continue;
		miss(list, key->files,
				other ? arena_printf(list->arena,
							"the certificate for the key in %s: the one in %s "
							"has another key",
							key->place, other)
				      : arena_printf(list->arena,
							"the certificate for the key in %s",
							key->place));
	}
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
