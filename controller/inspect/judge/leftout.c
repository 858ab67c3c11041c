#include "controller/inspect/judge/leftout.h"

enum { LEFTOUTS_TOLD = 8 };

struct leftouts {
	struct arena *arena;
	const struct candidate *candidate;
	unsigned long long files;
	bool told[FINDINGS_CERTIFICATES_MAX]; /* as certificates[] of the findings */
	struct leftout *first, **end;
};

static void say(struct leftouts *list, const char *sentence)
{
	struct leftout *leftout = arena_new_of(list->arena, struct leftout);

	leftout->sentence = sentence;
	*list->end = leftout;
	list->end = &leftout->next;
}

static bool is_left_out(const struct leftouts *list, size_t i)
{
	const struct certificate *left = list->candidate->drop->certificates[i];

	return (left->files & list->files) && !left->used && !left->has_key && left->authority &&
			!list->told[i];
}

/* ---- above the end of a chain that is cut ---- */

/* By the names, which is enough to tell what may be meant. */
static const struct certificate *next_above(struct leftouts *list, const struct certificate *top)
{
	const struct findings *drop = list->candidate->drop;

	for (size_t i = 0; i < drop->certificate_count; i++) {
		if (!is_left_out(list, i) ||
				X509_NAME_cmp(X509_get_subject_name(drop->certificates[i]->x509),
						X509_get_issuer_name(top->x509)) != 0)
			continue;
		list->told[i] = true;
		return drop->certificates[i];
	}
	return NULL;
}

static void tell_cut(struct leftouts *list, const struct pair *pair)
{
	const struct certificate *top = pair->chain.links[pair->chain.count - 1];
	const struct certificate *first = next_above(list, top);
	const char *others = "above it is";
	size_t more = 0;

	for (top = first; top; more++)
		top = next_above(list, top);
	if (!first)
		return;
	if (--more > 0)
		others = arena_printf(list->arena, "and %zu more above it are", more);
	say(list,
			arena_printf(list->arena,
					"the chain of %s is cut after %d certificates: that of %s %s "
					"left out",
					pair->leaf->subject, CHAIN_MAX, first->subject, others));
}

/* ---- one by one ---- */

static bool has_another(const struct chain *chain, const struct certificate *of)
{
	for (size_t i = 0; i < chain->count; i++)
		if (X509_NAME_cmp(X509_get_subject_name(chain->links[i]->x509),
				    X509_get_subject_name(of->x509)) == 0 &&
				bytes_equal(certificate_key_bytes(chain->links[i]),
						certificate_key_bytes(of)))
			return true;
	return false;
}

static bool tell_another(
		struct leftouts *list, const struct pair *with, const struct certificate *left)
{
	if (!has_another(&with->chain, left))
		return false;
	say(list,
			arena_printf(list->arena,
					"the certificate of %s in %s is left out: the chain of %s "
					"has another one of that authority",
					left->subject, left->place, with->leaf->subject));
	return true;
}

static void tell(struct leftouts *list, const struct certificate *left)
{
	const struct candidate *candidate = list->candidate;

	if (tell_another(list, candidate->server, left) ||
			(candidate->client && tell_another(list, candidate->client, left)))
		return;
	say(list,
			arena_printf(list->arena,
					"the certificate of %s in %s is not needed for the chain "
					"of %s, and is left out",
					left->subject, left->place,
					candidate->server->leaf->subject));
}

const struct leftout *leftout_find(
		struct arena *arena, const struct candidate *candidate, unsigned long long files)
{
	struct leftouts list = { .arena = arena, .candidate = candidate, .files = files };
	size_t count = 0;

	list.end = &list.first;
	if (candidate->server->chain.cut)
		tell_cut(&list, candidate->server);
	if (candidate->client && candidate->client->chain.cut)
		tell_cut(&list, candidate->client);
	for (size_t i = 0; i < candidate->drop->certificate_count; i++)
		if (is_left_out(&list, i) && ++count <= LEFTOUTS_TOLD)
			tell(&list, candidate->drop->certificates[i]);
	if (count > LEFTOUTS_TOLD)
		say(&list,
				arena_printf(arena, "%zu more certificates are left out, too",
						count - LEFTOUTS_TOLD));
	return list.first;
}
