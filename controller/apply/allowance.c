#include "controller/apply/allowance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/base/file.h"

enum { ALLOWANCE_FILE_MAX = 1 << 20 };

/* ---- the file ---- */

static struct rows *rows_of(struct allowance *allowance, const char *word)
{
	if (strcmp(word, "publish") == 0)
		return &allowance->publish;
	if (strcmp(word, "read") == 0)
		return &allowance->read;
	if (strcmp(word, "run") == 0)
		return &allowance->run;
	return strcmp(word, "environment") == 0 ? &allowance->environment : NULL;
}

static bool take_records(struct arena *arena, const struct records *records,
		struct allowance *allowance, struct error *error)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct words words = records->items[i]->words;
		struct rows *rows = rows_of(allowance, words.items[0]);

		if (!rows)
			return fail(error, ERROR_CONFIG, "there is no allowance \"%s\"",
					words.items[0]);
		if (words.count < 2 || records->items[i]->field_count > 0)
			return fail(error, ERROR_CONFIG,
					"an allowance is one line of two or more words");
		if (!rows->items)
			rows->items = arena_new_many(arena, struct words, records->count);
		rows->items[rows->count++] = (struct words){ .items = words.items + 1,
			.count = words.count - 1 };
	}
	return true;
}

static bool is_roots_alone(const char *path, struct error *error)
{
	struct stat facts;

	if (stat(path, &facts) < 0)
		return fail(error, ERROR_CONFIG, "%s", strerror(errno));
	return (facts.st_uid == 0 && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0) ||
			fail(error, ERROR_CONFIG, "others than root may write it");
}

bool allowance_load(struct arena *arena, const char *path, const struct allowance **allowance,
		struct error *error)
{
	struct allowance *made = arena_new_of(arena, struct allowance);
	autodone(buffer) struct buffer text = { 0 };
	struct records records;

	*allowance = NULL;
	if (faccessat(AT_FDCWD, path, F_OK, 0) < 0 && errno == ENOENT)
		return true;
	if (!is_roots_alone(path, error) ||
			!file_read(AT_FDCWD, path, ALLOWANCE_FILE_MAX, &text, error) ||
			!records_read(arena, buffer_text(&text), &records, error) ||
			!take_records(arena, &records, made, error)) {
		error->kind = ERROR_CONFIG; /* to the records' reader it is our own text */
		return fail_while(error, "%s", path);
	}
	*allowance = made;
	return true;
}

/* ---- paths ---- */

/* Without "." and "..", from which nobody can tell where they lead. */
static bool is_plain(const char *path)
{
	for (const char *at = path; *at; at++) {
		const char *name = at + 1;
		const size_t length = strcspn(name, "/");

		if (*at == '/' &&
				(strncmp(name, ".", length) == 0 ||
						strncmp(name, "..", length) == 0) &&
				length > 0 && length <= 2)
			return false;
	}
	return *path == '/';
}

static bool is_below(const struct rows *rows, const char *path)
{
	for (size_t i = 0; i < rows->count; i++) {
		for (size_t k = 0; k < rows->items[i].count; k++) {
			const char *directory = rows->items[i].items[k];
			const size_t length = strlen(directory);

			if (strncmp(path, directory, length) == 0 && path[length] == '/')
				return true;
		}
	}
	return false;
}

static bool path_allowed(const struct allowance *allowance, const char *path, bool written,
		struct error *error)
{
	if (!path ||
			(is_plain(path) &&
					(is_below(&allowance->publish, path) ||
							(!written &&
									is_below(&allowance->read,
											path)))))
		return true;
	return fail(error, ERROR_CONFIG, "the worker's allowance does not allow it to %s %s",
			written ? "write at" : "read", path);
}

static bool fields_allowed(
		const struct allowance *allowance, const struct step *step, struct error *error)
{
	static const char *const written[] = { "publish", "lock" };
	static const char *const read[] = { "ca-file", "password-file", "key-password-file",
		"bearer-file", "client-certificate", "client-key", "deployed", "carry",
		"keep-crl" };
	const struct record *record = step->record;

	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++)
		if (!path_allowed(allowance, record_text(record, written[i]), true, error))
			return false;
	for (size_t i = 0; i < sizeof(read) / sizeof(*read); i++)
		if (!path_allowed(allowance, record_text(record, read[i]), false, error))
			return false;
	return step->kind != STEP_LEASE ||
			path_allowed(allowance, record_text(record, "directory"), true, error);
}

/* Names below a place, and the password in an extended operation. */
static bool rows_allowed(const struct allowance *allowance, struct arena *arena,
		const struct step *step, struct error *error)
{
	const struct rows files = record_rows(arena, step->record, "file");
	const struct words names = record_words(step->record, "files");
	const struct rows value = record_rows(arena, step->record, "value");
	bool good = true;

	for (size_t i = 0; i < files.count; i++)
		good = good && files.items[i].count > 0 && !strchr(files.items[i].items[0], '/');
	for (size_t i = 0; i < names.count; i++)
		good = good && !strchr(names.items[i], '/');
	if (!good)
		return fail(error, ERROR_CONFIG,
				"the worker publishes only what lies in its place");
	for (size_t i = 0; i < value.count; i++)
		if (value.items[i].count > 2 && strcmp(value.items[i].items[0], "password") == 0 &&
				!path_allowed(allowance, value.items[i].items[2], false, error))
			return false;
	return true;
}

/* ---- commands ---- */

static bool begins_with(struct words words, struct words beginning)
{
	if (words.count < beginning.count)
		return false;
	for (size_t i = 0; i < beginning.count; i++)
		if (strcmp(words.items[i], beginning.items[i]) != 0)
			return false;
	return true;
}

static bool may_run(const struct allowance *allowance, const char *user, struct words argv)
{
	for (size_t i = 0; i < allowance->run.count; i++) {
		const struct words row = allowance->run.items[i];
		const struct words beginning = { .items = row.items + 1, .count = row.count - 1 };

		if (beginning.count > 0 && strcmp(row.items[0], user) == 0 &&
				begins_with(argv, beginning))
			return true;
	}
	return false;
}

static bool may_find(const struct allowance *allowance, const char *variable)
{
	for (size_t i = 0; i < allowance->environment.count; i++)
		if (words_contain(allowance->environment.items[i], variable))
			return true;
	return false;
}

static bool command_allowed(const struct allowance *allowance, struct arena *arena,
		const struct step *step, struct error *error)
{
	const struct words argv = record_words(step->record, "argv");
	const struct rows environment = record_rows(arena, step->record, "environment");
	const char *user = record_text(step->record, "user");

	if (!user)
		user = "root";
	if (!may_run(allowance, user, argv))
		return fail(error, ERROR_CONFIG,
				"the worker's allowance does not allow it to run \"%s\" in this way as %s",
				argv.count > 0 ? argv.items[0] : "", user);
	for (size_t i = 0; i < environment.count; i++)
		if (environment.items[i].count == 0 ||
				!may_find(allowance, environment.items[i].items[0]))
			return fail(error, ERROR_CONFIG,
					"the worker's allowance does not allow a command this environment");
	return true;
}

bool allowance_covers(const struct allowance *allowance, struct arena *arena,
		const struct plan *plan, struct error *error)
{
	for (size_t i = 0; allowance && i < plan->count; i++) {
		const struct step *step = &plan->steps[i];

		if (!fields_allowed(allowance, step, error) ||
				!rows_allowed(allowance, arena, step, error))
			return false;
		if (step->kind == STEP_COMMAND && !command_allowed(allowance, arena, step, error))
			return false;
	}
	return true;
}
