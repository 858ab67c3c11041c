/* certdrop: the service, and the command. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "controller/certdrop/commands/command.h"

enum { ANY = 1000 };

static const struct {
	const char *name, *arguments, *help;
	size_t fewest, most;
	int (*run)(const struct invocation *invocation);
} commands[] = {
	{ "run", "", "the service, in the foreground", 0, 0, command_run },
	{ "check", "", "is the configuration sound", 0, 0, command_check },
	{ "inspect", "FILE... [--for TARGET]", "what is in it, would it be accepted, why not", 1,
			ANY, command_inspect },
	{ "plan", "[TARGET...]", "what would be done now", 0, ANY, command_ask },
	{ "apply", "[TARGET...]", "do it once; also what was parked, when named", 0, ANY,
			command_ask },
	{ "status", "[TARGET...] [--wait SECONDS]", "wanted, installed, served; state and reason",
			0, ANY, command_ask },
	{ "explain", "TARGET", "why the views differ, or why nothing happens", 1, 1, command_ask },
	{ "history", "[TARGET]", "what was done, step by step", 0, 1, command_ask },
	{ "rollback", "TARGET", "put the predecessor back, proven", 1, 1, command_ask },
	{ "generate", "PROFILE --for TARGET [--request]",
			"a new key with a self-signed certificate, or a request, into the drop", 1,
			1, command_generate },
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(*commands) };

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: certdrop [--config FILE] [--json] COMMAND ...\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		char call[64];

		(void)snprintf(call, sizeof(call), "%s %s", commands[i].name,
				commands[i].arguments);
		(void)fprintf(out, "  %-41s %s\n", call, commands[i].help);
	}
	(void)fprintf(out,
			"\nThe configuration is /etc/certdrop/certdrop.conf unless told. --json prints facts as "
			"JSON.\n");
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

static bool read_options(int argc, char **argv, struct invocation *invocation)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "for", required_argument, NULL, 'f' },
		{ "wait", required_argument, NULL, 'w' },
		{ "request", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			invocation->config_path = optarg;
			break;
		case 'f':
			invocation->for_target = optarg;
			break;
		case 'w':
			if (!read_wait(optarg, invocation))
				return false;
			break;
		case 'r':
			invocation->request = true;
			break;
		case 'j':
			invocation->json = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'v':
			(void)printf("certdrop %s\n", CERTDROP_VERSION);
			exit(0);
		default:
			return false;
		}
	}
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
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].name, invocation->command) != 0)
			continue;
		if (invocation->count >= commands[i].fewest &&
				invocation->count <= commands[i].most)
			return commands[i].run(invocation);
		(void)fprintf(stderr, "usage: certdrop %s%s%s\n", commands[i].name,
				*commands[i].arguments ? " " : "", commands[i].arguments);
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
	if (!read_options(argc, argv, &invocation))
		return 1;
	if (optind == argc) {
		usage(stderr);
		return 1;
	}
	invocation.command = argv[optind];
	invocation.arguments = argv + optind + 1;
	invocation.count = (size_t)(argc - optind - 1);
	return run_command(&invocation);
}
