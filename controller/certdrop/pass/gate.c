#include "controller/certdrop/pass/gate.h"

#include <string.h>

#include "controller/certdrop/clock.h"
#include "controller/certdrop/controller.h"
#include "controller/certdrop/feed/feed.h"
#include "controller/certdrop/pass/expiry.h"
#include "controller/certdrop/pass/windows.h"
#include "controller/certdrop/present/date.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/views.h"
#include "reconcilers/reconciler.h"

/* So much of a window is needed at least, so long is a drop that is being looked into waited for, and what a
 * product holds is looked at again after so long, or after `check`. */
enum { EXPECTED_MS = 60000, DROP_S = 1, HELD_MS = 60000 };

static struct gate opened(void)
{
	return (struct gate){ .open = true };
}

static struct gate closed(const char *reason, long long at)
{
	return (struct gate){ .reason = reason, .at = at };
}

static struct gate clock_wrong(struct arena *arena)
{
	return closed(arena_printf(arena,
				      "the clock is not to be trusted, so nobody knows whether it is "
				      "time: %s",
				      clock_doubt(arena)),
			0);
}

/* ---- other targets ---- */

bool gate_is_busy(const struct subject *subject)
{
	if (subject->pass || subject->due || subject->applying)
		return true;
	switch (subject->outcome.state) {
	case STATE_HELD:
		return subject->wanted && !expiry_has_come(&subject->facts);
	case STATE_IDLE:
	case STATE_WAITING:
	case STATE_FAILED:
		return subject->wanted != NULL;
	case STATE_REFUSED:
	case STATE_APPLYING:
	case STATE_IN_SERVICE:
	case STATE_ROLLED_BACK:
		break;
	}
	return false;
}

static bool is_under_way(const struct subject *subject)
{
	return subject->pass || subject->due || subject->applying;
}

/* By the settings, directly or by way of others; they do not go round in circles. */
static bool waits_for(const struct subject *subject, const struct subject *other)
{
	const struct words after = setting_words(subject->target->settings, "after");

	for (size_t i = 0; i < after.count; i++) {
		const struct subject *next = controller_find(subject->controller, after.items[i]);

		if (next && (next == other || waits_for(next, other)))
			return true;
	}
	return false;
}

/* So the product says, and the operator not the opposite. */
static bool is_last(const struct subject *subject, const struct subject *other)
{
	const struct reconciler *reconciler = subject->target->reconciler;

	return reconciler->comes_after && other != subject &&
			other->target->reconciler == reconciler &&
			reconciler->comes_after(subject->target, other->target) &&
			!waits_for(other, subject);
}

bool gate_is_left_by(const struct subject *subject, const struct subject *other)
{
	const struct words after = setting_words(subject->target->settings, "after");

	return (words_contain(after, other->target->name) && !gate_is_busy(other)) ||
			(!is_under_way(other) && is_last(subject, other));
}

static struct gate after_other(struct arena *arena, const struct subject *other, bool busy)
{
	const char *reason = arena_printf(arena,
			"%s comes first, for which there is something to do", other->target->name);

	return (struct gate){
		.another_first = true, .reason = reason, .at = busy ? 0 : clock_now() + DROP_S
	};
}

static struct gate after_others(struct arena *arena, const struct subject *subject)
{
	const struct controller *controller = subject->controller;
	const struct words after = setting_words(subject->target->settings, "after");

	for (size_t i = 0; i < after.count; i++) {
		const struct subject *other = controller_find(controller, after.items[i]);

		if (other && (gate_is_busy(other) || feed_busy(other->feed)))
			return after_other(arena, other, gate_is_busy(other));
	}
	for (size_t i = 0;
			subject->target->reconciler->comes_after && i < controller->subject_count;
			i++) {
		const struct subject *other = controller->subjects[i];

		if ((is_under_way(other) || feed_busy(other->feed)) && is_last(subject, other))
			return after_other(arena, other, is_under_way(other));
	}
	return opened();
}

/* ---- the soak ---- */

/* What was found in service, and not put there, is so from now on. */
static long long end_of_soak(const struct subject *subject, const struct plan *plan, long long now)
{
	const long long since = subject->in_service_since ? subject->in_service_since : now;

	return since + (plan->soak_ms + 999) / 1000;
}

/* When it is over the windows still count. */
static struct gate in_soak(struct arena *arena, const struct plan *plan, long long end,
		const struct gate *windows)
{
	const char *reason =
			arena_printf(arena, "it waits until the certificate was in service for %s",
					duration_print(plan->soak_ms).text);

	if (windows->open)
		return closed(reason, end);
	return closed(arena_printf(arena, "%s, and then: %s", reason, windows->reason),
			windows->at > end ? windows->at : end);
}

/* ---- windows ---- */

static unsigned disruptions_of(const struct plan *plan)
{
	unsigned disruptions = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].phase != PHASE_UNDO &&
				plan->steps[i].disruption != DISRUPTION_NONE)
			disruptions |= 1U << plan->steps[i].disruption;
	return disruptions;
}

