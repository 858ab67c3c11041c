#include "controller/certdrop/feed/feed-parts.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/children/inspector.h"
#include "controller/certdrop/feed/delivery.h"
#include "controller/certdrop/feed/premises.h"

/* AGAIN_MS: until what could not be written down or taken away is tried again. */
enum { AGAIN_MS = 5000, DERIVATIONS_MAX = 2000000 };

static void on_timer(uv_timer_t *timer)
{
	struct feed *feed = timer->data;

	if (feed->anew)
		feed_forget(feed);
	feed_scan(feed);
}

/* Several may have asked for a scan: the first of them makes it for all, and they ask again. */
static void scan_in(struct feed *feed, uint64_t milliseconds)
{
	const bool sooner = uv_is_active((uv_handle_t *)&feed->timer) &&
			uv_timer_get_due_in(&feed->timer) <= milliseconds;

	if (feed->controller->mode == MODE_SERVICE && !feed->controller->stopping && !sooner)
		(void)uv_timer_start(&feed->timer, on_timer, milliseconds, 0);
}

/* Not before, unless something changes: a receipt that is written here is an event, too. */
static void inspect_anew_in(struct feed *feed, uint64_t milliseconds)
{
	if (feed->controller->mode != MODE_SERVICE)
		feed_forget(feed);
	feed->anew = true;
	scan_in(feed, milliseconds);
}

/* ---- taking away ---- */

/* For what came while the feed was busy with what was there before. */
static void scan_if_changed(struct feed *feed)
{
	const bool changed = feed->again;

	feed->again = false;
	if (changed)
		feed_scan(feed);
}

static void log_taken_away(const struct feed *feed)
{
	for (size_t i = 0; i < feed->count; i++)
		if (feed->deliveries[i].told)
			log_info("target %s: taken away: %s",
					feed->deliveries[i].subject->target->name,
					feed->deliveries[i].told);
}

void feed_take_away(struct after_commit *waiting, bool committed)
{
	struct feed *feed = (struct feed *)((char *)waiting - offsetof(struct feed, commit));
	struct error error;
	size_t stayed = 0;
	const bool gone = committed &&
			inlet_consume(feed->inlet, feed->consumed, feed->consumed_count, &stayed,
					&error);
	if (gone && stayed == 0)
		log_taken_away(feed);
	/* What is forbidden does not come right by itself. */
	const bool again = committed && !gone && error.kind == ERROR_RETRY;

	if (committed && !gone)
		log_warning("drop %s: %s; it is tried again %s", feed->name, error.text,
				again ? "in a few seconds" : "with the next file");
	if (again)
		inspect_anew_in(feed, AGAIN_MS);
	feed->unwritten = !committed;
	/* What was written to meanwhile may have given no event. */
	feed->again = feed->again || stayed > 0;
	free(feed->consumed);
	feed->consumed = NULL;
	feed->consumed_count = 0;
	harvest_done(&feed->harvest);
	scan_if_changed(feed);
}

static void add_consumed(struct feed *feed, struct words input)
{
	for (size_t i = 0; input.count > 0 && i < feed->harvest.count; i++) {
		const struct taken *taken = &feed->harvest.items[i];

		if (taken->state != TAKEN_COPY || strcmp(taken->shown, input.items[0]) != 0)
			continue;
		for (size_t j = 0; j < feed->consumed_count; j++)
			if (feed->consumed[j].name == taken->entry.name)
				return;
		feed->consumed[feed->consumed_count++] = taken->entry;
	}
}

/* ---- inspecting ---- */

static void take_away_accepted(struct feed *feed)
{
	for (size_t i = 0; i < feed->count; i++)
		if (!feed->deliveries[i].accepted)
			return;
	if (!feed->drop || feed->controller->mode == MODE_DRY)
		return;
	feed->consumed = calloc(feed->harvest.count + 1, sizeof(*feed->consumed));
	assert(feed->consumed);
	for (size_t i = 0; i < feed->count; i++)
		for (size_t j = 0; j < feed->deliveries[i].spent.count; j++)
			add_consumed(feed, feed->deliveries[i].spent.items[j]);
	controller_after_commit(feed->controller, &feed->commit);
}

static void all_inspected(struct feed *feed)
{
	autoarena struct arena *arena = arena_new();
	uint64_t soonest = 0;

	feed->deciding = true;
	for (size_t i = 0; i < feed->count; i++) {
		const uint64_t again = delivery_decide(
				&feed->deliveries[i], &feed->harvest, feed->drop, arena);

		if (again > 0 && (soonest == 0 || again < soonest))
			soonest = again;
	}
	for (size_t i = 0; i < feed->count; i++)
		controller_not_due(feed->deliveries[i].subject);
	take_away_accepted(feed);
	if (soonest > 0)
		inspect_anew_in(feed, soonest);
	for (size_t i = 0; i < feed->count; i++) {
		inspection_free(feed->deliveries[i].inspection);
		feed->deliveries[i].inspection = NULL;
	}
	if (!feed->commit.queued)
		harvest_done(&feed->harvest);
	feed->deciding = false;
	scan_if_changed(feed);
	controller_ended(feed->controller);
}

static void on_inspected(void *context, struct inspection *inspection)
{
	struct delivery *delivery = context;

	(void)inspection;
	if (--delivery->feed->running == 0)
		all_inspected(delivery->feed);
}

