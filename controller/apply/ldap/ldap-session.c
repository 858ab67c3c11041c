#define _GNU_SOURCE
#include "controller/apply/ldap/ldap-session.h"

#include <openldap.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "controller/apply/deadline.h"
#include "controller/apply/tls/tcp.h"

static const char scheme_tls[] = "ldaps://", scheme_plain[] = "ldap://";

void ldap_reply_done(struct ldap_reply *reply)
{
	ber_bvfree(reply->value);
	(void)ldap_msgfree(reply->messages);
	*reply = (struct ldap_reply){ 0 };
}

/* ---- errors ---- */

/* libldap knows of a lost connection only that it is lost. */
static bool lost(struct ldap_session *session, int code, const char *what, struct error *error)
{
	const char *why = session->stream.failure.text;

	if (code == LDAP_FILTER_ERROR || code == LDAP_PARAM_ERROR)
		return fail(error, ERROR_CONFIG, "%s:%s: %s: %s", session->host, session->port,
				what, ldap_err2string(code));
	return fail(error, ERROR_RETRY, "%s:%s: %s: %s", session->host, session->port, what,
			*why ? why : ldap_err2string(code));
}

/* ---- requests and replies ---- */

/* Takes `message` over. */
static bool read_reply(struct ldap_session *session, LDAPMessage *message, struct ldap_reply *reply,
		struct error *error)
{
	char *diagnostic = NULL;
	int code;

	reply->messages = message;
	if (ldap_msgtype(message) == LDAP_RES_EXTENDED)
		(void)ldap_parse_extended_result(session->ld, message, NULL, &reply->value, 0);
	code = ldap_parse_result(
			session->ld, message, &reply->code, NULL, &diagnostic, NULL, NULL, 0);
	reply->diagnostic = arena_copy(session->arena, diagnostic ? diagnostic : "");
	ldap_memfree(diagnostic);
	return code == LDAP_SUCCESS || lost(session, code, "a reply that cannot be read", error);
}

static bool wait_for_reply(
		struct ldap_session *session, int id, struct ldap_reply *reply, struct error *error)
{
	const int left = deadline_left(session->stream.deadline);
	struct timeval patience = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000L };
	struct ldap_reply found = { 0 };
	LDAPMessage *message = NULL;
	int code = LDAP_SERVER_DOWN;
	const int type = ldap_result(session->ld, id, LDAP_MSG_ALL, &patience, &message);

	if (type == 0)
		return fail(error, ERROR_RETRY, "%s:%s: no answer in time", session->host,
				session->port);
	if (type < 0) {
		(void)ldap_get_option(session->ld, LDAP_OPT_RESULT_CODE, &code);
		return lost(session, code, "no reply", error);
	}
	if (!read_reply(session, message, &found, error)) {
		ldap_reply_done(&found);
		return false;
	}
	*reply = found;
	return true;
}

bool session_search(struct ldap_session *session, const struct ldap_step *step, char **attributes,
		struct ldap_reply *reply, struct error *error)
{
	const char *scope = step->scope ? step->scope : "base";
	const int depth = strcmp(scope, "sub") == 0 ? LDAP_SCOPE_SUBTREE
			: strcmp(scope, "one") == 0 ? LDAP_SCOPE_ONELEVEL
						    : LDAP_SCOPE_BASE;
	int id, code;

	code = ldap_search_ext(session->ld, step->base ? step->base : "", depth,
			step->filter ? step->filter : "(objectClass=*)", attributes, 0, NULL, NULL,
			NULL, ENTRIES_MAX, &id);
	if (code != LDAP_SUCCESS)
		return lost(session, code, "search", error);
	return wait_for_reply(session, id, reply, error);
}

bool session_extended(struct ldap_session *session, const char *operation,
		const struct secret *value, struct ldap_reply *reply, struct error *error)
{
	struct berval sent = { .bv_len = value->length, .bv_val = (char *)value->bytes };
	int id, code;

	code = ldap_extended_operation(
			session->ld, operation, value->length > 0 ? &sent : NULL, NULL, NULL, &id);
	if (code != LDAP_SUCCESS)
		return lost(session, code, operation, error);
	return wait_for_reply(session, id, reply, error);
}

/* ---- opening ---- */

/* "ldaps://host:port" or "ldap://host:port", the port 636 or 389 when there is none. */
static bool read_url(struct ldap_session *session, const char *url, bool *tls, struct error *error)
{
	const char *rest = url ? url : "", *colon;

	*tls = strncasecmp(rest, scheme_tls, strlen(scheme_tls)) == 0;
	if (!*tls && strncasecmp(rest, scheme_plain, strlen(scheme_plain)) != 0)
		return fail(error, ERROR_CONFIG, "\"%s\" is not an ldap or ldaps address", rest);
	rest = arena_copy(session->arena, rest + strlen(*tls ? scheme_tls : scheme_plain));
	rest = arena_copy_bytes(session->arena, rest, strcspn(rest, "/"));
	colon = strrchr(rest, ':');
	if (!colon || strchr(colon, ']'))
		rest = arena_printf(session->arena, "%s:%s", rest, *tls ? "636" : "389");
	return tcp_split(session->arena, rest, &session->host, &session->port, error);
}

