#include "controller/apply/job.h"

#include <stdlib.h>
#include <string.h>

#include "controller/apply/allowance.h"
#include "controller/apply/deadline.h"
#include "controller/apply/http/writes.h"
#include "controller/apply/lease/leases.h"
#include "controller/apply/leash.h"
#include "controller/apply/talk.h"

/* How far the conversation got. Once the controller is gone nothing more may be done.
 * Untouched: it ended badly, and all of it is known to have changed nothing. */
enum ended { ENDED_WELL, ENDED_BADLY, ENDED_UNTOUCHED, ENDED_ALONE };

/* ---- groups ---- */

static bool group_begin(struct job *job, struct taking *takings, size_t count, bool *begun)
{
	for (size_t i = 0; i < count; i++)
		if (!say_begin(&takings[i]))
			return false;
	group_ready(takings, count);
	if (!wait_for_go(job, takings, count))
		return false;
	for (size_t i = 0; i < count; i++)
		begun[takings[i].index] = true;
	return true;
}

static enum ended group_tell(const struct taking *takings, size_t count)
{
	bool good = true, untouched = true;

	for (size_t i = 0; i < count; i++) {
		if (!say_outcome(&takings[i]))
			return ENDED_ALONE;
		good = good && takings[i].good;
		untouched = untouched && !takings[i].good && takings[i].untouched;
	}
	return good ? ENDED_WELL : untouched ? ENDED_UNTOUCHED : ENDED_BADLY;
}

/* ---- the four jobs ---- */

static bool answer_group(struct job *job, size_t first, size_t count)
{
	autoarena struct arena *arena = arena_new();
	struct taking takings[TOGETHER_MAX];
	bool heard = true;

	group_init(takings, job, arena, first, count);
	for (size_t i = 0; i < count; i++)
		takings[i].answer =
				record_new(arena, "answer", job->plan.steps[first + i].name, NULL);
	group_take(takings, count);
	for (size_t i = 0; i < count && heard; i++)
		heard = say_answer(&takings[i]);
	group_done(takings, count);
	return heard;
}

static bool ask(struct job *job)
{
	size_t count;

	for (size_t i = 0; i < job->plan.count; i += count) {
		count = 1;
		if (job->plan.steps[i].phase != PHASE_ASK)
			continue;
		count = group_size(&job->plan, i);
		if (!answer_group(job, i, count))
			return false;
	}
	return say_end(job, "asked");
}

static bool is_journaled(enum phase phase)
{
	return phase == PHASE_CHANGE || phase == PHASE_FINISH;
}

static enum ended take_group(struct job *job, size_t first, size_t count, bool *begun)
{
	autoarena struct arena *arena = arena_new();
	struct taking takings[TOGETHER_MAX];
	enum ended ended;

	group_init(takings, job, arena, first, count);
	if (is_journaled(job->plan.steps[first].phase) && !group_begin(job, takings, count, begun))
		return ENDED_ALONE;
	group_take(takings, count);
	ended = group_tell(takings, count);
	group_done(takings, count);
	return ended;
}

static enum ended put_back_step(struct job *job, size_t index)
{
	autoarena struct arena *arena = arena_new();
	struct taking taking = { .job = job, .index = index, .arena = arena, .back = true };

	if (!say_begin(&taking) || !wait_for_go(job, &taking, 1))
		return ENDED_ALONE;
	group_take(&taking, 1);
	return group_tell(&taking, 1);
}

/* Whoever puts back after a crash needs the rights that died with the worker before. */
static enum ended take_leases(struct job *job)
{
	enum ended ended = ENDED_WELL;

	for (size_t i = 0; i < job->plan.count && ended == ENDED_WELL; i++) {
		autoarena struct arena *arena = arena_new();
		struct taking taking = { .job = job, .index = i, .arena = arena, .back = true };

		if (job->plan.steps[i].kind != STEP_LEASE)
			continue;
		group_take(&taking, 1);
		ended = group_tell(&taking, 1);
	}
	return ended;
}

