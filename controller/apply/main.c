/* certdrop-apply: the worker that does what a plan says. It is started by the controller
 * with a socket as standard input (protocol.h), ahead of need, and ends with it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/apply/job.h"
#include "controller/apply/web.h"
#include "controller/base/digest.h"
#include "controller/base/log.h"

/* Keys and passwords pass through this process. */
static void keep_memory_private(void)
{
	const struct rlimit none = { 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
}

int main(void)
{
	struct web *web;
	bool going = true;

	keep_memory_private();
	(void)signal(SIGPIPE, SIG_IGN);
	/* What takes time and does not depend on the job is done before there is one; the
	 * digest also because its algorithm must be there before there are threads. */
	(void)digest_of("", 0);
	web = web_new();

	while (going) {
		autodone(message) struct message message = { 0 };
		struct error error;
		const enum message_outcome got = message_receive(STDIN_FILENO, &message, &error);

		if (got == MESSAGE_PEER_GONE)
			break;
		if (got != MESSAGE_GOT) {
			log_error("certdrop-apply: %s; stopping",
					got == MESSAGE_FAILED ? error.text
							      : "standard input does not block");
			web_free(web);
			return EXIT_FAILURE;
		}
		going = job_take(STDIN_FILENO, &message, web);
	}
	web_free(web);
	return EXIT_SUCCESS;
}
