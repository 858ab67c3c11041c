#include "controller/apply/talk.h"

#include <stdio.h>
#include <string.h>

bool say(struct job *job, const struct record *record)
{
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	record_print(record, &text);
	return message_send(job->controller, buffer_text(&text), NULL, 0, &error);
}

bool say_end(struct job *job, const char *how)
{
	autoarena struct arena *arena = arena_new();

	return say(job, record_new(arena, "end", how, NULL));
}

bool say_begin(const struct taking *t)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%zu", t->index);
	return say(t->job, record_new(t->arena, "begin", number, t->back ? "undo" : NULL, NULL));
}

bool say_outcome(const struct taking *t)
{
	const char *undo = t->back ? "undo" : NULL;
	char number[24], took[24];

	(void)snprintf(number, sizeof(number), "%zu", t->index);
	(void)snprintf(took, sizeof(took), "%lld", t->took_ms);
	if (t->good)
		return say(t->job, record_new(t->arena, "done", number, took, undo, NULL));
	return say(t->job,
			record_new(t->arena, "failed", number, took, error_kind_name(t->error.kind),
					t->error.text, undo, NULL));
}

bool say_answer(const struct taking *t)
{
	const char *why[2] = { t->error.text, error_kind_name(t->error.kind) };
	const struct words reason = { .items = why, .count = 2 };
	struct record *failed;

	if (t->good) {
		record_add_number(t->arena, t->answer, "took", t->took_ms);
		return say(t->job, t->answer);
	}
	failed = record_new(t->arena, "answer", step_of(t)->name, NULL);
	record_add(t->arena, failed, "failed", reason);
	return say(t->job, failed);
}

/* Which of them this go-ahead is for; `count` when it is for none. */
static size_t find_go(const struct record *record, const struct taking *takings, size_t count)
{
	char number[24];
	size_t k = 0;

	if (strcmp(record_word(record, 0), "go") != 0)
		return count;
	for (; k < count; k++) {
		(void)snprintf(number, sizeof(number), "%zu", takings[k].index);
		if (strcmp(record_word(record, 1), number) == 0)
			break;
	}
	return k;
}

bool wait_for_go(struct job *job, const struct taking *takings, size_t count)
{
	bool given[TOGETHER_MAX] = { false };

	for (size_t left = count; left > 0;) {
		autodone(message) struct message message = { 0 };
		autoarena struct arena *arena = arena_new();
		struct records records;
		struct error error;

		if (message_receive(job->controller, &message, &error) != MESSAGE_GOT ||
				!records_read(arena, message.text, &records, &error))
			return false;
		for (size_t i = 0; i < records.count; i++) {
			const size_t k = find_go(records.items[i], takings, count);

			if (k == count || given[k])
				return false;
			given[k] = true;
			left--;
		}
	}
	return true;
}
