#pragma once

/*
 * A conversation with one LDAP server (RFC 4511), by libldap over a stream of ours: connected,
 * under TLS, the server verified, and bound, before any request is made.
 *
 *         session_open(&session, ..., error)
 *         session_search(&session, ..., &reply, error) and so on
 *         session_done(&session)
 *
 * All of it has one deadline. Errors begin with the server's address. A result code that is not
 * a success is no error here: it is in the reply.
 */

#include <ldap.h>

#include "controller/apply/contents.h"
#include "controller/apply/ldap/ldap-stream.h"
#include "controller/model/step.h"

enum { REPLY_SIZE_MAX = 8 << 20, ENTRIES_MAX = 1000 };

struct ldap_session {
	struct arena *arena;
	const char *host, *port; /* of the URL */
	struct ldap_stream stream;
	LDAP *ld; /* NULL: not open */
};

struct ldap_reply {
	int code; /* LDAP_SUCCESS, ... */
	const char *diagnostic; /* the server's words, "" when there are none; not scrubbed */
	struct berval *value; /* of an extended response, NULL when there is none */
	LDAPMessage *messages; /* of a search: see ldap_first_entry() */
};

void ldap_reply_done(struct ldap_reply *reply);

/* To the step's server, as the step says. ERROR_RETRY: nobody there, no TLS, not the server that
 * is trusted, too late, or it has no time. ERROR_CONFIG: the URL, a file or the password will not
 * do. */
bool session_open(struct ldap_session *session, const struct ldap_step *step,
		const struct content *password, long long deadline, struct error *error) must_check;

/* ERROR_RETRY: no reply, or more than REPLY_SIZE_MAX bytes. ERROR_CONFIG: the filter is none. */
bool session_search(struct ldap_session *session, const struct ldap_step *step, char **attributes,
		struct ldap_reply *reply, struct error *error) must_check;

/* An empty `value` is none. ERROR_RETRY: no reply. */
bool session_extended(struct ldap_session *session, const char *operation,
		const struct secret *value, struct ldap_reply *reply,
		struct error *error) must_check;

void session_done(struct ldap_session *session);
