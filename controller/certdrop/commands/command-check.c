#include "controller/certdrop/commands/command.h"

#include <jansson.h>
#include <stdio.h>

#include "controller/certdrop/config/config.h"
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

static void print_document(const struct config *config)
{
	autodone(buffer) struct buffer text = { 0 };
	json_t *targets = json_array(), *document;

	for (size_t i = 0; i < config->target_count; i++)
		json_array_append_new(targets, target_document(&config->targets[i]));
	document = json_pack("{s:o, s:o}", "configuration", document_text(config->path), "targets",
			targets);
	present_json(document, &text);
	json_decref(document);
	(void)fputs(buffer_text(&text), stdout);
}

int command_check(const struct invocation *invocation)
{
	autoconfig struct config *config = command_config(invocation);

	if (!config)
		return 1;
	if (invocation->json) {
		print_document(config);
		return 0;
	}
	(void)printf("%s: sound, %zu target%s\n", config->path, config->target_count,
			config->target_count == 1 ? "" : "s");
	return 0;
}
