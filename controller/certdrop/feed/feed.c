#include "controller/certdrop/feed/feed.h"

#include <assert.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/children/inspector.h"
#include "controller/certdrop/feed/delivery.h"
#include "controller/certdrop/feed/premises.h"
#include "controller/certdrop/intake/intake.h"

/* How long until an inspection that could not be made is tried again, and how often the clock is
 * looked at again while something waits for it. */
enum { AGAIN_MS = 5000, CLOCK_MS = 60000, DERIVATIONS_MAX = 2000000 };

struct feed {
	struct controller *controller;
	struct inlet *inlet;
	char *name;
	bool drop;

	struct delivery *deliveries; /* one for each target, in the order of the configuration */
	size_t count, size;
	size_t running; /* inspections */
	struct harvest harvest;
	enum { UNHINDERED, UNREADABLE, UNFIT } hindrance; /* of the last scan */
	bool deciding; /* what the inspections found */
	bool again; /* something changed while the inspections ran */
	struct digest *inspected; /* of the files that were inspected last */
	size_t inspected_count;
	struct digest premises; /* with which that was done (premises.h) */

	struct entry *consumed; /* to be taken away, keys first, once it is all on disk */
	size_t consumed_count;
	struct after_commit commit;
	uv_timer_t timer;
};

static void on_timer(uv_timer_t *timer)
{
	struct feed *feed = timer->data;

	feed_scan(feed);
}

static void scan_in(struct feed *feed, uint64_t milliseconds)
{
	if (feed->controller->mode == MODE_SERVICE && !feed->controller->stopping)
		(void)uv_timer_start(&feed->timer, on_timer, milliseconds, 0);
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

static void take_away(struct after_commit *waiting, bool committed)
{
	struct feed *feed = (struct feed *)((char *)waiting - offsetof(struct feed, commit));
	struct error error;
	size_t stayed = 0;
	const bool gone = committed &&
			inlet_consume(feed->inlet, feed->consumed, feed->consumed_count, &stayed,
					&error);
	/* What is forbidden does not come right by itself. */
	const bool again = !committed || (!gone && error.kind == ERROR_RETRY);

	if (committed && !gone)
		log_warning("drop %s: %s; it is tried again %s", feed->name, error.text,
				again ? "in a few seconds" : "with the next file");
	/* What was not written down, or is still there, must be inspected again. */
	if (again) {
		feed_forget(feed);
		scan_in(feed, AGAIN_MS);
	}
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
	if (soonest > 0) {
		feed_forget(feed);
		scan_in(feed, soonest);
	}
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

static struct digest premises_now(const struct feed *feed)
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
	feed->premises = premises_now(feed);
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

static bool complains(const struct feed *feed)
{
	for (size_t i = 0; i < feed->count; i++)
		if (feed->deliveries[i].subject->intake.state != STATE_IDLE)
			return true;
	return false;
}

void feeds_judge_anew(const struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++) {
		struct feed *feed = controller->feeds[i];
		struct digest now;

		if (feed->running > 0 || !feed->inspected || !complains(feed))
			continue;
		now = premises_now(feed);
		if (strcmp(now.hex, feed->premises.hex) == 0)
			continue;
		log_info("%s %s: passphrases or authorities have changed: judged anew",
				feed->drop ? "drop" : "source", feed->name);
		feed->premises = now;
		feed_forget(feed);
	}
}

/* ---- life ---- */

static struct feed *find_feed(const struct controller *controller, const char *name)
{
	for (size_t i = 0; i < controller->feed_count; i++)
		if (strcmp(controller->feeds[i]->name, name) == 0)
			return controller->feeds[i];
	return NULL;
}

/* Names or numbers of users; "*" stands for everybody. */
static void read_owners(struct words owners, uid_t *numbers, struct inlet_policy *policy)
{
	policy->owners = numbers;
	for (size_t i = 0; i < owners.count; i++) {
		const struct passwd *user = getpwnam(owners.items[i]);
		char *end;
		const unsigned long number = strtoul(owners.items[i], &end, 10);

		if (strcmp(owners.items[i], "*") == 0)
			policy->any_owner = true;
		else if (user)
			numbers[policy->owner_count++] = user->pw_uid;
		else if (*end == '\0' && *owners.items[i])
			numbers[policy->owner_count++] = (uid_t)number;
		else
			log_warning("drop-owners: there is no user \"%s\", ignoring it",
					owners.items[i]);
	}
}

static struct inlet *open_inlet(
		struct feed *feed, const struct subject *subject, const char *source)
{
	const struct config *config = feed->controller->config;
	autoarena struct arena *arena = arena_new();
	struct inlet_policy policy = {
		.allow_insecure = config->insecure_drop,
		.root = target_source_root(subject->target),
		.root_setting = "source-root",
	};

	read_owners(config->drop_owners,
			arena_new_many(arena, uid_t, config->drop_owners.count + 1), &policy);
	if (source)
		return intake_add_source(feed->controller->intake, source, &policy, feed);
	return intake_add_drop(feed->controller->intake,
			arena_printf(arena, "%s/%s", config->drop, feed->name), &policy, feed);
}

static struct feed *feed_new(struct controller *controller, const struct subject *subject,
		const char *name, const char *source)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	struct feed **feeds =
			realloc(controller->feeds, (controller->feed_count + 1) * sizeof(*feeds));

	assert(feed && feeds);
	controller->feeds = feeds;
	feeds[controller->feed_count++] = feed;
	feed->controller = controller;
	feed->name = strdup(name);
	assert(feed->name);
	feed->drop = source == NULL;
	feed->commit.done = take_away;
	feed->commit.can_wait = true;
	(void)uv_timer_init(controller->loop, &feed->timer);
	feed->timer.data = feed;
	feed->inlet = open_inlet(feed, subject, source);
	return feed;
}