/* "restart and remote" */
static const char *disruption_words(struct arena *arena, unsigned disruptions)
{
	const char *words = "";

	for (enum disruption d = DISRUPTION_RELOAD; d <= DISRUPTION_PURGE; d++)
		if (disruptions & 1U << d)
			words = arena_printf(arena, "%s%s%s", words, *words ? " and " : "",
					disruption_name(d));
	return words;
}

static long long needed_ms(const struct subject *subject)
{
	const struct settings *settings = subject->target->settings;
	const long long took =
			journal_longest_ms(subject->controller->journal, subject->target->name);

	if (setting_given(settings, "expected"))
		return setting_number(settings, "expected");
	return took > EXPECTED_MS ? took : EXPECTED_MS;
}

struct ends {
	const char *wanted; /* fingerprint */
	long long earliest; /* seconds; 0: nothing that is to be replaced is served */
	bool any;
};

static void keep_earliest(void *context, const struct view_served *served)
{
	struct ends *ends = context;

	if (!served->fingerprint)
		return;
	ends->any = true;
	if (strcmp(served->fingerprint, ends->wanted) != 0 &&
			(ends->earliest == 0 || served->not_after < ends->earliest))
		ends->earliest = served->not_after;
}

/* When does what is to be replaced end? What is installed counts where nobody can see what is
 * served. */
static long long end_of_the_old(struct arena *arena, const struct subject *subject)
{
	const struct view_installed installed = view_installed(arena, subject);
	struct ends ends = { .wanted = subject->facts.fingerprint };

	views_served(&subject->seen, keep_earliest, &ends);
	if (!ends.any && installed.fingerprint && strcmp(installed.fingerprint, ends.wanted) != 0)
		return installed.not_after;
	return ends.earliest;
}

static struct gate between_windows(struct arena *arena, const struct opening *opening,
		const char *what, long long needed, long long override)
{
	const struct duration_text length = duration_print(needed);
	const bool sooner = override > 0 && (opening->at == 0 || override < opening->at);
	const char *reason;

	if (opening->at == 0)
		reason = arena_printf(arena,
				"no window for %s is as long as the %s that it may take", what,
				length.text);
	else
		reason = arena_printf(arena,
				"its next window for %s, of which it needs %s, opens on %s (\"%s\")",
				what, length.text, date_print(opening->at).text,
				opening->window->text);
	if (sooner)
		reason = arena_printf(arena,
				"%s; it begins on %s in any case, because the certificate that is served ends",
				reason, date_print(override).text);
	return closed(reason, sooner ? override : opening->at);
}

/* A follow-up replaces nothing, so nothing that ends makes it urgent. */
static struct gate in_window(struct arena *arena, const struct subject *subject,
		const struct plan *plan, long long from)
{
	const struct settings *settings = subject->target->settings;
	const struct windows windows = windows_of(arena, subject->target);
	const unsigned bound = windows_bind(&windows, disruptions_of(plan));
	long long needed, end, override;
	struct opening opening;
	struct gate gate;

	if (!bound)
		return opened();
	if (!clock_trusted())
		return clock_wrong(arena);
	needed = (needed_ms(subject) + 999) / 1000;
	opening = windows_next(&windows, bound, from, needed);
	if (opening.at == from)
		return opened();

	end = plan->follow_up ? 0 : end_of_the_old(arena, subject);
	override = end == 0 ? 0 : end - setting_number(settings, "window-override") / 1000;
	if (end == 0 || override > from)
		return between_windows(arena, &opening, disruption_words(arena, bound),
				needed * 1000, override);
	gate = opened();
	gate.reason = arena_printf(arena,
			"outside its windows, because the certificate that is served ends on %s",
			date_print(end).text);
	return gate;
}

/* ---- all of it ---- */

/* What the product waits for (a peer that is offline) tells nobody when it is over. */
static long long look_again_at(const struct subject *subject, long long now)
{
	const long long check_ms = config_check_ms(subject->controller->config, subject->target);

	return now + ((check_ms < HELD_MS ? check_ms : HELD_MS) + 999) / 1000;
}

/* Once it is in service, what is done for it is no going back any more. */
static bool is_going_back(const struct subject *subject, const struct plan *plan)
{
	return !plan->follow_up && subject->in_service_since == 0 &&
			(subject->put_back || subject->by_order);
}

struct gate gate_decide(struct arena *arena, const struct subject *subject, const struct plan *plan)
{
	const long long now = clock_now(), end = end_of_soak(subject, plan, now);
	const char *expired = plan->follow_up ? NULL : expiry_forbids(arena, subject);
	struct gate gate;

	if (expired)
		return closed(expired, 0);
	if (setting_flag(subject->target->settings, "hold"))
		return closed("hold is set; certdrop plan shows what would be done", 0);
	if (is_going_back(subject, plan))
		return opened();
	if (plan->held)
		return closed(plan->held, plan->follow_up ? 0 : look_again_at(subject, now));
	gate = after_others(arena, subject);
	if (!gate.open)
		return gate;
	if (plan->soak_ms > 0 && !clock_trusted())
		return clock_wrong(arena);
	if (plan->soak_ms == 0 || end <= now)
		return in_window(arena, subject, plan, now);
	gate = in_window(arena, subject, plan, end);
	return in_soak(arena, plan, end, &gate);
}