/* A tool's exit code proves nothing, in this direction neither: the reload that was refused
 * may well be refused again. What counts then is whether a probe behind it sees what was
 * there before. */
static bool put_back(struct job *job, const bool *begun)
{
	size_t last = job->plan.count;
	bool doubtful = false;

	while (last > 0 && !begun[last - 1])
		last--;
	for (size_t i = last; i-- > 0;) {
		const struct step *step = &job->plan.steps[i];
		enum ended ended;

		if (step->phase != PHASE_UNDO && !(begun[i] && step->kind == STEP_FILE))
			continue;
		ended = put_back_step(job, i);
		if (ended == ENDED_ALONE)
			return false;
		if (ended == ENDED_BADLY &&
				(step->kind != STEP_COMMAND || leases_lost(job->leases)))
			return say_end(job, "stuck");
		if (ended == ENDED_BADLY)
			doubtful = true;
		else if (step->kind == STEP_PROBE)
			doubtful = false;
	}
	return say_end(job, doubtful ? "stuck" : "undone");
}

static bool undo_later(struct job *job, const bool *begun)
{
	const enum ended ended = take_leases(job);

	job->again = true;
	if (ended == ENDED_ALONE)
		return false;
	return ended == ENDED_BADLY ? say_end(job, "stuck") : put_back(job, begun);
}

/* What was prepared died with the worker before. Whether the change could begin need not be
 * known any more: it has. */
static bool is_for_the_rest(const struct step *step, bool done)
{
	switch (step->phase) {
	case PHASE_PREPARE:
		return step->kind == STEP_MAKE || step->kind == STEP_LEASE;
	case PHASE_PROVE:
		return true;
	case PHASE_FINISH:
		return !done;
	case PHASE_ASK:
	case PHASE_CHANGE:
	case PHASE_UNDO:
		break;
	}
	return false;
}

/* `done`: NULL, or what is not to be taken again when the rest is finished. */
static bool is_to_take(const struct job *job, size_t index, const bool *done)
{
	const struct step *step = &job->plan.steps[index];

	if (done)
		return is_for_the_rest(step, done[index]);
	return step->phase != PHASE_ASK && step->phase != PHASE_UNDO;
}

/* As many of the group as are to be taken. */
static size_t size_to_take(const struct job *job, size_t first, const bool *done)
{
	const size_t size = group_size(&job->plan, first);
	size_t count = 1;

	while (count < size && is_to_take(job, first + count, done))
		count++;
	return count;
}

static bool has_begun(const bool *begun, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (begun[i])
			return true;
	return false;
}

/* Nothing that a product could have noticed: there is nothing to make it load, either. */
static bool nothing_was_changed(
		const struct job *job, size_t first, const bool *begun, enum ended ended)
{
	return ended == ENDED_UNTOUCHED && job->plan.steps[first].phase == PHASE_CHANGE &&
			!has_begun(begun, first);
}

static bool apply(struct job *job, bool *begun, const bool *done)
{
	size_t count;

	for (size_t i = 0; i < job->plan.count; i += count) {
		const enum phase phase = job->plan.steps[i].phase;
		enum ended ended;

		count = 1;
		if (!is_to_take(job, i, done))
			continue;
		count = size_to_take(job, i, done);
		ended = take_group(job, i, count, begun);
		if (ended == ENDED_ALONE)
			return false;
		if (nothing_was_changed(job, i, begun, ended))
			return say_end(job, "failed");
		if (ended != ENDED_WELL && leases_lost(job->leases))
			return say_end(job, "stuck");
		if (ended != ENDED_WELL && !done && (phase == PHASE_CHANGE || phase == PHASE_PROVE))
			return put_back(job, begun);
		if (ended != ENDED_WELL)
			return say_end(job, "failed");
		if (phase == PHASE_CHANGE)
			job->gap_ends = deadline_now() + job->plan.gap_budget_ms;
	}
	return say_end(job, "applied");
}

