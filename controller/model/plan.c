#include "controller/model/plan.h"

#include <assert.h>
#include <string.h>

#include "controller/base/names.h"

void plan_init(struct plan *plan, struct arena *arena, const char *target)
{
	*plan = (struct plan){ .arena = arena, .target = arena_copy(arena, target) };
}

struct words plan_in_service(const struct plan *plan, const char *target)
{
	return plan->in_service ? plan->in_service(plan->context, plan->arena, target)
				: (struct words){ 0 };
}

const char *plan_add_pins(const struct plan *plan, const char *pins, const char *target)
{
	const struct words known = plan_in_service(plan, target);

	for (size_t i = 0; i < known.count; i++)
		if (!pins || !strstr(pins, known.items[i]))
			pins = pins ? arena_printf(plan->arena, "%s %s", pins, known.items[i])
				    : known.items[i];
	return pins;
}

/* ---- building ---- */

static struct step *add(struct plan *plan, enum phase phase, enum step_kind kind, const char *text,
		const struct record *record)
{
	struct step *step;

	plan->steps = arena_with_room(
			plan->arena, plan->steps, plan->count, &plan->size, sizeof(*plan->steps));
	step = &plan->steps[plan->count++];
	*step = (struct step){ .phase = phase, .kind = kind, .record = record };
	step->text = arena_copy(plan->arena, text);
	return step;
}

struct step *plan_look(
		struct plan *plan, const char *name, const char *text, const struct look_step *look)
{
	struct step *step =
			add(plan, PHASE_ASK, STEP_LOOK, text, look_step_record(plan->arena, look));

	step->name = arena_copy(plan->arena, name);
	return step;
}

struct step *plan_make(struct plan *plan, const char *text, const struct make_step *make)
{
	return add(plan, PHASE_PREPARE, STEP_MAKE, text, make_step_record(plan->arena, make));
}

struct step *plan_file(
		struct plan *plan, enum phase phase, const char *text, const struct file_step *file)
{
	return add(plan, phase, STEP_FILE, text, file_step_record(plan->arena, file));
}

struct step *plan_command(struct plan *plan, enum phase phase, const char *text,
		const struct command_step *command)
{
	return add(plan, phase, STEP_COMMAND, text, command_step_record(plan->arena, command));
}

struct step *plan_http(
		struct plan *plan, enum phase phase, const char *text, const struct http_step *http)
{
	return add(plan, phase, STEP_HTTP, text, http_step_record(plan->arena, http));
}

struct step *plan_probe(struct plan *plan, enum phase phase, const char *text,
		const struct probe_step *probe)
{
	return add(plan, phase, STEP_PROBE, text, probe_step_record(plan->arena, probe));
}

struct step *plan_amend(struct plan *plan, enum phase phase, const char *text,
		const struct amend_step *amend)
{
	return add(plan, phase, STEP_AMEND, text, amend_step_record(plan->arena, amend));
}

struct step *plan_lease(struct plan *plan, const char *text, const struct lease_step *lease)
{
	return add(plan, PHASE_PREPARE, STEP_LEASE, text, lease_step_record(plan->arena, lease));
}

struct step *plan_ldap(
		struct plan *plan, enum phase phase, const char *text, const struct ldap_step *ldap)
{
	return add(plan, phase, STEP_LDAP, text, ldap_step_record(plan->arena, ldap));
}

/* A question is any step with a name for its answer. */
static struct step *named(struct plan *plan, struct step *step, const char *name)
{
	step->name = arena_copy(plan->arena, name);
	return step;
}

struct step *plan_ask_command(struct plan *plan, const char *name, const char *text,
		const struct command_step *command)
{
	return named(plan, plan_command(plan, PHASE_ASK, text, command), name);
}

struct step *plan_ask_http(
		struct plan *plan, const char *name, const char *text, const struct http_step *http)
{
	return named(plan, plan_http(plan, PHASE_ASK, text, http), name);
}

struct step *plan_ask_probe(struct plan *plan, const char *name, const char *text,
		const struct probe_step *probe)
{
	return named(plan, plan_probe(plan, PHASE_ASK, text, probe), name);
}

struct step *plan_ask_ldap(
		struct plan *plan, const char *name, const char *text, const struct ldap_step *ldap)
{
	return named(plan, plan_ldap(plan, PHASE_ASK, text, ldap), name);
}

/* ---- the text ---- */

