#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/apply/http/web.h"
#include "controller/apply/job.h"
#include "controller/base/file.h"
#include "tests/unit/worker.h"

void conversation_done(struct conversation *conversation)
{
	arena_free(conversation->arena);
}

static void *serve(void *argument)
{
	const int fd = *(int *)argument;
	struct web *web = web_new();
	bool going = true;

	while (going) {
		autodone(message) struct message message = { 0 };
		struct error error;

		if (message_receive(fd, &message, &error) != MESSAGE_GOT)
			break;
		going = job_take(fd, &message, web, NULL);
	}
	web_free(web);
	(void)close(fd);
	return NULL;
}

static void send_job(int fd, const char *work, const char *plan, struct pair *const *pairs)
{
	autodone(buffer) struct buffer text = { 0 };
	int fds[8];
	size_t count = 0;
	struct error error;

	buffer_printf(&text, "%s\n", work);
	for (; pairs && pairs[count]; count++) {
		buffer_printf(&text, "\twith %s\n", pairs[count]->digest.hex);
		fds[count] = pairs[count]->fd;
	}
	buffer_add(&text, plan);
	if (!message_send(fd, buffer_text(&text), fds, count, &error))
		fail_msg("%s", error.text);
}

static void let_go_on(struct conversation *c, int fd, const char *step)
{
	struct error error;

	if (!message_send(fd, arena_printf(c->arena, "go %s\n", step), NULL, 0, &error))
		fail_msg("%s", error.text);
}

/* False: nothing more to hear. */
static bool hear(struct conversation *c, int fd, long left)
{
	autodone(message) struct message message = { 0 };
	struct records records;
	struct error error;

	if (message_receive(fd, &message, &error) != MESSAGE_GOT) {
		fail_msg("the worker went away");
		return false;
	}
	assert_true(records_read(c->arena, arena_copy(c->arena, message.text), &records, &error));
	for (size_t i = 0; i < records.count; i++) {
		const struct record *record = records.items[i];
		const char *word = record_word(record, 0);

		records_append(c->arena, &c->said, records.items[i]);
		if (strcmp(word, "end") == 0)
			c->end = record_word(record, 1);
		if (strcmp(word, "begin") == 0 && left != 0)
			let_go_on(c, fd, record_word(record, 1));
	}
	return !c->end && left != 0;
}

void converse(struct conversation *conversation, const char *work, const char *plan,
		struct pair *const *pairs, long away_at)
{
	pthread_t thread;
	struct error error;
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	*conversation = (struct conversation){ .arena = arena_new() };
	assert_true(message_pair(fds, &error));
	assert_int_equal(pthread_create(&thread, NULL, serve, &fds[1]), 0);
	send_job(fds[0], work, plan, pairs);
	while (hear(conversation, fds[0], away_at))
		away_at--;
	(void)close(fds[0]);
	(void)pthread_join(thread, NULL);
}

const char *begun_in(const struct conversation *conversation)
{
	const char *text = "begun";

	for (size_t i = 0; i < conversation->said.count; i++) {
		const struct record *record = conversation->said.items[i];

		if (strcmp(record_word(record, 0), "begin") == 0 && record->words.count == 2)
			text = arena_printf(
					conversation->arena, "%s %s", text, record_word(record, 1));
	}
	return text;
}

const char *failure_in(const struct conversation *conversation)
{
	const struct record *failed = records_find(&conversation->said, "failed", NULL);

	return failed ? record_word(failed, 4) : "";
}

/* ---- files ---- */

char *directory_new(void)
{
	char *path = strdup("/tmp/certdrop-test-XXXXXX");

	assert_non_null(mkdtemp(path));
	return path;
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *walk)
{
	(void)facts;
	(void)kind;
	(void)walk;
	return remove(path);
}

void directory_gone(char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
}

void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

char *read_text(const char *path)
{
	struct buffer text = { 0 };
	struct error error;

	if (!file_read(AT_FDCWD, path, 1 << 20, &text, &error)) {
		buffer_done(&text);
		return NULL;
	}
	return text.bytes ? text.bytes : strdup("");
}