static void add_delivery(struct feed *feed, struct subject *subject)
{
	struct delivery *deliveries =
			realloc(feed->deliveries, (feed->count + 1) * sizeof(*deliveries));

	assert(deliveries);
	feed->deliveries = deliveries;
	deliveries[feed->count++] = (struct delivery){ .feed = feed, .subject = subject };
	subject->feed = feed;
}

void feeds_open(struct controller *controller)
{
	for (size_t i = 0; i < controller->subject_count; i++) {
		struct subject *subject = controller->subjects[i];
		const char *source = path_setting(subject, "source");
		const char *name = source ? source : target_drop(subject->target);
		struct feed *feed = find_feed(controller, name);

		if (!feed)
			feed = feed_new(controller, subject, name, source);
		add_delivery(feed, subject);
	}
}

void feeds_abandon(struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++) {
		struct feed *feed = controller->feeds[i];

		for (size_t j = 0; j < feed->count; j++)
			if (feed->deliveries[j].inspection)
				inspection_abandon(feed->deliveries[j].inspection);
		uv_close((uv_handle_t *)&feed->timer, NULL);
	}
}

void feeds_close(struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++) {
		struct feed *feed = controller->feeds[i];

		harvest_done(&feed->harvest);
		free(feed->consumed);
		free(feed->inspected);
		free(feed->deliveries);
		free(feed->name);
		free(feed);
	}
	free(controller->feeds);
	controller->feeds = NULL;
	controller->feed_count = 0;
}

bool feed_busy(const struct feed *feed)
{
	return feed->running > 0;
}

bool feeds_busy(const struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++)
		if (feed_busy(controller->feeds[i]))
			return true;
	return false;
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

static void add_sentence(json_t *sentences, const char *name, const char *sentence)
{
	if (sentence)
		json_array_append_new(sentences, json_sprintf("%s: %s", name, sentence));
}

void feeds_degraded(const struct controller *controller, json_t *sentences)
{
	add_sentence(sentences, "watching", intake_degraded(controller->intake));
	for (size_t i = 0; i < controller->feed_count; i++)
		add_sentence(sentences, controller->feeds[i]->name,
				inlet_degraded(controller->feeds[i]->inlet));
}

json_t *feeds_watching(const struct controller *controller)
{
	const struct intake_counters counters = intake_counters(controller->intake);

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "directories",
			(json_int_t)counters.inlets, "watches", (json_int_t)counters.watches,
			"events", (json_int_t)counters.events, "overflows",
			(json_int_t)counters.overflows, "rescans", (json_int_t)counters.rescans,
			"reopened", (json_int_t)counters.reopened, "silent_changes",
			(json_int_t)counters.silent_changes, "files", (json_int_t)counters.files);
}
