#include "controller/certdrop/children/inspector.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/model/rule.h"

struct file {
	const char *name, *digest;
	int fd;
	long long arrived;
	const char *killed; /* how the child ended on it; NULL: it did not */
};

enum trial {
	TRIAL_ALL, /* the files that are not known to kill, together */
	TRIAL_NONE, /* no file at all: is it the program that is broken? */
	TRIAL_EACH, /* one by one, to learn which one kills */
};

struct inspection {
	struct arena *arena;
	const char *target_name;
	long long derivations;
	const char *passphrases, *authorities;
	const char *key_alias, *key_passphrases; /* the target's */
	struct records rules;
	struct file *files;
	size_t file_count, file_size;

	struct pool *pool;
	struct place_in_queue place; /* many may come at once */
	struct child *child;
	uv_timer_t deadline;
	inspection_fn *done;
	void *context;

	enum trial trial;
	size_t at; /* which file, in TRIAL_EACH */
	bool tried_each; /* a second death of all together is final */
	struct message reply;
	struct records records;
	struct records verdicts; /* those that were known beforehand */
	const char *failure;
};

static void try_next(struct inspection *inspection);

struct inspection *inspection_new(const struct target *target, long long derivations,
		const char *passphrases, const char *authorities)
{
	struct inspection *inspection = calloc(1, sizeof(*inspection));

	assert(inspection);
	inspection->arena = arena_new();
	inspection->target_name = arena_copy(inspection->arena, target ? target->name : "-");
	inspection->derivations = derivations;
	inspection->passphrases = arena_copy(inspection->arena, passphrases);
	inspection->authorities = arena_copy(inspection->arena, authorities);
	if (target) {
		rules_write(inspection->arena, target, &inspection->rules);
		inspection->key_alias = arena_copy(
				inspection->arena, setting_text(target->settings, "key-alias"));
		inspection->key_passphrases = arena_copy(inspection->arena,
				setting_text(target->settings, "key-passphrases"));
	}
	return inspection;
}

void inspection_free(struct inspection *inspection)
{
	if (!inspection)
		return;
	for (size_t i = 0; i < inspection->file_count; i++)
		owned_close(&inspection->files[i].fd);
	message_done(&inspection->reply);
	arena_free(inspection->arena);
	free(inspection);
}

void inspection_add_file(struct inspection *inspection, const char *name, const char *digest,
		int fd, long long arrived)
{
	struct arena *arena = inspection->arena;

	inspection->files = arena_with_room(arena, inspection->files, inspection->file_count,
			&inspection->file_size, sizeof(*inspection->files));
	inspection->files[inspection->file_count++] = (struct file){
		.name = arena_copy(arena, name),
		.digest = arena_copy(arena, digest),
		.fd = fd,
		.arrived = arrived,
	};
}

void inspection_add_verdict(struct inspection *inspection, const char *name, const char *state,
		const char *sentence)
{
	records_append(inspection->arena, &inspection->verdicts,
			record_new(inspection->arena, "file", name, state, sentence, NULL));
}

/* ---- the request ---- */

struct request {
	struct records records;
	int fds[MESSAGE_FDS_MAX];
	size_t fd_count;
	int opened[3]; /* of the fds: passphrases, those for keys, and authorities */
};

static void add_file(
		struct inspection *inspection, const struct file *file, struct request *request)
{
	struct record *record = record_new(inspection->arena, "file", file->name, NULL);

	record_add_number(inspection->arena, record, "arrived", file->arrived);
	records_append(inspection->arena, &request->records, record);
	request->fds[request->fd_count++] = file->fd;
}

