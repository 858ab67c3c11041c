/*
 * Golden plans: one folder a case, tests/plans/PRODUCT/CASE, with
 *
 *         target.conf   a configuration, of which the first target counts
 *         credential    the facts of what is wanted, or empty: nothing is planned then
 *         predecessor   its digest (only where the file is there)
 *         answers       what the questions brought back
 *         plan          the plan's text; or "error: ..." ; empty: nothing to do
 *         in-service    a record for each target that others are told about: its name, and fingerprints
 *                       (only where the file is there)
 *         questions     what ask() asks (only where the file is there)
 *         warning       what is told of it besides; empty: nothing (only where the file is there)
 *
 * With UPDATE_PLANS set in the environment, what comes out is written instead of compared.
 */

#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/config/config.h"
#include "controller/model/plan.h"
#include "reconcilers/reconciler.h"

static const char *plans_directory;

struct plan_case {
	struct arena *arena;
	const char *path;
	struct config *config;
	const struct target *target;
};

static const char *read_text(const struct plan_case *c, const char *name)
{
	autodone(buffer) struct buffer text = { 0 };
	struct error error;

	if (!file_read(AT_FDCWD, arena_printf(c->arena, "%s/%s", c->path, name), 1 << 20, &text,
			    &error))
		return NULL;
	return arena_copy(c->arena, buffer_text(&text));
}

static void compare(const struct plan_case *c, const char *name, const char *text)
{
	const char *expected = read_text(c, name);

	if (getenv("UPDATE_PLANS")) {
		FILE *file = fopen(arena_printf(c->arena, "%s/%s", c->path, name), "w");

		assert_non_null(file);
		(void)fputs(text, file);
		(void)fclose(file);
		return;
	}
	if (!expected || strcmp(expected, text) != 0)
		print_error("%s/%s: what came out is\n%s\n", c->path, name, text);
	assert_non_null(expected);
	assert_string_equal(text, expected);
}

/* What the controller would look up. */
static struct words in_service(const void *context, struct arena *arena, const char *target)
{
	const struct plan_case *c = context;
	const char *text = read_text(c, "in-service");
	struct records records;
	struct error error;

	if (!text)
		return (struct words){ 0 };
	assert_true(records_read(arena, text, &records, &error));
	for (size_t i = 0; i < records.count; i++)
		if (strcmp(record_word(records.items[i], 0), target) == 0)
			return (struct words){ records.items[i]->words.items + 1,
				records.items[i]->words.count - 1 };
	return (struct words){ 0 };
}

static void check_questions(const struct plan_case *c)
{
	autodone(buffer) struct buffer text = { 0 };
	struct plan questions;
	struct error error;

	if (!read_text(c, "questions"))
		return;
	plan_init(&questions, c->arena, c->target->name);
	questions.in_service = in_service;
	questions.context = c;
	c->target->reconciler->ask(c->target, &questions);
	assert_true(plan_check(&questions, &error));
	plan_print(&questions, &text);
	compare(c, "questions", buffer_text(&text));
}

static void check_warning(const struct plan_case *c, const struct answers *seen)
{
	const struct answers none = { .arena = c->arena };
	const char *warning = NULL;

	if (c->target->reconciler->warn)
		assert_null(c->target->reconciler->warn(c->target, &none));
	if (!read_text(c, "warning"))
		return;
	if (c->target->reconciler->warn)
		warning = c->target->reconciler->warn(c->target, seen);
	compare(c, "warning", warning ? arena_printf(c->arena, "%s\n", warning) : "");
}

static void check_plan(const struct plan_case *c)
{
	struct answers seen = { .arena = c->arena };
	autodone(buffer) struct buffer text = { 0 };
	struct credential wanted;
	struct records facts;
	struct plan plan;
	struct error error;

	assert_true(records_read(c->arena, read_text(c, "credential"), &facts, &error));
	assert_true(records_read(c->arena, read_text(c, "answers"), &seen.records, &error));
	assert_true(credential_read(c->arena, facts.items[0], &wanted, &error));
	plan_init(&plan, c->arena, c->target->name);
	plan.in_service = in_service;
	plan.context = c;
	plan.text = "put it into service";
	plan.credential = wanted.digest;
	plan.predecessor = read_text(c, "predecessor");
	if (!c->target->reconciler->plan(c->target, &wanted, &seen, &plan, &error)) {
		buffer_printf(&text, "error: %s: %s\n", error_kind_name(error.kind), error.text);
	} else if (plan.count > 0) {
		assert_true(plan_check(&plan, &error));
		plan_print(&plan, &text);
	}
	compare(c, "plan", buffer_text(&text));
	check_warning(c, &seen);
}

static void the_plan_is_the_golden_one(void **state)
{
	struct plan_case c = { .path = *state, .arena = arena_new() };
	autodone(buffer) struct buffer mistakes = { 0 };

	if (!config_load(arena_printf(c.arena, "%s/target.conf", c.path), &c.config, &mistakes))
		fail_msg("%s", buffer_text(&mistakes));
	c.target = &c.config->targets[0];
	check_questions(&c);
	check_plan(&c);
	config_free(c.config);
	arena_free(c.arena);
}

/* ---- one test for each folder ---- */

enum { CASES_MAX = 200 };

static size_t add_cases(
		struct arena *arena, const char *product, struct CMUnitTest *tests, size_t count)
{
	const char *path = arena_printf(arena, "%s/%s", plans_directory, product);
	DIR *cases = opendir(path);
	const struct dirent *entry;

	while (cases && (entry = readdir(cases)) && count < CASES_MAX) {
		if (*entry->d_name == '.')
			continue;
		tests[count++] = (struct CMUnitTest){
			.name = arena_printf(arena, "%s/%s", product, entry->d_name),
			.test_func = the_plan_is_the_golden_one,
			.initial_state = arena_printf(arena, "%s/%s", path, entry->d_name),
		};
	}
	if (cases)
		(void)closedir(cases);
	return count;
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[CASES_MAX];
	struct arena *arena = arena_new();
	size_t count = 0;
	int failed;

	plans_directory = argc > 1 ? argv[1] : "tests/plans";
	for (const struct reconciler *const *r = reconcilers; *r; r++)
		count = add_cases(arena, (*r)->product, tests, count);
	failed = _cmocka_run_group_tests("plans", tests, count, NULL, NULL);
	arena_free(arena);
	return count == 0 ? 1 : failed;
}