/* Nothing is followed, found or guessed by the library, whatever its files say. */
static void set_manners(LDAP *ld)
{
	static const int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER, none = 0;

	(void)ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	(void)ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_OFF);
	(void)ldap_set_option(ld, LDAP_OPT_DEREF, &never);
	(void)ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &none);
	(void)ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &none);
	(void)ldap_set_option(ld, LDAP_OPT_TIMEOUT, NULL);
	(void)ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, NULL);
}

static void warm_up(void)
{
	int version;

	/* The library reads its files at its first call, which threads must not share. */
	(void)ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
}

static bool attach(struct ldap_session *session, struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	ber_len_t most = REPLY_SIZE_MAX;
	Sockbuf *sb = NULL;

	(void)pthread_once(&once, warm_up);
	if (ldap_init_fd(session->stream.fd, LDAP_PROTO_EXT, NULL, &session->ld) != LDAP_SUCCESS)
		return fail(error, ERROR_INTERNAL, "libldap cannot be used");
	set_manners(session->ld);
	if (ldap_get_option(session->ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_OPT_SUCCESS || !sb ||
			ber_sockbuf_add_io(sb, stream_io(), LBER_SBIOD_LEVEL_PROVIDER,
					&session->stream) != 0)
		return fail(error, ERROR_INTERNAL, "libldap does not take our connection");
	(void)ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
	return true;
}

static bool start_tls(struct ldap_session *session, struct error *error)
{
	autodone(ldap_reply) struct ldap_reply reply = { 0 };
	const struct secret nothing = { 0 };

	if (!session_extended(session, LDAP_EXOP_START_TLS, &nothing, &reply, error))
		return false;
	return reply.code == LDAP_SUCCESS ||
			fail(error, ERROR_RETRY, "%s:%s: StartTLS: result %d (%s)", session->host,
					session->port, reply.code, ldap_err2string(reply.code));
}

static bool secure(struct ldap_session *session, const struct ldap_step *step, struct error *error)
{
	const struct ldap_trust trust = {
		.pin = step->pin,
		.ca_file = step->ca_file,
		.name = step->server_name ? step->server_name : session->host,
	};

	return stream_secure(&session->stream, &trust, error) ||
			fail_while(error, "%s:%s", session->host, session->port);
}

/* What the server says to a bind that it refuses may tell more than it should, and repeats
 * nothing that is not in the code. */
static bool bind_as(struct ldap_session *session, const char *dn, const struct content *password,
		struct error *error)
{
	autodone(ldap_reply) struct ldap_reply reply = { 0 };
	struct berval simple = {
		.bv_len = password->length,
		.bv_val = (char *)(uintptr_t)password->bytes,
	};
	int id;
	const int code =
			ldap_sasl_bind(session->ld, dn, LDAP_SASL_SIMPLE, &simple, NULL, NULL, &id);

	if (code != LDAP_SUCCESS)
		return lost(session, code, "bind", error);
	if (!wait_for_reply(session, id, &reply, error))
		return false;
	if (reply.code == LDAP_SUCCESS)
		return true;
	return fail(error,
			reply.code == LDAP_BUSY || reply.code == LDAP_UNAVAILABLE ? ERROR_RETRY
										  : ERROR_CONFIG,
			"%s:%s: bind as %s: result %d (%s)", session->host, session->port, dn,
			reply.code, ldap_err2string(reply.code));
}

static bool open_session(struct ldap_session *session, const struct ldap_step *step,
		const struct content *password, long long deadline, struct error *error)
{
	bool tls;

	if (!read_url(session, step->url, &tls, error))
		return false;
	if (!stream_open(&session->stream, session->host, session->port, deadline, error))
		return fail_while(error, "%s:%s", session->host, session->port);
	if (!attach(session, error) || (!tls && !start_tls(session, error)) ||
			!secure(session, step, error))
		return false;
	return !step->bind_dn || bind_as(session, step->bind_dn, password, error);
}

bool session_open(struct ldap_session *session, const struct ldap_step *step,
		const struct content *password, long long deadline, struct error *error)
{
	session->stream.fd = -1;
	if (open_session(session, step, password, deadline, error))
		return true;
	session_done(session);
	return false;
}

void session_done(struct ldap_session *session)
{
	if (session->ld)
		(void)ldap_unbind_ext(session->ld, NULL, NULL);
	session->ld = NULL;
	stream_done(&session->stream);
}