static bool add_side_file(struct inspection *inspection, const char *word, const char *path,
		int *opened, struct request *request, struct error *error)
{
	struct stat status;

	if (!path)
		return true;
	/* The loop is not to wait for whoever might write to a FIFO. */
	*opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (*opened < 0 || fstat(*opened, &status) < 0)
		return fail(error, ERROR_CONFIG, "%s %s: %s", word, path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return fail(error, ERROR_CONFIG, "%s %s: it is no regular file", word, path);
	records_append(inspection->arena, &request->records,
			record_new(inspection->arena, word, NULL));
	request->fds[request->fd_count++] = *opened;
	return true;
}

static bool fill_request(
		struct inspection *inspection, struct request *request, struct error *error)
{
	struct record *head =
			record_new(inspection->arena, "inspect", inspection->target_name, NULL);

	record_add_number(inspection->arena, head, "derivations", inspection->derivations);
	if (inspection->key_alias)
		record_add_text(inspection->arena, head, "key-alias", inspection->key_alias);
	records_append(inspection->arena, &request->records, head);
	for (size_t i = 0; i < inspection->rules.count; i++)
		records_append(inspection->arena, &request->records, inspection->rules.items[i]);
	for (size_t i = 0; i < inspection->file_count; i++) {
		const bool alone = inspection->trial == TRIAL_EACH && i == inspection->at;
		const bool together =
				inspection->trial == TRIAL_ALL && !inspection->files[i].killed;

		if (alone || together)
			add_file(inspection, &inspection->files[i], request);
	}
	return add_side_file(inspection, "passphrases", inspection->passphrases,
			       &request->opened[0], request, error) &&
			add_side_file(inspection, "key-passphrases", inspection->key_passphrases,
					&request->opened[1], request, error) &&
			add_side_file(inspection, "authorities", inspection->authorities,
					&request->opened[2], request, error);
}

static bool send_request(struct inspection *inspection, struct error *error)
{
	struct request request = { .opened = { -1, -1, -1 } };
	autodone(buffer) struct buffer text = { 0 };
	bool sent = fill_request(inspection, &request, error);

	if (sent) {
		records_print(&request.records, &text);
		sent = child_send(inspection->child, buffer_text(&text), request.fds,
				request.fd_count, error);
	}
	for (size_t i = 0; i < 3; i++)
		owned_close(&request.opened[i]);
	return sent;
}

/* ---- the end ---- */

static void on_deadline_closed(uv_handle_t *handle)
{
	struct inspection *inspection = handle->data;

	if (inspection->done)
		inspection->done(inspection->context, inspection);
	else
		inspection_free(inspection);
}

static void finish(struct inspection *inspection)
{
	uv_close((uv_handle_t *)&inspection->deadline, on_deadline_closed);
}

static void give_up(struct inspection *inspection, const char *why)
{
	inspection->failure = arena_copy(inspection->arena, why);
	finish(inspection);
}

/* What the child cannot say any more. */
static void add_killers(struct inspection *inspection)
{
	for (size_t i = 0; i < inspection->file_count; i++) {
		const struct file *file = &inspection->files[i];
		const char *sentence;

		if (!file->killed)
			continue;
		sentence = arena_printf(inspection->arena,
				"%s made the program that inspects it fail (it %s)", file->name,
				file->killed);
		records_append(inspection->arena, &inspection->records,
				record_new(inspection->arena, "file", file->name, "refused",
						sentence, NULL));
	}
}

static void all_inspected(struct inspection *inspection)
{
	for (size_t i = 0; i < inspection->verdicts.count; i++)
		records_append(inspection->arena, &inspection->records,
				inspection->verdicts.items[i]);
	add_killers(inspection);
	finish(inspection);
}

/* ---- one trial after the other ---- */

static void after_trial(struct inspection *inspection)
{
	switch (inspection->trial) {
	case TRIAL_ALL:
		all_inspected(inspection);
		return;
	case TRIAL_NONE:
		inspection->trial = TRIAL_EACH;
		inspection->at = 0;
		break;
	case TRIAL_EACH:
		if (++inspection->at == inspection->file_count)
			inspection->trial = TRIAL_ALL;
		break;
	}
	try_next(inspection);
}

static void start_each(struct inspection *inspection)
{
	inspection->trial = TRIAL_NONE;
	inspection->tried_each = true;
	try_next(inspection);
}

static void on_death(struct inspection *inspection, const char *how)
{
	pool_discard(inspection->pool, inspection->child);
	inspection->child = NULL;
	(void)uv_timer_stop(&inspection->deadline);

	if (inspection->trial == TRIAL_EACH) {
		inspection->files[inspection->at].killed = arena_copy(inspection->arena, how);
		after_trial(inspection);
		return;
	}
	if (inspection->trial == TRIAL_NONE) {
		give_up(inspection,
				arena_printf(inspection->arena,
						"the program that inspects files %s", how));
		return;
	}
	/* Even a single file is tried once more: the child may have been ended by somebody else. */
	if (!inspection->tried_each) {
		start_each(inspection);
		return;
	}
	for (size_t i = 0; i < inspection->file_count; i++)
		if (!inspection->files[i].killed)
			inspection->files[i].killed = arena_copy(inspection->arena, how);
	all_inspected(inspection);
}

static void on_ended(struct child *child, void *context, const char *how)
{
	(void)child;
	on_death(context, how);
}

static void on_deadline(uv_timer_t *timer)
{
	on_death(timer->data, "took too long");
}

static bool keep_reply(struct inspection *inspection, struct message *message)
{
	struct error error;

	message_done(&inspection->reply);
	inspection->reply = *message;
	*message = (struct message){ 0 };
	return records_read(
			inspection->arena, inspection->reply.text, &inspection->records, &error);
}

static void on_message(struct child *child, void *context, struct message *message)
{
	struct inspection *inspection = context;
	const struct record *failed;

	(void)child;
	(void)uv_timer_stop(&inspection->deadline);
	if (!keep_reply(inspection, message)) {
		on_death(inspection, "gave an answer that is none");
		return;
	}
	pool_give_back(inspection->pool, inspection->child);
	inspection->child = NULL;
	failed = records_find(&inspection->records, "failed", NULL);
	if (failed)
		give_up(inspection, record_word(failed, 2));
	else
		after_trial(inspection);
}

static const struct child_hooks hooks = { .message = on_message, .ended = on_ended };

static size_t files_left(const struct inspection *inspection)
{
	size_t left = 0;

	for (size_t i = 0; i < inspection->file_count; i++)
		left += inspection->files[i].killed == NULL;
	return left;
}

/* A child may have ended while it was idle, and nobody has noticed yet: then the next one is asked. */
static bool send_to_child(struct inspection *inspection, struct error *error)
{
	for (int i = 0; i <= POOL_IDLE_MAX; i++) {
		inspection->child = pool_take(inspection->pool, &hooks, inspection, error);
		if (!inspection->child)
			return false;
		pool_warm(inspection->pool);
		if (send_request(inspection, error))
			return true;
		pool_discard(inspection->pool, inspection->child);
		inspection->child = NULL;
		if (error->kind != ERROR_RETRY)
			return false;
	}
	return false;
}

static void try_next(struct inspection *inspection)
{
	struct error error;

	inspection->records = (struct records){ 0 };
	if (files_left(inspection) == 0) {
		all_inspected(inspection);
		return;
	}
	if (!send_to_child(inspection, &error)) {
		give_up(inspection, error.text);
		return;
	}
	(void)uv_timer_start(&inspection->deadline, on_deadline, INSPECTION_DEADLINE_MS, 0);
}

static void on_ready(struct place_in_queue *place)
{
	try_next((struct inspection *)((char *)place - offsetof(struct inspection, place)));
}

void inspection_start(struct inspection *inspection, struct pool *pool, inspection_fn *done,
		void *context)
{
	inspection->pool = pool;
	inspection->done = done;
	inspection->context = context;
	(void)uv_timer_init(pool_loop(pool), &inspection->deadline);
	inspection->deadline.data = inspection;
	inspection->place.ready = on_ready;
	pool_queue(pool, &inspection->place);
}

void inspection_abandon(struct inspection *inspection)
{
	inspection->done = NULL;
	if (inspection->place.queued) {
		pool_leave(inspection->pool, &inspection->place);
		finish(inspection);
		return;
	}
	if (!inspection->child)
		return;
	pool_discard(inspection->pool, inspection->child);
	inspection->child = NULL;
	finish(inspection);
}

/* ---- the outcome ---- */

const char *inspection_failure(const struct inspection *inspection)
{
	return inspection->failure;
}

const struct records *inspection_records(const struct inspection *inspection)
{
	return &inspection->records;
}

int inspection_credential(const struct inspection *inspection, size_t n)
{
	return n < inspection->reply.fd_count ? inspection->reply.fds[n] : -1;
}

const char *inspection_digest(const struct inspection *inspection, const char *file)
{
	for (size_t i = 0; i < inspection->file_count; i++)
		if (strcmp(inspection->files[i].name, file) == 0)
			return inspection->files[i].digest;
	return NULL;
}
