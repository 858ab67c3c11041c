/* A plan that is accepted prints as a plan that is accepted, and as the same text from then on. Its
 * steps are read to the last member. */
#include <assert.h>
#include <string.h>

#include "controller/model/plan.h"
#include "tests/fuzz/fuzzing.h"

static void read_step(struct arena *arena, const struct step *step)
{
	union {
		struct look_step look;
		struct file_step file;
		struct make_step make;
		struct command_step command;
		struct http_step http;
		struct probe_step probe;
		struct amend_step amend;
		struct lease_step lease;
		struct ldap_step ldap;
	} as;

	switch (step->kind) {
	case STEP_LOOK:
		look_step_read(arena, step, &as.look);
		break;
	case STEP_FILE:
		file_step_read(arena, step, &as.file);
		break;
	case STEP_MAKE:
		make_step_read(arena, step, &as.make);
		break;
	case STEP_COMMAND:
		command_step_read(arena, step, &as.command);
		break;
	case STEP_HTTP:
		http_step_read(arena, step, &as.http);
		break;
	case STEP_PROBE:
		probe_step_read(arena, step, &as.probe);
		break;
	case STEP_AMEND:
		amend_step_read(arena, step, &as.amend);
		break;
	case STEP_LEASE:
		lease_step_read(arena, step, &as.lease);
		break;
	case STEP_LDAP:
		ldap_step_read(arena, step, &as.ldap);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena *arena = arena_new();
	const char *text = arena_copy_bytes(arena, bytes, length);
	autodone(buffer) struct buffer once = { 0 }, twice = { 0 };
	struct plan plan, again;
	struct error error;

	if (!plan_read(arena, text, &plan, &error))
		return 0;
	for (size_t i = 0; i < plan.count; i++)
		read_step(arena, &plan.steps[i]);
	plan_print(&plan, &once);
	assert(plan_read(arena, buffer_text(&once), &again, &error));
	plan_print(&again, &twice);
	assert(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
	return 0;
}
