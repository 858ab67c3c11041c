#include "controller/certdrop/commands/command.h"

#include <stdio.h>

#include "controller/certdrop/config/config.h"

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

int command_check(const struct invocation *invocation)
{
	autoconfig struct config *config = command_config(invocation);

	if (!config)
		return 1;
	(void)printf("%s: sound, %zu target%s\n", config->path, config->target_count,
			config->target_count == 1 ? "" : "s");
	return 0;
}
