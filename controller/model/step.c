#include "controller/model/step.h"

#include <assert.h>
#include <string.h>

#include "controller/base/names.h"

/* ---- names ---- */

static const char *const kind_names[] = {
	[STEP_LOOK] = "look",
	[STEP_MAKE] = "make",
	[STEP_FILE] = "file",
	[STEP_COMMAND] = "command",
	[STEP_HTTP] = "http",
	[STEP_PROBE] = "probe",
	[STEP_AMEND] = "amend",
	[STEP_LEASE] = "lease",
	[STEP_LDAP] = "ldap",
};

static const char *const phase_names[] = {
	[PHASE_ASK] = "ask",
	[PHASE_PREPARE] = "prepare",
	[PHASE_CHANGE] = "change",
	[PHASE_PROVE] = "prove",
	[PHASE_FINISH] = "finish",
	[PHASE_UNDO] = "undo",
};

static const char *const disruption_names[] = {
	[DISRUPTION_NONE] = "none",
	[DISRUPTION_RELOAD] = "reload",
	[DISRUPTION_RESTART] = "restart",
	[DISRUPTION_REMOTE] = "remote",
	[DISRUPTION_PURGE] = "purge",
};

const char *step_kind_name(enum step_kind kind)
{
	return kind_names[kind];
}

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}

const char *disruption_name(enum disruption disruption)
{
	return disruption_names[disruption];
}

bool step_kind_read(const char *name, enum step_kind *kind)
{
	size_t index;

	if (!NAME_FIND(kind_names, name, &index))
		return false;
	*kind = (enum step_kind)index;
	return true;
}

bool phase_read(const char *name, enum phase *phase)
{
	size_t index;

	if (!NAME_FIND(phase_names, name, &index))
		return false;
	*phase = (enum phase)index;
	return true;
}

bool disruption_read(const char *name, enum disruption *disruption)
{
	size_t index;

	if (!NAME_FIND(disruption_names, name, &index))
		return false;
	*disruption = (enum disruption)index;
	return true;
}

/* ---- the kinds as tables: which field holds which member ---- */

enum member_kind { MEMBER_TEXT, MEMBER_NUMBER, MEMBER_WORDS, MEMBER_ROWS };

struct member {
	const char *field;
	enum member_kind kind;
	size_t offset;
};

#define TEXT(type, member, field)                                 \
	{                                                         \
		field, MEMBER_TEXT, offsetof(struct type, member) \
	}
#define NUMBER(type, member, field)                                 \
	{                                                           \
		field, MEMBER_NUMBER, offsetof(struct type, member) \
	}
#define WORDS(type, member, field)                                 \
	{                                                          \
		field, MEMBER_WORDS, offsetof(struct type, member) \
	}
#define ROWS(type, member, field)                                 \
	{                                                         \
		field, MEMBER_ROWS, offsetof(struct type, member) \
	}

static const struct member look_members[] = {
	TEXT(look_step, publish, "publish"),
	TEXT(look_step, method, "method"),
	WORDS(look_step, files, "files"),
	WORDS(look_step, leaf, "leaf"),
	{ 0 },
};

static const struct member file_members[] = {
	TEXT(file_step, publish, "publish"),
	TEXT(file_step, method, "method"),
	TEXT(file_step, generation, "generation"),
	TEXT(file_step, layout, "layout"),
	TEXT(file_step, replaces, "replaces"),
	TEXT(file_step, directory_mode, "directory-mode"),
	ROWS(file_step, files, "file"),
	NUMBER(file_step, keep, "keep"),
	{ 0 },
};

static const struct member make_members[] = {
	TEXT(make_step, make, "make"),
	TEXT(make_step, format, "format"),
	TEXT(make_step, password_file, "password-file"),
	TEXT(make_step, alias, "alias"),
	TEXT(make_step, profile, "profile"),
	TEXT(make_step, key_password_file, "key-password-file"),
	TEXT(make_step, deployed, "deployed"),
	TEXT(make_step, carry, "carry"),
	TEXT(make_step, keep_crl, "keep-crl"),
	{ 0 },
};

static const struct member command_members[] = {
	WORDS(command_step, argv, "argv"),
	TEXT(command_step, user, "user"),
	TEXT(command_step, directory, "directory"),
	WORDS(command_step, expect, "expect"),
	WORDS(command_step, refuse, "refuse"),
	WORDS(command_step, exit, "exit"),
	ROWS(command_step, environment, "environment"),
	ROWS(command_step, pick, "pick"),
	NUMBER(command_step, poll_ms, "poll"),
	WORDS(command_step, needs, "needs"),
	TEXT(command_step, since, "since"),
	TEXT(command_step, lock, "lock"),
	TEXT(command_step, tool, "tool"),
	{ 0 },
};

