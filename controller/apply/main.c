/* certdrop-apply: the worker that does what a plan says. It is started with a socket to its
 * controller as standard input (protocol.h), ahead of need, and ends with it:
 *
 *         certdrop-apply                          by the controller itself
 *         certdrop-apply --controller USER        by whoever accepts connections, for that user's
 *                        --allowance FILE         controller (peer.h), which may order what the
 *                                             file allows (allowance.h)
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/apply/allowance.h"
#include "controller/apply/http/web.h"
#include "controller/apply/job.h"
#include "controller/apply/leash.h"
#include "controller/apply/peer.h"
#include "controller/base/digest.h"
#include "controller/base/log.h"
#include "controller/base/wiping.h"

/* Keys and passwords pass through this process. */
static void keep_memory_private(void)
{
	const struct rlimit none = { 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
}

struct settings {
	const char *controller, *allowance; /* a user, a file; NULL: none */
};

static bool read_settings(int count, char **arguments, struct settings *settings)
{
	for (int i = 1; i + 1 < count; i += 2) {
		if (strcmp(arguments[i], "--controller") == 0)
			settings->controller = arguments[i + 1];
		else if (strcmp(arguments[i], "--allowance") == 0)
			settings->allowance = arguments[i + 1];
		else
			return false;
	}
	return count % 2 == 1;
}

/* What takes time and does not depend on the job is done before there is one; the digest
 * also because its algorithm must be there before there are threads. */
static bool get_ready(struct arena *arena, const struct settings *settings,
		const struct allowance **allowance, struct error *error)
{
	keep_memory_private();
	wiping_for_openssl();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)digest_of("", 0);
	*allowance = NULL;
	return peer_check(STDIN_FILENO, settings->controller, error) &&
			(!settings->allowance ||
					allowance_load(arena, settings->allowance, allowance,
							error)) &&
			leash_tie(STDIN_FILENO, error);
}

static bool serve(struct web *web, const struct allowance *allowance, struct error *error)
{
	bool going = true;

	while (going) {
		autodone(message) struct message message = { 0 };
		const enum message_outcome got = message_receive(STDIN_FILENO, &message, error);

		if (got == MESSAGE_PEER_GONE)
			break;
		if (got == MESSAGE_NONE_YET)
			return fail(error, ERROR_INTERNAL, "standard input does not block");
		if (got == MESSAGE_FAILED)
			return false;
		going = job_take(STDIN_FILENO, &message, web, allowance);
		web_close(web);
	}
	return true;
}

int main(int count, char **arguments)
{
	autoarena struct arena *arena = arena_new();
	struct settings settings = { 0 };
	const struct allowance *allowance;
	struct web *web;
	struct error error;
	bool good;

	if (!read_settings(count, arguments, &settings)) {
		log_error("certdrop-apply [--controller USER] [--allowance FILE]");
		return EXIT_FAILURE;
	}
	if (!get_ready(arena, &settings, &allowance, &error)) {
		log_error("certdrop-apply: %s; stopping", error.text);
		return EXIT_FAILURE;
	}
	web = web_new();
	good = serve(web, allowance, &error);
	if (!good)
		log_error("certdrop-apply: %s; stopping", error.text);
	web_free(web);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
