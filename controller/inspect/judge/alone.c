#include "controller/inspect/judge/alone.h"

#include "controller/inspect/prove/pair.h"

static const struct objection *object(const struct findings *drop, const struct objection *next,
		unsigned long long files, const char *sentence)
{
	struct objection *objection = arena_new_of(drop->arena, struct objection);

	*objection = (struct objection){ next, sentence, files };
	return objection;
}

/* The last one stands first in the list, so it is found first. */
const struct objection *alone_object(
		const struct findings *drop, const struct law *law, bool bundle)
{
	const struct objection *list = NULL;

	for (size_t i = drop->certificate_count; bundle && i-- > 0;) {
		const struct certificate *certificate = drop->certificates[i];

		if (!certificate->authority)
			list = object(drop, list, certificate->files,
					arena_printf(drop->arena,
							"the certificate of %s in %s is no authority's: "
							"nothing else may come with %s",
							certificate->subject, certificate->place,
							law->says));
	}
	if (drop->certificate_count > PAIRS_MAX)
		list = object(drop, list, drop->certificates[0]->files,
				arena_printf(drop->arena,
						"more than %d certificates: no more may come with %s",
						PAIRS_MAX, law->says));
	for (size_t i = drop->key_count; i-- > 0;)
		list = object(drop, list, drop->keys[i]->files,
				arena_printf(drop->arena,
						"%s holds a private key: none may come with %s",
						drop->keys[i]->place, law->says));
	return list;
}
