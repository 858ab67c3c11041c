/* Restarting openGauss. With the deployed passphrase the new certificate is in service without it,
 * read by each connection; what keeps one context for the whole process (the connections between the
 * nodes) still has the old one until then. */
#include "reconcilers/opengauss/opengauss.h"

#include <string.h>

static void add(const struct target *target, enum phase phase, const char *text,
		const struct command_step *command, struct plan *plan)
{
	struct step *step = plan_command(plan, phase, text, command);

	step->disruption = DISRUPTION_RESTART;
	/* The tool's own time-out comes first, and then it takes some time to say so. */
	step->deadline_ms = (long)setting_number(target->settings, "restart-timeout") + 60000;
}

static const char *timeout(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "--time-out=%lld",
			setting_number(target->settings, "restart-timeout") / 1000);
}

/* What was not stopped or started may be told in passing, with exit code 0: so the words count. */
static struct command_step stop(struct arena *arena, const struct target *target, const char *node)
{
	struct command_step command = opengauss_tool(arena, target, "gs_om", "-t", "stop",
			timeout(arena, target), node ? "-h" : NULL, node, NULL);

	command.expect = opengauss_word(arena, "Successfully stopped");
	command.refuse = opengauss_word(arena, "Failed to");
	return command;
}

static struct command_step start(struct arena *arena, const struct target *target, const char *node)
{
	struct command_step command = opengauss_tool(arena, target, "gs_om", "-t", "start",
			timeout(arena, target), node ? "-h" : NULL, node, NULL);

	command.expect = opengauss_word(arena, "Successfully started");
	command.refuse = opengauss_word(arena, "Failed to");
	return command;
}

static struct command_step restart_lite(struct arena *arena, const struct target *target)
{
	struct command_step command = opengauss_tool(arena, target, "gs_ctl", "restart", "-D",
			setting_text(target->settings, "data"), "-m", "fast", NULL);

	command.expect = opengauss_word(arena, "server started");
	return command;
}

static void add_node(const struct target *target, const char *node, struct plan *plan)
{
	const struct command_step stopping = stop(plan->arena, target, node);
	const struct command_step starting = start(plan->arena, target, node);
	const char *what = node ? node : "the cluster";

	add(target, PHASE_CHANGE, arena_printf(plan->arena, "stop %s", what), &stopping, plan);
	add(target, PHASE_CHANGE, arena_printf(plan->arena, "start %s", what), &starting, plan);
}

/* The picks of the question about the cluster. */
static bool is_rolling(const struct target *target, struct words nodes, struct words roles)
{
	return nodes.count > 1 && nodes.count == roles.count && words_contain(roles, "Primary") &&
			!setting_flag(target->settings, "local");
}

static void add_nodes(const struct target *target, struct words nodes, struct words roles,
		bool primary, struct plan *plan)
{
	for (size_t i = 0; i < nodes.count; i++) {
		if ((strcmp(roles.items[i], "Primary") == 0) != primary)
			continue;
		add_node(target, nodes.items[i], plan);
		opengauss_add_state(target, PHASE_CHANGE, true, plan);
	}
}

static void add_cluster(const struct target *target, const struct answers *seen, struct plan *plan)
{
	const struct words nodes = record_words(answer(seen, "cluster"), "node");
	const struct words roles = record_words(answer(seen, "cluster"), "role");

	if (is_rolling(target, nodes, roles)) {
		add_nodes(target, nodes, roles, false, plan);
		add_nodes(target, nodes, roles, true, plan);
		return;
	}
	add_node(target, NULL, plan);
	opengauss_add_state(target, PHASE_CHANGE, true, plan);
}

void opengauss_add_restart(
		const struct target *target, const struct answers *seen, struct plan *plan)
{
	const struct command_step lite = restart_lite(plan->arena, target);

	if (opengauss_is_lite(target))
		add(target, PHASE_CHANGE, "restart the server", &lite, plan);
	else
		add_cluster(target, seen, plan);
}

void opengauss_add_restart_back(const struct target *target, struct plan *plan)
{
	const struct command_step lite = restart_lite(plan->arena, target);
	const struct command_step stopping = stop(plan->arena, target, NULL);
	const struct command_step starting = start(plan->arena, target, NULL);

	if (opengauss_is_lite(target)) {
		add(target, PHASE_UNDO, "restart the server with the old files", &lite, plan);
		return;
	}
	add(target, PHASE_UNDO, "start the cluster with the old files", &starting, plan);
	add(target, PHASE_UNDO, "stop the cluster", &stopping, plan);
}

void opengauss_add_start_back(const struct target *target, struct plan *plan)
{
	const struct command_step lite = restart_lite(plan->arena, target);
	const struct command_step starting = start(plan->arena, target, NULL);

	if (opengauss_is_lite(target))
		add(target, PHASE_UNDO, "restart the server again", &lite, plan);
	else
		add(target, PHASE_UNDO, "start the nodes that are stopped", &starting, plan);
}