static const struct member http_members[] = {
	TEXT(http_step, method, "method"),
	TEXT(http_step, url, "url"),
	ROWS(http_step, headers, "header"),
	TEXT(http_step, body, "body"),
	TEXT(http_step, ca_file, "ca-file"),
	TEXT(http_step, pin, "pin"),
	TEXT(http_step, also, "also"),
	TEXT(http_step, server_name, "server-name"),
	TEXT(http_step, user, "user"),
	TEXT(http_step, password_file, "password-file"),
	TEXT(http_step, bearer_file, "bearer-file"),
	TEXT(http_step, client_certificate, "client-certificate"),
	TEXT(http_step, client_key, "client-key"),
	WORDS(http_step, success, "success"),
	WORDS(http_step, retry, "retry"),
	WORDS(http_step, hosts, "hosts"),
	ROWS(http_step, pick, "pick"),
	WORDS(http_step, until, "until"),
	WORDS(http_step, stop, "stop"),
	NUMBER(http_step, poll_ms, "poll"),
	TEXT(http_step, done_url, "done-url"),
	{ 0 },
};

static const struct member probe_members[] = {
	TEXT(probe_step, address, "address"),
	TEXT(probe_step, protocol, "protocol"),
	TEXT(probe_step, server_name, "server-name"),
	TEXT(probe_step, expect, "expect"),
	NUMBER(probe_step, times, "times"),
	NUMBER(probe_step, settle_ms, "settle"),
	TEXT(probe_step, client_certificate, "client-certificate"),
	TEXT(probe_step, client_key, "client-key"),
	TEXT(probe_step, refusal, "refusal"),
	{ 0 },
};

static const struct member ldap_members[] = {
	TEXT(ldap_step, url, "url"),
	TEXT(ldap_step, ca_file, "ca-file"),
	TEXT(ldap_step, pin, "pin"),
	TEXT(ldap_step, server_name, "server-name"),
	TEXT(ldap_step, bind_dn, "bind-dn"),
	TEXT(ldap_step, password_file, "password-file"),
	TEXT(ldap_step, base, "base"),
	TEXT(ldap_step, scope, "scope"),
	TEXT(ldap_step, filter, "filter"),
	TEXT(ldap_step, label, "label"),
	ROWS(ldap_step, pick, "pick"),
	WORDS(ldap_step, until, "until"),
	WORDS(ldap_step, gone, "gone"),
	NUMBER(ldap_step, poll_ms, "poll"),
	TEXT(ldap_step, operation, "operation"),
	ROWS(ldap_step, value, "value"),
	WORDS(ldap_step, output, "output"),
	WORDS(ldap_step, success, "success"),
	WORDS(ldap_step, retry, "retry"),
	{ 0 },
};

/* Beside those of an http step, which it begins with. */
static const struct member amend_members[] = {
	TEXT(amend_step, array, "array"),
	TEXT(amend_step, action, "action"),
	ROWS(amend_step, where, "where"),
	ROWS(amend_step, set, "set"),
	WORDS(amend_step, send, "send"),
	WORDS(amend_step, members, "members"),
	WORDS(amend_step, match, "match"),
	TEXT(amend_step, rehearsal, "rehearsal"),
	NUMBER(amend_step, fresh_ms, "fresh"),
	{ 0 },
};

static const struct member lease_members[] = {
	WORDS(lease_step, leases, "lease"),
	TEXT(lease_step, store, "store"),
	TEXT(lease_step, directory, "directory"),
	WORDS(lease_step, endpoints, "endpoints"),
	TEXT(lease_step, prefix, "prefix"),
	TEXT(lease_step, ca_file, "ca-file"),
	TEXT(lease_step, client_certificate, "client-certificate"),
	TEXT(lease_step, client_key, "client-key"),
	NUMBER(lease_step, ttl_ms, "ttl"),
	{ 0 },
};

static const struct member *const members[] = {
	[STEP_LOOK] = look_members,
	[STEP_MAKE] = make_members,
	[STEP_FILE] = file_members,
	[STEP_COMMAND] = command_members,
	[STEP_HTTP] = http_members,
	[STEP_PROBE] = probe_members,
	[STEP_AMEND] = amend_members,
	[STEP_LEASE] = lease_members,
	[STEP_LDAP] = ldap_members,
};

static const struct member no_members[] = { { 0 } };

/* The members of the struct that another one begins with. */
static const struct member *inherited(enum step_kind kind)
{
	return kind == STEP_AMEND ? http_members : no_members;
}

/* ---- writing ---- */

