/* All feeds: which there are, and what is told of them together. */
#include "controller/certdrop/feed/feed-parts.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/children/inspector.h"
#include "controller/certdrop/feed/delivery.h"

/* ---- opening ---- */

static struct feed *find_feed(const struct controller *controller, const char *name)
{
	for (size_t i = 0; i < controller->feed_count; i++)
		if (strcmp(controller->feeds[i]->name, name) == 0)
			return controller->feeds[i];
	return NULL;
}

/* Names or numbers of users, looked up once for all; "*" stands for everybody. */
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

static struct inlet *open_inlet(struct feed *feed, const struct subject *subject,
		const char *source, const struct inlet_policy *common)
{
	const struct config *config = feed->controller->config;
	autoarena struct arena *arena = arena_new();
	struct inlet_policy policy = *common;

	policy.root = target_source_root(subject->target);
	if (source)
		return intake_add_source(feed->controller->intake, source, &policy, feed);
	return intake_add_drop(feed->controller->intake,
			arena_printf(arena, "%s/%s", config->drop, feed->name), &policy, feed);
}

static struct feed *feed_new(struct controller *controller, const struct subject *subject,
		const char *name, const char *source, const struct inlet_policy *policy)
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
	feed->commit.done = feed_take_away;
	feed->commit.can_wait = true;
	(void)uv_timer_init(controller->loop, &feed->timer);
	feed->timer.data = feed;
	feed->inlet = open_inlet(feed, subject, source, policy);
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
	const struct config *config = controller->config;
	autoarena struct arena *arena = arena_new();
	struct inlet_policy policy = {
		.allow_insecure = config->insecure_drop,
		.root_setting = "source-root",
	};

	read_owners(config->drop_owners,
			arena_new_many(arena, uid_t, config->drop_owners.count + 1), &policy);
	for (size_t i = 0; i < controller->subject_count; i++) {
		struct subject *subject = controller->subjects[i];
		const char *source = setting_text(subject->target->settings, "source");
		const char *name = source ? source : target_drop(subject->target);
		struct feed *feed = find_feed(controller, name);

		if (!feed)
			feed = feed_new(controller, subject, name, source, &policy);
		add_delivery(feed, subject);
	}
}

/* ---- closing ---- */

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

/* ---- all together ---- */

void feeds_mended(const struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++) {
		struct feed *feed = controller->feeds[i];

		if (!feed->unwritten)
			continue;
		feed->unwritten = false;
		feed_forget(feed);
		feed_scan(feed);
	}
}

bool feeds_busy(const struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++)
		if (feed_busy(controller->feeds[i]))
			return true;
	return false;
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
		now = feed_premises(feed);
		if (strcmp(now.hex, feed->premises.hex) == 0)
			continue;
		log_info("%s %s: passphrases or authorities have changed: judged anew",
				feed->drop ? "drop" : "source", feed->name);
		feed->premises = now;
		feed_forget(feed);
	}
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
