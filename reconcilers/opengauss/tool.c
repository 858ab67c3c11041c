/* gs_om, gs_ctl: what they are called with, and what of their answers is believed. */
#include "reconcilers/opengauss/opengauss.h"

#include <stdarg.h>
#include <string.h>

enum { WORDS_MAX = 16, POLL_MS = 1000, QUESTION_MS = 60000 };

/* The profile is a shell script, so a shell has to read it; what is run then comes as arguments, and
 * no shell looks at them. What it ends with says nothing: gs_om reads it like that, too. Its local
 * backups hold the old private key and get the mode that the umask leaves. */
static const char with_profile[] = "umask 077; . \"$0\"; exec \"$@\"";

struct command_step opengauss_tool(
		struct arena *arena, const struct target *target, const char *word, ...)
{
	const struct words runner = setting_words(target->settings, "runner");
	const char **words = arena_new_many(arena, const char *, runner.count + WORDS_MAX);
	struct command_step command = {
		.user = setting_text(target->settings, "user"),
		.tool = word,
	};
	const size_t most = runner.count + WORDS_MAX;
	size_t count = 0;
	va_list more;

	/* It becomes that user by itself. */
	if (runner.count > 0)
		command.user = NULL;
	for (size_t i = 0; i < runner.count; i++)
		words[count++] = runner.items[i];
	words[count++] = "/bin/bash";
	words[count++] = "-c";
	words[count++] = with_profile;
	words[count++] = setting_text(target->settings, "profile");
	va_start(more, word);
	for (; word && count < most; word = va_arg(more, const char *))
		words[count++] = word;
	va_end(more);
	command.argv = (struct words){ .items = words, .count = count };
	return command;
}

struct words opengauss_word(struct arena *arena, const char *word)
{
	const char **words = arena_new_of(arena, const char *);

	words[0] = word;
	return (struct words){ .items = words, .count = 1 };
}

long opengauss_question_ms(const struct target *target)
{
	const long tool_ms = (long)setting_number(target->settings, "tool-deadline");

	return tool_ms < QUESTION_MS ? tool_ms : QUESTION_MS;
}

static void add(const struct target *target, enum phase phase, const char *text,
		const struct command_step *command, struct plan *plan)
{
	plan_command(plan, phase, text, command)->deadline_ms =
			(long)setting_number(target->settings, "tool-deadline");
}

/* Its directory for unpacking has a fixed name, so two runs at a time destroy each other. */
static const char *lock_path(struct arena *arena, const struct target *target)
{
	return arena_printf(arena, "%s.lock", opengauss_package_place(arena, target));
}

/* ---- certificates ---- */

void opengauss_add_replacement(const struct target *target, struct plan *plan)
{
	const bool local = setting_flag(target->settings, "local");
	/* One word: with a blank behind the sign, as the manual prints it, it is refused. */
	const char *file = arena_printf(
			plan->arena, "--cert-file=%s", opengauss_package_file(plan->arena, target));
	struct command_step command = opengauss_tool(plan->arena, target, "gs_om", "-t", "cert",
			file, local ? "-L" : NULL, NULL);

	command.expect = opengauss_word(plan->arena,
			local ? "Replace SSL cert files with local mode successfully"
			      : "Successfully distributed cert files on all nodes");
	command.lock = lock_path(plan->arena, target);
	add(target, PHASE_CHANGE, "have gs_om install the package", &command, plan);
}

/* On this node. Without one the local rollback deletes what it would replace, and reports success;
 * the cluster-wide one looks at the data directories of all nodes by itself. */
static struct words backups(struct arena *arena, const struct target *target)
{
	static const char name[] = "gsql_cert_backup.tar.gz";
	static const char *const components[] = { "om", "cm", "dss" };
	const size_t count = sizeof(components) / sizeof(*components);
	const char *home = setting_text(target->settings, "home");
	const char **paths = arena_new_many(arena, const char *, count + 1);

	paths[0] = arena_printf(arena, "%s/%s", setting_text(target->settings, "data"), name);
	for (size_t i = 0; i < count; i++)
		paths[i + 1] = arena_printf(
				arena, "%s/share/sslcert/%s?%s", home, components[i], name);
	return (struct words){ .items = paths, .count = count + 1 };
}

/* gs_om has the flag since a replacement failed, and makes no new backup until one succeeds. */
static bool has_flag(const struct answers *seen)
{
	const char *state = record_text(answer(seen, "flag"), "state");

	return state && strcmp(state, "nothing") != 0;
}

void opengauss_add_rollback(
		const struct target *target, const struct answers *seen, struct plan *plan)
{
	const bool local = setting_flag(target->settings, "local");
	struct command_step command = opengauss_tool(plan->arena, target, "gs_om", "-t", "cert",
			"--rollback", local ? "-L" : NULL, NULL);

	command.needs = backups(plan->arena, target);
	/* A run that failed before it made a backup has changed nothing, and the backup that is there
	 * may be that of the replacement before. */
	if (!has_flag(seen))
		command.since = opengauss_since_place(plan->arena, target);
	command.expect = opengauss_word(plan->arena,
			local ? "Successfully rollback SSL cert files with local mode"
			      : "Successfully rollback SSL cert files");
	command.lock = lock_path(plan->arena, target);
	add(target, PHASE_UNDO,
			has_flag(seen) ? "have gs_om go back to its last good backup, from before a "
					 "replacement that failed"
				       : "have gs_om go back to its backup",
			&command, plan);
}

/* ---- state ---- */

/* Exit codes tell nothing: gs_om ends with 0 for a cluster that is down, too. */
void opengauss_add_state(
		const struct target *target, enum phase phase, bool wait, struct plan *plan)
{
	static const char *const normal[] = { "cluster_state   : Normal", "cluster_state: Normal" };
	const char *data = setting_text(target->settings, "data");
	struct command_step command;

	if (opengauss_is_lite(target)) {
		command = opengauss_tool(plan->arena, target, "gs_ctl", "status", "-D", data, NULL);
		command.expect = opengauss_word(plan->arena, "server is running");
	} else {
		command = opengauss_tool(
				plan->arena, target, "gs_om", "-t", "status", "--detail", NULL);
		command.expect = (struct words){ .items = (const char **)(size_t)normal,
			.count = 2 };
	}
	command.poll_ms = wait ? POLL_MS : 0;
	if (wait)
		add(target, phase, "wait until the cluster is normal", &command, plan);
	else
		plan_command(plan, phase, "see that the cluster is normal", &command)->deadline_ms =
				opengauss_question_ms(target);
}
