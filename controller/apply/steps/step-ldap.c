/* One request to a directory server, and what its reply means. The conversation is in
 * ldap-session.c, the picking in ldap-pick.c, the operations' values in ldap-value.c. */
#include <stdio.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/job.h"
#include "controller/apply/ldap/ldap-pick.h"
#include "controller/apply/ldap/ldap-session.h"
#include "controller/apply/ldap/ldap-value.h"

enum { USUAL_POLL_MS = 500, QUOTED_MAX = 300 };

struct directory {
	struct arena *arena;
	struct contents *contents;
	const struct ldap_step *step;
	struct content password;
	struct record *answer; /* NULL: not a question */
	long long deadline;
};

/* ---- result codes ---- */

static bool names_code(struct arena *arena, struct words codes, int code)
{
	return words_contain(codes, arena_printf(arena, "%d", code));
}

static bool is_success(const struct directory *d, int code)
{
	return d->step->success.count == 0 ? code == LDAP_SUCCESS
					   : names_code(d->arena, d->step->success, code);
}

static enum error_kind kind_of(const struct directory *d, int code)
{
	if (code == LDAP_TIMELIMIT_EXCEEDED || code == LDAP_BUSY || code == LDAP_UNAVAILABLE)
		return ERROR_RETRY;
	return names_code(d->arena, d->step->retry, code) ? ERROR_RETRY : ERROR_CONFIG;
}

/* The server's words, on one line, fit to be shown. */
static const char *shown(const struct directory *d, const char *words)
{
	autodone(buffer) struct buffer text = { 0 };

	buffer_add(&text, words);
	contents_hide(d->contents, &text);
	for (size_t i = 0; i < text.length; i++)
		if (strchr("\r\n\t", text.bytes[i]))
			text.bytes[i] = ' ';
	return arena_printf(d->arena, "%.*s", QUOTED_MAX, buffer_text(&text));
}

static bool refuse(const struct directory *d, const struct ldap_session *session,
		const struct ldap_reply *reply, const char *output, struct error *error)
{
	const char *text = arena_printf(
			d->arena, "result %d (%s)", reply->code, ldap_err2string(reply->code));

	if (*reply->diagnostic)
		text = arena_printf(d->arena, "%s: %s", text, shown(d, reply->diagnostic));
	if (*output)
		text = arena_printf(d->arena, "%s: %s", text, shown(d, output));
	return fail(error, kind_of(d, reply->code), "%s:%s: %s: %s", session->host, session->port,
			d->step->operation ? d->step->operation : "search", text);
}

/* ---- searching ---- */

static const struct words *find_pick(const struct ldap_step *step, const char *name)
{
	for (size_t i = 0; i < step->pick.count; i++)
		if (strcmp(step->pick.items[i].items[0], name) == 0)
			return &step->pick.items[i];
	return NULL;
}

/* Of a condition the first value, as much of it as tells it apart. */
static const char *short_of(const struct directory *d, struct words condition)
{
	return arena_printf(d->arena, "%.16s", condition.count > 1 ? condition.items[1] : "");
}

/* Is one of the values that follow the pick's name in any entry? */
static bool is_there(const struct ldap_found *found, struct words condition, bool *there,
		struct error *error)
{
	const struct words *row = find_pick(found->step, condition.items[0]);
	struct picked_list list;

	*there = false;
	if (!row)
		return fail(error, ERROR_INTERNAL, "there is no pick \"%s\"", condition.items[0]);
	if (!ldap_pick(found, *row, &list, error))
		return false;
	for (size_t i = 0; i < list.count; i++)
		for (size_t k = 1; k < condition.count; k++)
			*there = *there || words_contain(list.items[i].values, condition.items[k]);
	return true;
}

static void add_picked(const struct directory *d, const char *name, const struct picked *picked)
{
	struct words told = { .count = picked->values.count + 1 };

	told.items = arena_new_many(d->arena, const char *, told.count);
	told.items[0] = picked->label;
	for (size_t i = 1; i < told.count; i++)
		told.items[i] = picked->values.items[i - 1];
	record_add(d->arena, d->answer, name, told);
}

static bool add_picks(
		const struct directory *d, const struct ldap_found *found, struct error *error)
{
	for (size_t i = 0; i < d->step->pick.count; i++) {
		const struct words row = d->step->pick.items[i];
		struct picked_list list;

		if (!ldap_pick(found, row, &list, error))
			return false;
		for (size_t k = 0; k < list.count; k++)
			add_picked(d, row.items[0], &list.items[k]);
	}
	return true;
}

enum progress { PROGRESS_DONE, PROGRESS_WAIT, PROGRESS_FAILED };

