#include "controller/certdrop/commands/command.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "controller/certdrop/clock.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/generate/deposit.h"
#include "controller/certdrop/generate/mint.h"
#include "controller/certdrop/present/date.h"
#include "controller/certdrop/present/present.h"
#include "reconcilers/reconciler.h"

enum { ID_LENGTH = 12 };

/* What is to be made, for whom. */
struct task {
	struct arena *arena;
	const struct config *config;
	const struct target *target;
	const struct profile *profile;
	const char *directory;
	enum mint_kind kind;
	struct order order;
};

/* ---- what is asked for ---- */

static const char *list_profiles(struct arena *arena, const struct profile *profiles)
{
	const char *list = NULL;

	for (; profiles && profiles->name; profiles++)
		list = list ? arena_printf(arena, "%s, %s", list, profiles->name) : profiles->name;
	return list;
}

static bool find_profile(struct task *task, const char *name, struct error *error)
{
	const struct reconciler *reconciler = task->target->reconciler;
	const char *list = list_profiles(task->arena, reconciler->profiles);

	task->profile = profile_find(reconciler->profiles, name);
	if (task->profile)
		return true;
	if (!list)
		return fail(error, ERROR_CONFIG, "nothing can be generated for product %s",
				reconciler->product);
	return fail(error, ERROR_CONFIG, "product %s has no profile \"%s\"; it has: %s",
			reconciler->product, name, list);
}

static bool find_directory(struct task *task, struct error *error)
{
	const char *drop = target_drop(task->target);

	if (!drop)
		return fail(error, ERROR_CONFIG,
				"it has no drop: its certificates come from %s, where nothing is "
				"ever written",
				setting_text(task->target->settings, "source"));
	task->directory = arena_printf(task->arena, "%s/%s", task->config->drop, drop);
	return true;
}

static bool read_task(struct task *task, const struct invocation *invocation, struct error *error)
{
	task->kind = invocation->request ? MINT_REQUEST : MINT_SELF_SIGNED;
	if (!find_profile(task, invocation->arguments[0], error) || !find_directory(task, error))
		return false;
	clock_set_policy(task->config->clock);
	if (task->kind == MINT_SELF_SIGNED && !clock_trusted())
		return fail(error, ERROR_RETRY,
				"the clock cannot be right, and the certificate's dates neither");
	if (task->kind == MINT_SELF_SIGNED && profile_needs_issuer(task->arena, task->target))
		return fail(error, ERROR_CONFIG,
				"it takes no self-signed certificates; with --request there is a "
				"request instead, for an authority to sign");
	return profile_order(task->arena, task->profile, task->target, &task->order, error);
}

/* ---- what is made ---- */

/* One file with both, or a key and a request that is to leave the machine. */
static bool put(const struct task *task, const struct minted *minted, const char **file,
		const char **request, struct error *error)
{
	autodone(secret) struct secret both = { 0 };
	autodone(deposit) struct deposit deposit = { .directory = -1 };
	const char *stem = arena_printf(task->arena, "%s-%.*s", task->profile->name, ID_LENGTH,
			minted->key_fingerprint.hex);

	secret_append(&both, minted->key.bytes, minted->key.length);
	*file = arena_printf(
			task->arena, "%s.%s", stem, task->kind == MINT_REQUEST ? "key" : "pem");
	*request = task->kind == MINT_REQUEST ? arena_printf(task->arena, "%s.csr", stem) : NULL;
	if (task->kind == MINT_SELF_SIGNED)
		secret_append(&both, minted->document.bytes, minted->document.length);
	if (!deposit_open(task->directory, task->config->state, &deposit, error) ||
			!deposit_put(&deposit, *file, both.bytes, both.length, error))
		return false;
	return !*request ||
			deposit_put(&deposit, *request, minted->document.bytes,
					minted->document.length, error);
}

static json_t *path_of(const struct task *task, const char *name)
{
	return name ? json_sprintf("%s/%s", task->directory, name) : json_null();
}

static json_t *document_of(const struct task *task, const struct minted *minted, const char *file,
		const char *request)
{
	const bool signed_here = task->kind == MINT_SELF_SIGNED;

	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "target", task->target->name,
			"profile", task->profile->name, "file", path_of(task, file), "request",
			path_of(task, request), "key", task->order.key, "subject",
			json_sprintf("CN=%s", task->order.common_name), "fingerprint",
			signed_here ? json_string(minted->fingerprint.hex) : json_null(),
			"not_after",
			signed_here ? json_string(date_print(minted->not_after).text)
				    : json_null());
}

static void print(const struct invocation *invocation, const json_t *document)
{
	const struct style style = style_of(STDOUT_FILENO);
	autodone(buffer) struct buffer text = { 0 };

	if (invocation->json)
		present_json(document, &text);
	else
		present_generated(document, &style, &text);
	(void)fputs(buffer_text(&text), stdout);
}

static bool generate(struct task *task, const struct invocation *invocation, struct error *error)
{
	autodone(minted) struct minted minted = { 0 };
	const char *file, *request;
	json_t *document;

	if (!read_task(task, invocation, error) ||
			!mint(&task->order, task->kind, clock_now(), &minted, error) ||
			!put(task, &minted, &file, &request, error))
		return false;
	document = document_of(task, &minted, file, request);
	print(invocation, document);
	json_decref(document);
	return true;
}

int command_generate(const struct invocation *invocation)
{
	autoconfig struct config *config = NULL;
	autoarena struct arena *arena = arena_new();
	struct task task = { .arena = arena };
	struct error error;

	if (!invocation->for_target) {
		(void)fprintf(stderr, "certdrop: generate needs --for TARGET\n");
		return 1;
	}
	config = command_config(invocation);
	if (!config)
		return 1;
	task.config = config;
	task.target = config_find(config, invocation->for_target);
	if (!task.target) {
		(void)fprintf(stderr, "certdrop: there is no target \"%s\"\n",
				invocation->for_target);
		return 1;
	}
	if (generate(&task, invocation, &error))
		return 0;
	(void)fprintf(stderr, "certdrop: target %s: %s\n", task.target->name, error.text);
	return 1;
}
