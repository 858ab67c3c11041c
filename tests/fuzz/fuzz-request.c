#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/inspect/inspect.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzzing.h"

/* A request with one file, from its first record to the reply: chains, rules and the
 * credential file come after the readers. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static char text[] =
			"inspect fuzz\n\tderivations 5000\n"
			"rule parts P leaf key ca client-leaf? crl?\nrule signatures P SHA1\n"
			"rule anchor P\nrule crl-issued P\n"
			"rule package P server.crt:leaf server.key:key ca.pem:ca list.crl:crl?\n"
			"rule chain P root\nrule names P web.example\nfile file.bin\n";
	struct message request = { .text = text, .length = sizeof(text) - 1, .fd_count = 1 };
	struct inspect_reply reply;
	struct error error;

	make_ready();
	assert(memfd_of("file", bytes, length, &request.fds[0], &error));
	if (inspect_request(&request, &reply, &error))
		inspect_reply_done(&reply);
	owned_close(&request.fds[0]);
	return 0;
}