static enum progress judge(
		const struct directory *d, const struct ldap_found *found, struct error *error)
{
	const struct ldap_session *session = found->session;
	const struct ldap_step *step = d->step;
	bool reached = true, left = false;

	if (!is_success(d, found->reply->code)) {
		(void)refuse(d, session, found->reply, "", error);
		return PROGRESS_FAILED;
	}
	if ((step->until.count > 0 && !is_there(found, step->until, &reached, error)) ||
			(step->gone.count > 0 && !is_there(found, step->gone, &left, error)))
		return PROGRESS_FAILED;
	if (reached && !left)
		return PROGRESS_DONE;
	if (reached)
		(void)fail(error, ERROR_RETRY, "%s:%s: %s is still among the %s", session->host,
				session->port, short_of(d, step->gone), step->gone.items[0]);
	else
		(void)fail(error, ERROR_RETRY, "%s:%s: %s is not among the %s", session->host,
				session->port, short_of(d, step->until), step->until.items[0]);
	return PROGRESS_WAIT;
}

static bool tell_found(
		const struct directory *d, const struct ldap_found *found, struct error *error)
{
	record_add_number(d->arena, d->answer, "code", found->reply->code);
	record_add_number(d->arena, d->answer, "entries",
			ldap_count_entries(found->session->ld, found->reply->messages));
	return add_picks(d, found, error);
}

static enum progress search_once(const struct directory *d, struct error *error)
{
	struct ldap_session session = { .arena = d->arena };
	autodone(ldap_reply) struct ldap_reply reply = { 0 };
	const struct ldap_found found = {
		.session = &session, .contents = d->contents, .step = d->step, .reply = &reply
	};
	char **attributes = NULL;
	enum progress progress = PROGRESS_FAILED;

	if (!ldap_pick_attributes(d->arena, d->step, &attributes, error) ||
			!session_open(&session, d->step, &d->password, d->deadline, error))
		return PROGRESS_FAILED;
	if (session_search(&session, d->step, attributes, &reply, error))
		progress = judge(d, &found, error);
	if (progress == PROGRESS_DONE && d->answer && !tell_found(d, &found, error))
		progress = PROGRESS_FAILED;
	session_done(&session);
	return progress;
}

/* While polling, what may change by itself is waited for as well; nothing else is. */
static bool search(const struct directory *d, struct error *error)
{
	const bool polling = d->step->until.count > 1 || d->step->gone.count > 1;
	const long poll_ms = d->step->poll_ms > 0 ? d->step->poll_ms : USUAL_POLL_MS;
	struct error last;

	for (bool first = true;; first = false) {
		const enum progress progress = search_once(d, error);

		if (progress == PROGRESS_DONE)
			return true;
		if (!polling || error->kind != ERROR_RETRY)
			return false;
		/* The deadline may cut an attempt short: the one before tells more. */
		if (deadline_left(d->deadline) == 0) {
			if (!first && progress == PROGRESS_FAILED)
				*error = last;
			return false;
		}
		last = *error;
		deadline_pause((int)poll_ms, d->deadline);
	}
}

/* ---- extended operations ---- */

static bool tell(const struct directory *d, struct ldap_session *session,
		const struct ldap_reply *reply, struct error *error)
{
	const struct words texts = value_texts(d->arena, reply->value, d->step->output);

	if (!is_success(d, reply->code))
		return refuse(d, session, reply, texts.count > 0 ? texts.items[0] : "", error);
	if (!d->answer)
		return true;
	record_add_number(d->arena, d->answer, "code", reply->code);
	record_add_text(d->arena, d->answer, "diagnostic", shown(d, reply->diagnostic));
	for (size_t i = 0; i < texts.count; i++)
		texts.items[i] = shown(d, texts.items[i]);
	if (texts.count > 0)
		record_add(d->arena, d->answer, "output", texts);
	return true;
}

/* Nothing is said to the server before the value is whole. */
static bool operate(const struct directory *d, struct error *error)
{
	struct ldap_session session = { .arena = d->arena };
	autodone(ldap_reply) struct ldap_reply reply = { 0 };
	autodone(secret) struct secret value = { 0 };
	bool good;

	if (!value_build(d->contents, d->step->value, &value, error) ||
			!session_open(&session, d->step, &d->password, d->deadline, error))
		return false;
	good = session_extended(&session, d->step->operation, &value, &reply, error) &&
			tell(d, &session, &reply, error);
	session_done(&session);
	return good;
}

bool ldap_take(struct job *job, struct arena *arena, const struct step *step, struct record *answer,
		struct error *error)
{
	struct ldap_step read;
	struct directory d = {
		.arena = arena,
		.contents = job->contents,
		.step = &read,
		.answer = answer,
		.deadline = deadline_of(step),
	};

	ldap_step_read(arena, step, &read);
	if (read.bind_dn && !read.password_file)
		return fail(error, ERROR_CONFIG, "binding as %s needs a password file",
				read.bind_dn);
	if (read.password_file &&
			!contents_password(job->contents, read.password_file, &d.password, error))
		return false;
	return read.operation ? operate(&d, error) : search(&d, error);
}
