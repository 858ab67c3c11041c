#include "controller/certdrop/commands/command.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "controller/base/digest.h"
#include "controller/base/log.h"
#include "controller/base/secret.h"
#include "controller/certdrop/children/inspector.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/config/config.h"
#include "controller/certdrop/feed/companion.h"
#include "controller/certdrop/intake/filename.h"
#include "controller/certdrop/present/date.h"
#include "controller/certdrop/present/document.h"
#include "controller/certdrop/present/present.h"
#include "controller/inspect/protocol.h"

enum { DERIVATIONS_MAX = 2000000 };

struct question {
	struct pool *pool;
	json_t *document;
	char failure[ERROR_TEXT_SIZE];
};

/* ---- the document ---- */

static json_t *inputs_of(const struct record *record)
{
	json_t *names = json_array();

	for (size_t i = 0; i < record->field_count; i++)
		if (strcmp(record->fields[i].name, "input") == 0 &&
				record->fields[i].values.count > 0)
			json_array_append_new(
					names, document_text(record->fields[i].values.items[0]));
	return names;
}

static void add_ended(struct arena *arena, json_t *refused, const struct credential *facts)
{
	const long long now = clock_now();

	if (!clock_trusted())
		return;
	if (facts->not_after <= now)
		json_array_append_new(refused,
				document_text(arena_printf(arena, "%s expired on %s",
						facts->subject,
						date_print(facts->not_after).text)));
	for (size_t i = 0; i < facts->lasts.count; i++) {
		const struct lasting lasting = credential_lasting(facts->lasts.items[i]);

		if (lasting.until <= now)
			json_array_append_new(refused,
					document_text(companion_ended(
							arena, facts->subject, lasting)));
	}
}

static void add_warnings(struct arena *arena, json_t *document, const struct credential *facts)
{
	const struct rows rows = companion_warnings(arena, facts, clock_trusted(), clock_now());
	json_t *warnings = json_object_get(document, "warnings");

	for (size_t i = 0; i < rows.count; i++)
		json_array_append_new(warnings, document_text(rows.items[i].items[0]));
}

static void add_credential(json_t *credentials, json_t *refused, const struct record *record)
{
	autoarena struct arena *arena = arena_new();
	struct credential facts;
	struct error ignored;
	json_t *document;

	if (!credential_read(arena, record, &facts, &ignored))
		return;
	document = document_facts(&facts);
	add_warnings(arena, document, &facts);
	json_object_set_new(document, "inputs", inputs_of(record));
	json_array_append_new(credentials, document);
	add_ended(arena, refused, &facts);
}

static json_t *write_document(const struct records *records)
{
	json_t *files = json_array(), *credentials = json_array();
	json_t *missing = json_array(), *refused = json_array();

	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = records->items[i];
		const char *word = record_word(record, 0);

		if (strcmp(word, "file") == 0)
			json_array_append_new(files,
					json_pack("{s:o, s:o, s:o}", "name",
							document_text(record_word(record, 1)),
							"state",
							document_text(record_word(record, 2)),
							"sentence",
							document_text(record_word(record, 3))));
		else if (strcmp(word, "credential") == 0)
			add_credential(credentials, refused, record);
		else if (strcmp(word, "missing") == 0)
			json_array_append_new(missing, document_text(record_word(record, 1)));
		else if (strcmp(word, "refused") == 0)
			json_array_append_new(refused, document_text(record_word(record, 1)));
	}
	return json_pack("{s:o, s:b, s:o, s:o, s:o}", "files", files, "accepted",
			json_array_size(credentials) > 0 && json_array_size(refused) == 0,
			"credentials", credentials, "missing", missing, "refused", refused);
}

/* ---- the question ---- */

static void on_inspected(void *context, struct inspection *inspection)
{
	struct question *question = context;
	const char *failure = inspection_failure(inspection);

	if (failure)
		(void)snprintf(question->failure, sizeof(question->failure), "%s", failure);
	else
		question->document = write_document(inspection_records(inspection));
	inspection_free(inspection);
	pool_free(question->pool);
}

/* The file's bytes in memory: from now on only the copy counts. */
static bool copy_file(const char *path, int *copy, struct digest *digest, struct error *error)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	autodone(secret) struct secret bytes = { 0 };
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) < 0)
		return fail(error, ERROR_INPUT, "%s", strerror(errno));
	if (!S_ISREG(facts.st_mode))
		return fail(error, ERROR_INPUT, "not a regular file");
	if (!secret_read(&bytes, fd, INSPECT_FILE_SIZE_MAX, error))
		return false;
	*digest = digest_of(bytes.bytes ? bytes.bytes : (const unsigned char *)"", bytes.length);
	return memfd_of("input", bytes.bytes, bytes.length, copy, error);
}

static const char *shown_name(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return filename_shown(arena, slash ? slash + 1 : path);
}

static void add_files(const struct invocation *invocation, struct inspection *inspection)
{
	autoarena struct arena *arena = arena_new();

	for (size_t i = 0; i < invocation->count; i++) {
		const char *name = shown_name(arena, invocation->arguments[i]);
		struct digest digest;
		struct error error;
		int copy;

		if (i >= INSPECT_FILES_MAX)
			inspection_add_verdict(
					inspection, name, "refused", "too many files at once");
		else if (copy_file(invocation->arguments[i], &copy, &digest, &error))
			inspection_add_file(inspection, name, digest.hex, copy, (long long)i);
		else
			inspection_add_verdict(inspection, name, "refused", error.text);
	}
}

static void inspect(const struct invocation *invocation, const char *program,
		const struct target *target, struct question *question)
{
	const struct settings *settings = target ? target->settings : NULL;
	struct inspection *inspection = inspection_new(target, DERIVATIONS_MAX,
			settings ? setting_text(settings, "passphrases") : NULL,
			settings ? setting_text(settings, "authorities") : NULL);
	uv_loop_t loop;

	if (uv_loop_init(&loop) != 0)
		abort();
	question->pool = pool_new(&loop, program);
	add_files(invocation, inspection);
	inspection_start(inspection, question->pool, on_inspected, question);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop);
}

static int print(const struct invocation *invocation, const json_t *document)
{
	const struct style style = style_of(STDOUT_FILENO);
	autodone(buffer) struct buffer text = { 0 };

	if (invocation->json)
		present_json(document, &text);
	else
		present_inspect(document, &style, &text);
	(void)fputs(buffer_text(&text), stdout);
	return json_is_true(json_object_get(document, "accepted")) ? 0 : 1;
}

/* To look at a file needs no configuration, unless it is to be judged for a target. */
static bool may_do_without(const struct invocation *invocation)
{
	return !invocation->config_path && !invocation->for_target &&
			access(command_config_path(invocation), F_OK) < 0;
}

int command_inspect(const struct invocation *invocation)
{
	const bool plain = may_do_without(invocation);
	autoconfig struct config *config = plain ? NULL : command_config(invocation);
	const char *program = option_find(config_options, "inspect-program")->fallback;
	const struct target *target = NULL;
	struct question question = { 0 };
	int exit = 1;

	if (!config && !plain)
		return 1;
	if (invocation->for_target)
		target = config_find(config, invocation->for_target);
	if (invocation->for_target && !target) {
		(void)fprintf(stderr, "certdrop: there is no target \"%s\"\n",
				invocation->for_target);
		return 1;
	}
	inspect(invocation, config ? config->inspect_program : program, target, &question);
	if (question.document)
		exit = print(invocation, question.document);
	else
		(void)fprintf(stderr, "certdrop: %s\n", question.failure);
	json_decref(question.document);
	return exit;
}