static bool finish(struct job *job, bool *begun, const bool *done, const struct record *work)
{
	job->again = true;
	job->gap_ends = deadline_now() + record_number(work, "left", 0);
	return apply(job, begun, done);
}

/* ---- reading the job ---- */

static bool read_numbers(const struct record *work, const char *field, size_t count, bool *listed,
		struct error *error)
{
	const struct words numbers = record_words(work, field);

	for (size_t i = 0; i < numbers.count; i++) {
		char *end;
		const unsigned long number = strtoul(numbers.items[i], &end, 10);

		if (*numbers.items[i] == '\0' || *end || number >= count)
			return fail(error, ERROR_INTERNAL, "the plan has no step %s",
					numbers.items[i]);
		listed[number] = true;
	}
	return true;
}

static bool is_job(const struct record *record)
{
	static const char *const jobs[] = { "ask", "apply", "finish", "undo" };

	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++)
		if (strcmp(record_word(record, 1), jobs[i]) == 0)
			return strcmp(record_word(record, 0), "work") == 0;
	return false;
}

/* The plan's text is what follows the first record: it starts at a line's start. */
static bool read_job(struct job *job, struct arena *arena, const struct message *message,
		const struct record **work, struct error *error)
{
	const char *plan = strstr(message->text, "\nplan ");
	struct records records;

	if (!plan)
		return fail(error, ERROR_INTERNAL, "a job without a plan");
	if (!records_read(arena,
			    arena_copy_bytes(arena, message->text,
					    (size_t)(plan + 1 - message->text)),
			    &records, error))
		return fail_while(error, "job");
	if (records.count != 1 || !is_job(records.items[0]))
		return fail(error, ERROR_INTERNAL, "not a job");
	if (!plan_read(arena, plan + 1, &job->plan, error))
		return false;

	*work = records.items[0];
	job->contents = contents_new(&job->plan);
	for (size_t i = 0; i < message->fd_count; i++)
		if (!contents_add(job->contents, message->fds[i], error))
			return false;
	return true;
}

static long long longest_deadline(const struct plan *plan)
{
	long long longest = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (deadline_length(&plan->steps[i]) > longest)
			longest = deadline_length(&plan->steps[i]);
	return longest;
}

static bool refuse(struct job *job, bool undo, const struct error *error)
{
	autoarena struct arena *arena = arena_new();

	return say(job,
			       record_new(arena, "failed", "0", "0", error_kind_name(error->kind),
					       error->text, undo ? "undo" : NULL, NULL)) &&
			say_end(job, undo ? "stuck" : "failed");
}

bool job_take(int controller, struct message *message, struct web *web,
		const struct allowance *allowance)
{
	static const char undo[] = "work undo";
	autoarena struct arena *arena = arena_new();
	struct job job = { .controller = controller,
		.web = web,
		.leases = leases_new(web),
		.writes = writes_new() };
	const struct record *work = NULL;
	struct error error;
	bool good, *begun = NULL, *done = NULL;

	good = read_job(&job, arena, message, &work, &error) &&
			allowance_covers(allowance, arena, &job.plan, &error);
	if (good) {
		leash_lengthen(longest_deadline(&job.plan));
		begun = arena_new_many(arena, bool, job.plan.count + 1);
		done = arena_new_many(arena, bool, job.plan.count + 1);
		good = read_numbers(work, "begun", job.plan.count, begun, &error) &&
				read_numbers(work, "done", job.plan.count, done, &error);
	}
	if (!good)
		good = refuse(&job, strncmp(message->text, undo, strlen(undo)) == 0, &error);
	else if (strcmp(record_word(work, 1), "ask") == 0)
		good = ask(&job);
	else if (strcmp(record_word(work, 1), "apply") == 0)
		good = apply(&job, begun, NULL);
	else if (strcmp(record_word(work, 1), "finish") == 0)
		good = finish(&job, begun, done, work);
	else
		good = undo_later(&job, begun);
	leases_free(job.leases);
	writes_free(job.writes);
	contents_free(job.contents);
	return good;
}
