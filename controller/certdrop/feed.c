#include "controller/certdrop/feed.h"

#include <assert.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/admission.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/inspector.h"
#include "controller/certdrop/intake.h"
#include "controller/certdrop/journal.h"
#include "controller/certdrop/store.h"

/* How long until an inspection that could not be made is tried again, and how often the clock is looked at
 * again while something waits for it. */
enum { AGAIN_MS = 5000, CLOCK_MS = 60000, DERIVATIONS_MAX = 2000000 };

/* What lies in the directory, for one of the targets. */
struct delivery {
	struct feed *feed;
	struct subject *subject;
	struct inspection *inspection;
	bool accepted;
};

struct feed {
	struct controller *controller;
	struct inlet *inlet;
	char *name;
	bool drop;

	struct delivery *deliveries; /* one for each target, in the order of the configuration */
	size_t count, size;
	size_t running; /* inspections */
	struct harvest harvest;
	bool again; /* something changed while the inspections ran */

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

static void take_away(struct after_commit *waiting, bool committed)
{
	struct feed *feed = (struct feed *)((char *)waiting - offsetof(struct feed, commit));
	struct error error;

	if (committed &&
			!inlet_consume(feed->inlet, feed->consumed, feed->consumed_count, NULL,
					&error))
		log_warning("drop %s: %s; it is tried again with the next file", feed->name,
				error.text);
	/* What was not written down must be inspected again. */
	if (!committed) {
		feed_forget(feed);
		scan_in(feed, AGAIN_MS);
	}
	free(feed->consumed);
	feed->consumed = NULL;
	feed->consumed_count = 0;
	harvest_done(&feed->harvest);
}

static void add_consumed(struct feed *feed, const char *name)
{
	for (size_t i = 0; i < feed->consumed_count; i++)
		if (strcmp(feed->consumed[i].name, name) == 0)
			return;
	for (size_t i = 0; i < feed->harvest.count; i++) {
		const struct taken *taken = &feed->harvest.items[i];

		if (taken->state == TAKEN_COPY && strcmp(taken->shown, name) == 0)
			feed->consumed[feed->consumed_count++] = taken->entry;
	}
}

/* The inputs of every credential that was inspected: the one that is wanted now, and those that are older;
 * all of them are in the store. */
static void consume_inputs(struct feed *feed, const struct records *inspected)
{
	autoarena struct arena *arena = arena_new();

	for (size_t i = 0; i < inspected->count; i++) {
		const struct record *record = inspected->items[i];
		const bool sound = strcmp(record_word(record, 0), "credential") == 0;
		const struct rows inputs = record_rows(arena, record, "input");

		for (size_t j = 0; sound && j < inputs.count; j++)
			if (inputs.items[j].count > 0)
				add_consumed(feed, inputs.items[j].items[0]);
	}
}

static void consume(struct feed *feed)
{
	if (!feed->drop || feed->controller->mode == MODE_DRY)
		return;
	for (size_t i = 0; i < feed->count; i++)
		if (!feed->deliveries[i].accepted)
			return;
	feed->consumed = calloc(feed->harvest.count + 1, sizeof(*feed->consumed));
	assert(feed->consumed);
	for (size_t i = 0; i < feed->count; i++)
		consume_inputs(feed, inspection_records(feed->deliveries[i].inspection));
	controller_after_commit(feed->controller, &feed->commit);
}

/* ---- admission ---- */

static const char *is_parked(void *context, const char *digest)
{
	const struct subject *subject = context;

	/* Read into the inspection's lifetime: the caller copies what it keeps. */
	return journal_parked(subject->controller->journal, subject->wanted_memory,
			subject->target->name, digest);
}

static bool store_all(struct delivery *delivery, struct error *error)
{
	const struct records *inspected = inspection_records(delivery->inspection);
	struct store *store = delivery->feed->controller->store;
	size_t n = 0;

	if (delivery->feed->controller->mode == MODE_DRY)
		return true;
	for (size_t i = 0; i < inspected->count; i++) {
		const struct record *record = inspected->items[i];

		if (strcmp(record_word(record, 0), "credential") != 0)
			continue;
		if (!store_put(store, inspection_credential(delivery->inspection, n++),
				    record_word(record, 1), error))
			return false;
	}
	return true;
}

/* Records "input NAME SHA256" for receipt and journal. */
static void write_inputs(
		const struct delivery *delivery, const struct admission *a, struct buffer *text)
{
	autoarena struct arena *arena = arena_new();
	struct records records = { 0 };

	for (size_t i = 0; i < a->inputs.count; i++) {
		const char *name = a->inputs.items[i].count > 0 ? a->inputs.items[i].items[0] : "";
		const char *digest = inspection_digest(delivery->inspection, name);

		records_append(arena, &records,
				record_new(arena, "input", name, digest ? digest : "", NULL));
	}
	records_print(&records, text);
}

/* When the newest of the files that lie there got its name or its last byte. */
static long long newest_ns(const struct feed *feed)
{
	long long newest = 0;

	for (size_t i = 0; i < feed->harvest.count; i++)
		if (feed->harvest.items[i].entry.identity.changed_ns > newest)
			newest = feed->harvest.items[i].entry.identity.changed_ns;
	return newest;
}

static void admit(struct delivery *delivery, const struct admission *a)
{
	struct subject *subject = delivery->subject;
	autodone(buffer) struct buffer inputs = { 0 };
	struct error error;

	if (!store_all(delivery, &error)) {
		log_error("target %s: %s, trying again in %d s", subject->target->name, error.text,
				AGAIN_MS / 1000);
		subject_tell_intake(subject, STATE_HELD, error.text);
		feed_forget(delivery->feed);
		scan_in(delivery->feed, AGAIN_MS);
		return;
	}
	delivery->accepted = true;
	if (a->kind == ADMISSION_TAKE) {
		write_inputs(delivery, a, &inputs);
		log_info("target %s: taken in: %s (sha256 %.16s)", subject->target->name,
				a->credential.subject, a->credential.fingerprint);
		subject_want(subject, &a->credential, buffer_text(&inputs), a->others);
		subject_accepted(subject, newest_ns(delivery->feed));
		subject->attempts = 0;
	}
	subject_tell_intake(subject, STATE_IDLE, NULL);
	controller_due(subject->controller, subject);
}

/* A file that was refused, or lacks something, when a later one was taken in is no news any more. */
static void complain(struct delivery *delivery, enum state state, const char *reason)
{
	struct subject *subject = delivery->subject;

	if (newest_ns(delivery->feed) > subject->accepted_ns ||
			delivery->feed->harvest.left_out > 0)
		subject_tell_intake(subject, state, reason);
	else
		subject_tell_intake(subject, STATE_IDLE, NULL);
}

static void hold(struct delivery *delivery, const struct admission *a)
{
	const long long left_ms = a->until > 0 ? (a->until - clock_now()) * 1000 : CLOCK_MS;

	subject_tell_intake(delivery->subject, STATE_HELD, a->reason);
	feed_forget(delivery->feed);
	scan_in(delivery->feed, (uint64_t)(left_ms < CLOCK_MS ? left_ms + 1 : CLOCK_MS));
}

static void decide(struct delivery *delivery)
{
	struct subject *subject = delivery->subject;
	struct journal *journal = subject->controller->journal;
	autoarena struct arena *arena = arena_new();
	const struct admission_facts facts = {
		.wanted = subject->wanted ? &subject->facts : NULL,
		.served_before = journal_served_before(journal, arena, subject->target->name),
		.allow_downgrade = setting_flag(subject->target->settings, "allow-downgrade"),
		.clock_trusted = clock_trusted(),
		.now = clock_now(),
		.parked = is_parked,
		.context = subject,
	};
	const struct admission a =
			admission_decide(arena, inspection_records(delivery->inspection), &facts);

	switch (a.kind) {
	case ADMISSION_TAKE:
	case ADMISSION_SAME:
		admit(delivery, &a);
		break;
	case ADMISSION_NOTHING:
		subject_tell_intake(subject, STATE_IDLE, NULL);
		break;
	case ADMISSION_WAIT:
		complain(delivery, STATE_WAITING, a.reason);
		break;
	case ADMISSION_REFUSE:
		complain(delivery, STATE_REFUSED, a.reason);
		break;
	case ADMISSION_PARKED:
		if (subject->outcome.state == STATE_ROLLED_BACK)
			subject_tell_intake(subject, STATE_IDLE, NULL);
		else
			complain(delivery, STATE_REFUSED, a.reason);
		break;
	case ADMISSION_HOLD:
		hold(delivery, &a);
		break;
	}
}

static void all_inspected(struct feed *feed)
{
	for (size_t i = 0; i < feed->count; i++) {
		struct delivery *delivery = &feed->deliveries[i];
		const char *failure = inspection_failure(delivery->inspection);

		delivery->accepted = false;
		if (!failure) {
			decide(delivery);
			continue;
		}
		subject_tell_intake(delivery->subject, STATE_HELD, failure);
		feed_forget(feed);
		scan_in(feed, AGAIN_MS);
	}
	consume(feed);
	for (size_t i = 0; i < feed->count; i++) {
		inspection_free(feed->deliveries[i].inspection);
		feed->deliveries[i].inspection = NULL;
	}
	if (!feed->commit.queued)
		harvest_done(&feed->harvest);
	if (feed->again) {
		feed->again = false;
		feed_scan(feed);
	}
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

static void inspect(struct feed *feed)
{
	feed->running = feed->count;
	for (size_t i = 0; i < feed->count; i++) {
		struct delivery *delivery = &feed->deliveries[i];

		delivery->inspection = inspection_of(feed, delivery->subject);
		inspection_start(delivery->inspection, feed->controller->inspectors, on_inspected,
				delivery);
	}
}

void feed_scan(struct feed *feed)
{
	struct error error;

	if (feed->controller->stopping)
		return;
	if (feed->running > 0 || feed->commit.queued) {
		feed->again = true;
		return;
	}
	if (!inlet_scan(feed->inlet, &feed->harvest, &error)) {
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
		free(feed->deliveries);
		free(feed->name);
		free(feed);
	}
	free(controller->feeds);
	controller->feeds = NULL;
	controller->feed_count = 0;
}

bool feeds_busy(const struct controller *controller)
{
	for (size_t i = 0; i < controller->feed_count; i++)
		if (controller->feeds[i]->running > 0)
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
