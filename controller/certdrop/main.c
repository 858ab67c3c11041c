/* certdrop: the service, and the command. */

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "controller/certdrop/commands/command.h"
#include "controller/certdrop/commands/commands.h"

enum { FLAGS_MAX = 16, USAGE_MAX = 80 };

/* Completion reads this: a command or an option a line, after two blanks. */
static void usage(FILE *out)
{
	char call[USAGE_MAX];

	(void)fprintf(out, "usage: certdrop [--config FILE] [--json] COMMAND ...\n\n");
	for (const struct command *command = commands; command->name; command++) {
		(void)snprintf(call, sizeof(call), "%s %s", command->name, command->arguments);
		(void)fprintf(out, "  %-41s %s\n", call, command->help);
	}
	(void)fputc('\n', out);
	for (const struct flag *flag = flags; flag->name; flag++) {
		const char letter[] = { '-', flag->letter, ',', ' ', '\0' };

		(void)snprintf(call, sizeof(call), "%s--%s %s", flag->letter ? letter : "",
				flag->name, flag->argument ? flag->argument : "");
		(void)fprintf(out, "  %-41s %s\n", call, flag->help);
	}
}

/* Whoever could not be told all of it must not take it for a success. */
static int told(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	(void)fprintf(stderr, "certdrop: standard output: %s\n", strerror(errno));
	return 1;
}

/* "2", "0.5": seconds. */
static bool read_wait(const char *text, struct invocation *invocation)
{
	char *end;
	const double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds > 0 && seconds < 1e6)) {
		(void)fprintf(stderr, "certdrop: --wait takes seconds, not \"%s\"\n", text);
		return false;
	}
	invocation->wait_ms = (long long)(seconds * 1000);
	return true;
}

static bool read_flag(int letter, const char *argument, struct invocation *invocation)
{
	switch (letter) {
	case 'c':
		invocation->config_path = argument;
		return true;
	case 'f':
		invocation->for_target = argument;
		return true;
	case 'w':
		return read_wait(argument, invocation);
	case 'r':
		invocation->request = true;
		return true;
	case 'j':
		invocation->json = true;
		return true;
	case 'h':
		usage(stdout);
		exit(told(0));
	case 'v':
		(void)printf("certdrop %s\n", CERTDROP_VERSION);
		exit(told(0));
	default:
		return false;
	}
}

static bool read_flags(int argc, char **argv, struct invocation *invocation)
{
	struct option options[FLAGS_MAX] = { 0 };
	char letters[2 * FLAGS_MAX + 1] = "";
	size_t count = 0;
	int letter;

	/* What has no letter is told apart by its first one. */
	for (size_t i = 0; flags[i].name; i++) {
		assert(i + 1 < FLAGS_MAX);
		options[i].name = flags[i].name;
		options[i].has_arg = flags[i].argument ? required_argument : no_argument;
		options[i].val = (unsigned char)flags[i].name[0];
		if (flags[i].letter)
			letters[count++] = flags[i].letter;
		if (flags[i].letter && flags[i].argument)
			letters[count++] = ':';
	}
	while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1)
		if (!read_flag(letter, optarg, invocation))
			return false;
	return true;
}

/* What comes to memory here may be a key: no core dumps, no debugger of the same user, and files
 * that are private unless their mode is set. */
static void keep_private(void)
{
	const struct rlimit none = { 0, 0 };

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int run_command(const struct invocation *invocation)
{
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, invocation->command) != 0)
			continue;
		if (invocation->count >= command->fewest && invocation->count <= command->most)
			return command->run(invocation);
		(void)fprintf(stderr, "usage: certdrop %s%s%s\n", command->name,
				*command->arguments ? " " : "", command->arguments);
		return 1;
	}
	(void)fprintf(stderr, "certdrop: there is no command \"%s\"; certdrop --help lists them\n",
			invocation->command);
	return 1;
}

int main(int argc, char **argv)
{
	struct invocation invocation = { 0 };

	keep_private();
	if (!read_flags(argc, argv, &invocation))
		return 1;
	if (optind == argc) {
		usage(stderr);
		return 1;
	}
	invocation.command = argv[optind];
	invocation.arguments = argv + optind + 1;
	invocation.count = (size_t)(argc - optind - 1);
	return told(run_command(&invocation));
}
