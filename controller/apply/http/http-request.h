#pragma once

/*
 * One HTTP request and its reply, by libcurl, redirects included. Credentials go only to
 * the server that was verified as the step says, and after a redirect only to hosts that
 * the step names.
 */

#include "controller/apply/contents.h"
#include "controller/apply/http/web.h"
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
	const char *wants_header; /* of the reply; NULL: none */
	long long deadline;
};

struct http_reply {
	long status;
	struct secret body;
	const char *header; /* the value of the one that was wanted; NULL: not there. In the arena */
};

void http_reply_done(struct http_reply *reply);

/* Reads the password or the token that the request's step names. ERROR_CONFIG: its file
 * cannot be used. */
bool http_identify(struct http_request *request, struct contents *contents,
		struct error *error) must_check;

/* ERROR_RETRY: no connection, the server could not be verified, no reply in time, one that
 * is too large. ERROR_CONFIG: the URL or a file cannot be used, a redirect leads to a host
 * that is not known, or secrets would travel unprotected. */
bool http_send(const struct http_request *request, struct http_reply *reply,
		struct error *error) must_check;
