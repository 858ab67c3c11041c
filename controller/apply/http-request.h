#pragma once

/*
 * One HTTP request and its reply, by libcurl, redirects included. Credentials go only to
 * the server that was verified as the step says, and after a redirect only to hosts that
 * the step names.
 */

#include "controller/apply/contents.h"
#include "controller/apply/web.h"
#include "controller/base/secret.h"
#include "controller/model/step.h"

enum { REPLY_MAX = 8 << 20 };

struct http_request {
	struct arena *arena;
	struct web *web;
	const struct http_step *step;
	struct content body; /* what is sent; empty: nothing */
	struct content password, bearer; /* empty: none */
	bool confidential; /* holds a password or a part of the credential */
	long long deadline;
};

struct http_reply {
	long status;
	struct secret body;
};

void http_reply_done(struct http_reply *reply);

/* ERROR_RETRY: no connection, the server could not be verified, no reply in time, one that
 * is too large. ERROR_CONFIG: the URL or a file cannot be used, a redirect leads to a host
 * that is not known, or secrets would travel unprotected. */
bool http_send(const struct http_request *request, struct http_reply *reply,
		struct error *error) must_check;