static void print_step(struct arena *arena, const struct step *step, struct buffer *text)
{
	struct record *record = record_new(arena, phase_name(step->phase),
			step_kind_name(step->kind), step->text, NULL);

	if (step->name)
		record_add_text(arena, record, "name", step->name);
	for (size_t i = 0; i < step->record->field_count; i++)
		record_add(arena, record, step->record->fields[i].name,
				step->record->fields[i].values);
	if (step->together)
		record_add_number(arena, record, "together", step->together);
	if (step->disruption != DISRUPTION_NONE)
		record_add_text(arena, record, "disruption", disruption_name(step->disruption));
	if (step->deadline_ms)
		record_add_number(arena, record, "deadline", step->deadline_ms);
	buffer_add(text, "\n");
	record_print(record, text);
}

static void print_head(struct arena *arena, const struct plan *plan, struct buffer *text)
{
	struct record *head = record_new(arena, "plan", plan->target, plan->text, NULL);

	if (plan->credential)
		record_add_text(arena, head, "credential", plan->credential);
	if (plan->predecessor)
		record_add_text(arena, head, "predecessor", plan->predecessor);
	if (plan->follow_up)
		record_add_text(arena, head, "follow-up", plan->follow_up);
	if (plan->soak_ms)
		record_add_number(arena, head, "soak", plan->soak_ms);
	if (plan->gap_budget_ms)
		record_add_number(arena, head, "gap-budget", plan->gap_budget_ms);
	if (plan->forward_only)
		record_add_text(arena, head, "forward-only", "yes");
	if (plan->second_try)
		record_add_text(arena, head, "second-try", plan->second_try);
	if (plan->held)
		record_add_text(arena, head, "held", plan->held);
	record_print(head, text);
}

void plan_print(const struct plan *plan, struct buffer *text)
{
	autoarena struct arena *arena = arena_new();

	print_head(arena, plan, text);
	for (size_t i = 0; i < plan->count; i++)
		print_step(arena, &plan->steps[i], text);
}

static const char *const head_fields[] = { "credential", "predecessor", "follow-up", "soak",
	"gap-budget", "forward-only", "second-try", "held" };
static const char *const common_fields[] = { "name", "together", "disruption", "deadline" };

static bool read_head(const struct record *record, struct plan *plan, struct error *error)
{
	size_t index;

	for (size_t i = 0; i < record->field_count; i++)
		if (!NAME_FIND(head_fields, record->fields[i].name, &index))
			return fail(error, ERROR_INTERNAL, "plan for %s: plans have no %s",
					plan->target, record->fields[i].name);
	plan->text = record_word(record, 2);
	plan->credential = record_text(record, "credential");
	plan->predecessor = record_text(record, "predecessor");
	plan->follow_up = record_text(record, "follow-up");
	plan->soak_ms = record_number(record, "soak", 0);
	plan->gap_budget_ms = record_number(record, "gap-budget", 0);
	plan->forward_only = record_text(record, "forward-only") != NULL;
	plan->second_try = record_text(record, "second-try");
	plan->held = record_text(record, "held");
	return true;
}

static bool read_step(struct plan *plan, const struct record *record, struct error *error)
{
	const char *disruption = record_text(record, "disruption");
	struct record *rest = record_new(plan->arena, "", "", "", NULL);
	enum step_kind kind;
	enum phase phase;
	struct step *step;
	size_t index;

	if (record->words.count != 3 || !phase_read(record_word(record, 0), &phase) ||
			!step_kind_read(record_word(record, 1), &kind))
		return fail(error, ERROR_INTERNAL, "\"%s %s\" is not a step",
				record_word(record, 0), record_word(record, 1));

	step = add(plan, phase, kind, record_word(record, 2), rest);
	step->name = record_text(record, "name");
	step->together = (long)record_number(record, "together", 0);
	step->deadline_ms = (long)record_number(record, "deadline", 0);
	if (disruption && !disruption_read(disruption, &step->disruption))
		return fail(error, ERROR_INTERNAL, "unknown disruption \"%s\"", disruption);
	for (size_t i = 0; i < record->field_count; i++)
		if (!NAME_FIND(common_fields, record->fields[i].name, &index))
			record_add(plan->arena, rest, record->fields[i].name,
					record->fields[i].values);
	return true;
}

