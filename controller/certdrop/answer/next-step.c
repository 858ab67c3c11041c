#include "controller/certdrop/answer/next-step.h"

#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/pass/expiry.h"

/* How something comes to be taken in: nobody can drop into a source. */
static const char *bring(struct arena *arena, const struct subject *subject, const char *what)
{
	const char *source = setting_text(subject->target->settings, "source");

	return source ? arena_printf(arena, "put %s into %s", what, source)
		      : arena_printf(arena, "drop %s", what);
}

/* Most of what holds a target passes; some of it waits for somebody. */
static const char *of_held(struct arena *arena, const struct subject *subject)
{
	const bool gated = subject->intake.state != STATE_HELD;

	if (gated && expiry_forbids(arena, subject))
		return bring(arena, subject, "one that is valid, with its key");
	if (gated && setting_flag(subject->target->settings, "hold"))
		return "take `hold` out of its settings and reload the service";
	if (!gated && feed_advice(subject->feed))
		return feed_advice(subject->feed);
	if (!clock_trusted())
		return "set the clock; if it is right, set clock = \"trusted\" in the configuration "
		       "and reload the service";
	return "it goes on by itself";
}

static const char *of_waiting(struct arena *arena, const struct subject *subject)
{
	if (subject->intake.state == STATE_WAITING)
		return bring(arena, subject, "what is missing");
	if (subject->controller->mode != MODE_SERVICE)
		return arena_printf(arena,
				"start the service, or take it in with certdrop apply %s",
				subject->target->name);
	return subject->pass ? "what it has now is being looked at, then it goes on by itself"
			     : "it goes on by itself when it is its turn";
}

static const char *of_idle(struct arena *arena, const struct subject *subject)
{
	return subject->pass && subject->seen_at == 0
			? "it is being looked at for the first time"
			: bring(arena, subject, "a certificate and its key");
}

static const char *of_failed(struct arena *arena, const struct subject *subject)
{
	return subject->lost ? bring(arena, subject, "the certificate and its key again")
			     : "it is tried again by itself";
}

const char *next_step(struct arena *arena, const struct subject *subject)
{
	if (subject->unfinished)
		return arena_printf(arena,
				"start the service, or use certdrop apply %s: what is unfinished is taken "
				"up first",
				subject->target->name);
	switch (subject_state(subject)) {
	case STATE_IDLE:
		return of_idle(arena, subject);
	case STATE_WAITING:
		return of_waiting(arena, subject);
	case STATE_REFUSED:
		return arena_printf(arena, "%s, or take this one away",
				bring(arena, subject, "another one"));
	case STATE_HELD:
		return of_held(arena, subject);
	case STATE_ROLLED_BACK:
		return arena_printf(arena, "%s, or try again with certdrop apply %s",
				bring(arena, subject, "another one"), subject->target->name);
	case STATE_FAILED:
		return of_failed(arena, subject);
	case STATE_APPLYING:
	case STATE_IN_SERVICE:
		return NULL;
	}
	return NULL;
}
