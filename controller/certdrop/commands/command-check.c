#include "controller/certdrop/commands/command.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "controller/base/arena.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/config/surroundings.h"
#include "controller/certdrop/present/document.h"
#include "controller/certdrop/present/present.h"
#include "reconcilers/reconciler.h"

const char *command_config_path(const struct invocation *invocation)
{
	return invocation->config_path ? invocation->config_path : "/etc/certdrop/certdrop.conf";
}

struct config *command_config(const struct invocation *invocation)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	struct config *config = NULL;

	if (config_load(command_config_path(invocation), &config, &mistakes))
		return config;
	(void)fputs(buffer_text(&mistakes), stderr);
	return NULL;
}

static json_t *target_document(const struct target *target)
{
	const struct profile *profile = target->reconciler->profiles;
	json_t *profiles = json_array();

	for (; profile && profile->name; profile++)
		json_array_append_new(profiles, document_text(profile->name));
	return json_pack("{s:s, s:s, s:o}", "target", target->name, "product",
			target->reconciler->product, "profiles", profiles);
}

/* Lines as a list of strings. */
static json_t *lines_document(const struct buffer *lines)
{
	autoarena struct arena *arena = arena_new();
	json_t *list = json_array();

	for (const char *at = buffer_text(lines); *at;) {
		const size_t length = strcspn(at, "\n");

		json_array_append_new(list, document_text(arena_copy_bytes(arena, at, length)));
		at += length + (at[length] == '\n');
	}
	return list;
}

/* `config` is NULL where there are mistakes. */
static void print_document(const char *path, const struct config *config,
		const struct buffer *mistakes, const struct buffer *lacks)
{
	autodone(buffer) struct buffer text = { 0 };
	json_t *targets = json_array(), *document;

	for (size_t i = 0; config && i < config->target_count; i++)
		json_array_append_new(targets, target_document(&config->targets[i]));
	document = json_pack("{s:o, s:b, s:o, s:o, s:o}", "configuration", document_text(path),
			"sound", config != NULL, "mistakes", lines_document(mistakes), "warnings",
			lines_document(lacks), "targets", targets);
	present_json(document, &text);
	json_decref(document);
	(void)fputs(buffer_text(&text), stdout);
}

int command_check(const struct invocation *invocation)
{
	autodone(buffer) struct buffer mistakes = { 0 }, lacks = { 0 };
	const char *path = command_config_path(invocation);
	autoconfig struct config *config = NULL;

	if (config_load(path, &config, &mistakes))
		(void)surroundings_lack(config, &lacks);
	if (invocation->json) {
		print_document(config ? config->path : path, config, &mistakes, &lacks);
		return config ? 0 : 1;
	}
	(void)fputs(buffer_text(&mistakes), stderr);
	(void)fputs(buffer_text(&lacks), stderr);
	if (!config)
		return 1;
	(void)printf("%s: sound, %zu target%s\n", config->path, config->target_count,
			config->target_count == 1 ? "" : "s");
	return 0;
}