/* ---- scanning ---- */

static const char *path_setting(const struct subject *subject, const char *name)
{
	return setting_text(subject->target->settings, name);
}

/* What could not even be taken is told as if the inspection had refused it. */
static void add_taken(struct inspection *inspection, const struct taken *taken)
{
	switch (taken->state) {
	case TAKEN_COPY:
		inspection_add_file(inspection, taken->shown, taken->digest.hex,
				fcntl(taken->fd, F_DUPFD_CLOEXEC, 0), taken->arrived_ns);
		break;
	case TAKEN_GROWING:
		inspection_add_verdict(inspection, taken->shown, "incomplete",
				"it is still being written");
		break;
	case TAKEN_REFUSED:
		inspection_add_verdict(inspection, taken->shown, "refused", taken->reason);
		break;
	}
}

static struct inspection *inspection_of(const struct feed *feed, const struct subject *subject)
{
	struct inspection *inspection = inspection_new(subject->target, DERIVATIONS_MAX,
			path_setting(subject, "passphrases"), path_setting(subject, "authorities"));

	for (size_t i = 0; i < feed->harvest.count; i++)
		add_taken(inspection, &feed->harvest.items[i]);
	if (feed->harvest.left_out_reason)
		inspection_add_verdict(
				inspection, feed->name, "refused", feed->harvest.left_out_reason);
	return inspection;
}

static bool was_inspected(const struct feed *feed, const struct digest *digest)
{
	for (size_t i = 0; i < feed->inspected_count; i++)
		if (strcmp(feed->inspected[i].hex, digest->hex) == 0)
			return true;
	return false;
}

/* Is there a file that neither lay there the last time nor is what the subject got last? */
static bool has_news(const struct feed *feed, const struct subject *subject)
{
	for (size_t i = 0; i < feed->harvest.count; i++) {
		const struct taken *taken = &feed->harvest.items[i];

		if (taken->state == TAKEN_COPY && !was_inspected(feed, &taken->digest) &&
				!(subject->inputs && strstr(subject->inputs, taken->digest.hex)))
			return true;
	}
	return false;
}

static void remember_inspected(struct feed *feed)
{
	struct digest *inspected = calloc(feed->harvest.count + 1, sizeof(*inspected));

	assert(inspected);
	free(feed->inspected);
	feed->inspected = inspected;
	feed->inspected_count = 0;
	for (size_t i = 0; i < feed->harvest.count; i++)
		if (feed->harvest.items[i].state == TAKEN_COPY)
			inspected[feed->inspected_count++] = feed->harvest.items[i].digest;
}

struct digest feed_premises(const struct feed *feed)
{
	autodone(buffer) struct buffer text = { 0 };

	for (size_t i = 0; i < feed->count; i++)
		premises_add(feed->deliveries[i].subject->target, &text);
	return digest_of(buffer_text(&text), text.length);
}

/* The premises are looked at before they are read: what changes in between is judged once more. */
static void inspect(struct feed *feed)
{
	feed->running = feed->count;
	feed->anew = false;
	feed->premises = feed_premises(feed);
	for (size_t i = 0; i < feed->count; i++) {
		struct delivery *delivery = &feed->deliveries[i];

		delivery->inspection = inspection_of(feed, delivery->subject);
		inspection_start(delivery->inspection, feed->controller->inspectors, on_inspected,
				delivery);
	}
	for (size_t i = 0; i < feed->count; i++)
		if (has_news(feed, feed->deliveries[i].subject))
			controller_expect(feed->controller, feed->deliveries[i].subject);
	remember_inspected(feed);
}

void feed_scan(struct feed *feed)
{
	struct error error;

	if (feed->controller->stopping)
		return;
	if (feed->running > 0 || feed->deciding || feed->commit.queued) {
		feed->again = true;
		return;
	}
	feed->hindrance = UNHINDERED;
	if (!inlet_scan(feed->inlet, &feed->harvest, &error)) {
		feed->hindrance = error.kind == ERROR_CONFIG ? UNFIT : UNREADABLE;
		for (size_t i = 0; i < feed->count; i++)
			subject_tell_intake(feed->deliveries[i].subject, STATE_HELD, error.text);
		return;
	}
	if (feed->harvest.retry_ms > 0)
		scan_in(feed, (uint64_t)feed->harvest.retry_ms);
	if (feed->harvest.changed)
		inspect(feed);
	else
		harvest_done(&feed->harvest);
}

void feed_forget(struct feed *feed)
{
	inlet_mark(feed->inlet);
}

/* ---- telling ---- */

bool feed_busy(const struct feed *feed)
{
	return feed->running > 0;
}

int feed_directory(const struct feed *feed)
{
	return feed->drop ? inlet_directory(feed->inlet) : -1;
}

const char *feed_name(const struct feed *feed)
{
	return feed->name;
}

const char *feed_advice(const struct feed *feed)
{
	switch (feed->hindrance) {
	case UNHINDERED:
		break;
	case UNREADABLE:
		return "see to it that the directory is there and can be read, it then goes on by itself";
	case UNFIT:
		return "put right what is wrong with the directory, it then goes on by itself";
	}
	return NULL;
}
