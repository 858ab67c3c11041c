/* A configuration is taken or all its mistakes are told, one a line and none of them empty; nothing
 * in between. */
#define _GNU_SOURCE
#include <assert.h>
#include <string.h>

#include "controller/certdrop/config/config.h"
#include "controller/certdrop/pass/windows.h"
#include "reconcilers/reconciler.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/scratch.h"

static void check_mistakes(const struct buffer *mistakes)
{
	assert(mistakes->length > 0 && mistakes->bytes[mistakes->length - 1] == '\n');
	assert(mistakes->bytes[0] == '/' && !strstr(mistakes->bytes, "\n\n"));
}

/* What a sound configuration asks of those who read it. */
static void use(const struct config *config)
{
	for (size_t i = 0; i < config->target_count; i++) {
		autoarena struct arena *arena = arena_new();
		const struct target *target = &config->targets[i];
		const struct windows windows = windows_of(arena, target);
		struct plan plan;
		struct error error;

		assert(config_find(config, target->name) == target);
		for (int kind = DISRUPTION_NONE; kind <= DISRUPTION_REMOTE; kind++)
			(void)windows_next(&windows, 1U << kind, 1795244400, 60);
		plan_init(&plan, arena, target->name);
		target->reconciler->ask(target, &plan);
		assert(plan_check(&plan, &error));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	struct config *config = NULL;

	/* Whatever file it would lead to is not part of the input. */
	if (length == 0 || memmem(bytes, length, "@include", 8))
		return 0;
	if (!config_load(scratch_write("certdrop.conf", bytes, length), &config, &mistakes)) {
		check_mistakes(&mistakes);
		return 0;
	}
	assert(mistakes.length == 0);
	use(config);
	config_free(config);
	return 0;
}
