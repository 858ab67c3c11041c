#include "controller/certdrop/pass/expiry.h"

#include <string.h>

#include "controller/certdrop/clock.h"
#include "controller/certdrop/present/date.h"
#include "controller/certdrop/views.h"

/* The certificate itself is no part of anything: its `what` is NULL. */
static bool find_ended(const struct credential *credential, struct lasting *ended)
{
	const long long now = clock_now();

	if (!clock_trusted())
		return false;
	*ended = (struct lasting){ .until = credential->not_after };
	for (size_t i = 0; i < credential->lasts.count && ended->until > now; i++)
		*ended = credential_lasting(credential->lasts.items[i]);
	return ended->until <= now;
}

bool expiry_has_come(const struct credential *credential)
{
	struct lasting ended;

	return find_ended(credential, &ended);
}

/* ---- where it is ---- */

struct sight {
	const char *wanted; /* fingerprint */
	bool there; /* it is seen somewhere */
	const char *other; /* the fingerprint of what is seen elsewhere; NULL: nothing */
};

static void note(struct sight *sight, const char *fingerprint)
{
	if (!fingerprint)
		return;
	if (strcmp(fingerprint, sight->wanted) == 0)
		sight->there = true;
	else
		sight->other = fingerprint;
}

static void note_served(void *context, const struct view_served *served)
{
	note(context, served->fingerprint);
}

static struct sight sight_of(struct arena *arena, const struct subject *subject)
{
	struct sight sight = { .wanted = subject->facts.fingerprint };

	note(&sight, view_installed(arena, subject).fingerprint);
	views_served(&subject->seen, note_served, &sight);
	return sight;
}

/* ---- the sentence ---- */

const char *expiry_forbids(struct arena *arena, const struct subject *subject)
{
	const char *what = subject->facts.subject;
	struct lasting ended;
	struct sight sight;

	if (!subject->wanted || !find_ended(&subject->facts, &ended))
		return NULL;
	sight = sight_of(arena, subject);
	/* As long as it has not been in service everywhere, what is elsewhere is what it was to replace. After
	 * that, somebody has put it there. */
	if (sight.there && (!sight.other || subject->in_service_since == 0))
		return NULL;
	if (ended.what)
		what = arena_printf(arena, "%s, which comes with %s,", ended.what, what);
	if (sight.other)
		return arena_printf(arena,
				"%s expired on %s, so what is there now (sha256 %.16s) stays; drop one "
				"that is valid",
				what, date_print(ended.until).text, sight.other);
	return arena_printf(arena,
			"%s expired on %s, and is not newly installed; drop one that is valid",
			what, date_print(ended.until).text);
}