bool plan_read(struct arena *arena, const char *text, struct plan *plan, struct error *error)
{
	struct records records;
	struct plan found;

	if (!records_read(arena, text, &records, error))
		return fail_while(error, "plan");
	if (records.count == 0 || strcmp(record_word(records.items[0], 0), "plan") != 0)
		return fail(error, ERROR_INTERNAL, "not a plan");

	plan_init(&found, arena, record_word(records.items[0], 1));
	if (!read_head(records.items[0], &found, error))
		return false;
	for (size_t i = 1; i < records.count; i++)
		if (!read_step(&found, records.items[i], error))
			return fail_while(error, "plan for %s: step %zu", found.target, i);
	if (!plan_check(&found, error))
		return false;
	*plan = found;
	return true;
}

static bool check_step(const struct plan *plan, const struct step *step, struct error *error)
{
	for (size_t i = 0; i < step->record->field_count; i++)
		if (!step_field_known(step->kind, step->record->fields[i].name))
			return fail(error, ERROR_INTERNAL, "%s steps have no %s",
					step_kind_name(step->kind), step->record->fields[i].name);
	if ((step->phase == PHASE_ASK) != (step->name != NULL))
		return fail(error, ERROR_INTERNAL, "a question, and only a question, has a name");
	if (step->phase == PHASE_ASK && step->kind == STEP_AMEND)
		return fail(error, ERROR_INTERNAL, "a question changes nothing");
	if (step->phase != PHASE_PREPARE && step->kind == STEP_LEASE)
		return fail(error, ERROR_INTERNAL, "a lease is taken in prepare");
	if (step->phase != PHASE_ASK && !plan->credential)
		return fail(error, ERROR_INTERNAL, "a change without a credential");
	return true;
}

static bool check_head(const struct plan *plan, struct error *error)
{
	if (plan->soak_ms < 0 || plan->gap_budget_ms < 0)
		return fail(error, ERROR_INTERNAL, "a time below zero");
	if (plan->soak_ms > 0 && !plan->follow_up)
		return fail(error, ERROR_INTERNAL, "a soak, and nothing that is to follow it");
	if (plan->follow_up && plan->second_try)
		return fail(error, ERROR_INTERNAL, "a follow-up with a second try");
	if (plan->follow_up && !*plan->follow_up)
		return fail(error, ERROR_INTERNAL, "a follow-up that does not say what it is");
	return true;
}

bool plan_check(const struct plan *plan, struct error *error)
{
	enum phase reached = PHASE_ASK;

	if (!check_head(plan, error))
		return fail_while(error, "plan for %s", plan->target);
	if (plan->count > PLAN_STEPS_MAX)
		return fail(error, ERROR_INTERNAL, "plan for %s: more than %d steps", plan->target,
				PLAN_STEPS_MAX);
	for (size_t i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];

		if (!check_step(plan, step, error))
			return fail_while(error, "plan for %s: \"%s\"", plan->target, step->text);
		if (step->phase == PHASE_UNDO)
			continue;
		if (step->phase < reached)
			return fail(error, ERROR_INTERNAL, "plan for %s: \"%s\" comes too late",
					plan->target, step->text);
		reached = step->phase;
	}
	return true;
}

/* ---- answers ---- */

static size_t place_of(const struct answers *seen, const char *name)
{
	const struct record *told = answer(seen, name);
	size_t place = 0;

	while (place < seen->records.count && seen->records.items[place] != told)
		place++;
	return place;
}

static void take_out(struct answers *seen, size_t place)
{
	struct records *records = &seen->records;

	for (size_t i = place + 1; i < records->count; i++)
		records->items[i - 1] = records->items[i];
	if (place < records->count)
		records->count--;
}

void answers_add(struct answers *seen, const struct record *answer)
{
	const char *name = record_word(answer, 1);
	struct record *copy = record_new(seen->arena, "answer", name, NULL);

	for (size_t i = 0; i < answer->field_count; i++)
		record_add(seen->arena, copy, answer->fields[i].name, answer->fields[i].values);
	take_out(seen, place_of(seen, name));
	records_append(seen->arena, &seen->records, copy);
}

const struct record *answer(const struct answers *seen, const char *name)
{
	return records_find(&seen->records, "answer", name);
}

bool answer_is_later(const struct answers *seen, const char *name, const char *other)
{
	return answer(seen, name) && place_of(seen, name) > place_of(seen, other);
}

bool answers_all_serve(const struct answers *seen, struct words questions, const char *fingerprint)
{
	for (size_t i = 0; i < questions.count; i++) {
		const struct record *told = answer(seen, questions.items[i]);
		const struct rows served = record_rows(seen->arena, told, "served");

		if (served.count == 0 || record_text(told, "failed"))
			return false;
		for (size_t j = 0; j < served.count; j++)
			if (!text_equal(served.items[j].items[1], fingerprint))
				return false;
	}
	return true;
}