static void write_member(struct arena *arena, struct record *record, const struct member *member,
		const void *value)
{
	switch (member->kind) {
	case MEMBER_TEXT: {
		const char *text = *(const char *const *)value;

		if (text)
			record_add_text(arena, record, member->field, text);
		break;
	}
	case MEMBER_NUMBER: {
		const long number = *(const long *)value;

		if (number != 0)
			record_add_number(arena, record, member->field, number);
		break;
	}
	case MEMBER_WORDS: {
		const struct words *words = value;

		if (words->count > 0)
			record_add(arena, record, member->field, *words);
		break;
	}
	case MEMBER_ROWS: {
		const struct rows *rows = value;

		for (size_t i = 0; i < rows->count; i++)
			record_add(arena, record, member->field, rows->items[i]);
		break;
	}
	}
}

static struct record *write_step(struct arena *arena, enum step_kind kind, const void *step)
{
	struct record *record = record_new(arena, "", "", "", NULL);

	for (const struct member *m = inherited(kind); m->field; m++)
		write_member(arena, record, m, (const char *)step + m->offset);
	for (const struct member *m = members[kind]; m->field; m++)
		write_member(arena, record, m, (const char *)step + m->offset);
	return record;
}

struct record *look_step_record(struct arena *arena, const struct look_step *step)
{
	return write_step(arena, STEP_LOOK, step);
}

struct record *file_step_record(struct arena *arena, const struct file_step *step)
{
	return write_step(arena, STEP_FILE, step);
}

struct record *make_step_record(struct arena *arena, const struct make_step *step)
{
	return write_step(arena, STEP_MAKE, step);
}

struct record *command_step_record(struct arena *arena, const struct command_step *step)
{
	return write_step(arena, STEP_COMMAND, step);
}

struct record *http_step_record(struct arena *arena, const struct http_step *step)
{
	return write_step(arena, STEP_HTTP, step);
}

struct record *probe_step_record(struct arena *arena, const struct probe_step *step)
{
	return write_step(arena, STEP_PROBE, step);
}

struct record *amend_step_record(struct arena *arena, const struct amend_step *step)
{
	return write_step(arena, STEP_AMEND, step);
}

struct record *lease_step_record(struct arena *arena, const struct lease_step *step)
{
	return write_step(arena, STEP_LEASE, step);
}

struct record *ldap_step_record(struct arena *arena, const struct ldap_step *step)
{
	return write_step(arena, STEP_LDAP, step);
}

/* ---- reading ---- */

static void read_member(struct arena *arena, const struct record *record,
		const struct member *member, void *value)
{
	switch (member->kind) {
	case MEMBER_TEXT:
		*(const char **)value = record_text(record, member->field);
		break;
	case MEMBER_NUMBER:
		*(long *)value = (long)record_number(record, member->field, 0);
		break;
	case MEMBER_WORDS:
		*(struct words *)value = record_words(record, member->field);
		break;
	case MEMBER_ROWS:
		*(struct rows *)value = record_rows(arena, record, member->field);
		break;
	}
}

static void read_step(struct arena *arena, const struct step *step, enum step_kind kind, void *into)
{
	assert(step->kind == kind);
	for (const struct member *m = inherited(kind); m->field; m++)
		read_member(arena, step->record, m, (char *)into + m->offset);
	for (const struct member *m = members[kind]; m->field; m++)
		read_member(arena, step->record, m, (char *)into + m->offset);
}

void look_step_read(struct arena *arena, const struct step *step, struct look_step *look)
{
	read_step(arena, step, STEP_LOOK, look);
}

void file_step_read(struct arena *arena, const struct step *step, struct file_step *file)
{
	read_step(arena, step, STEP_FILE, file);
}

void make_step_read(struct arena *arena, const struct step *step, struct make_step *make)
{
	read_step(arena, step, STEP_MAKE, make);
}

void command_step_read(struct arena *arena, const struct step *step, struct command_step *command)
{
	read_step(arena, step, STEP_COMMAND, command);
}

void http_step_read(struct arena *arena, const struct step *step, struct http_step *http)
{
	read_step(arena, step, STEP_HTTP, http);
}

void probe_step_read(struct arena *arena, const struct step *step, struct probe_step *probe)
{
	read_step(arena, step, STEP_PROBE, probe);
}

void amend_step_read(struct arena *arena, const struct step *step, struct amend_step *amend)
{
	read_step(arena, step, STEP_AMEND, amend);
}

void lease_step_read(struct arena *arena, const struct step *step, struct lease_step *lease)
{
	read_step(arena, step, STEP_LEASE, lease);
}

void ldap_step_read(struct arena *arena, const struct step *step, struct ldap_step *ldap)
{
	read_step(arena, step, STEP_LDAP, ldap);
}

bool step_field_known(enum step_kind kind, const char *field)
{
	for (const struct member *m = inherited(kind); m->field; m++)
		if (strcmp(m->field, field) == 0)
			return true;
	for (const struct member *m = members[kind]; m->field; m++)
		if (strcmp(m->field, field) == 0)
			return true;
	return false;
}
