#define _GNU_SOURCE
#include "controller/certdrop/present/receipt.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/arena.h"
#include "controller/base/file.h"
#include "controller/base/owned.h"
#include "controller/certdrop/present/document.h"

/* Must come last in the file: see is_there(). */
static const char updated_mark[] = "\n  \"updated\": ";

/* How each of them begins. */
static const char first_mark[] = "{\n  \"target\": ";

enum { ASIDE_MAX = 1000, PAGE = 4096 };

static void add(json_t *object, const char *name, json_t *value)
{
	const int failed = json_object_set_new(object, name, value);

	assert(!failed);
}

static json_t *inputs_json(const struct receipt *receipt)
{
	json_t *list = json_array();

	for (size_t i = 0; i < receipt->input_count; i++) {
		json_t *input = json_object();

		add(input, "name", document_text(receipt->inputs[i].name));
		add(input, "sha256", document_text(receipt->inputs[i].sha256));
		(void)json_array_append_new(list, input);
	}
	return list;
}

static json_t *left_json(const struct receipt *receipt)
{
	json_t *list = json_array();

	for (size_t i = 0; i < receipt->left_count; i++) {
		json_t *left = json_object();

		add(left, "name", document_text(receipt->left[i].name));
		add(left, "sha256", document_text(receipt->left[i].sha256));
		add(left, "state", document_text(receipt->left[i].state));
		add(left, "reason", document_text(receipt->left[i].reason));
		(void)json_array_append_new(list, left);
	}
	return list;
}

static json_t *steps_json(const struct receipt *receipt)
{
	json_t *list = json_array();

	for (size_t i = 0; i < receipt->step_count; i++) {
		json_t *step = json_object();

		add(step, "text", document_text(receipt->steps[i].text));
		add(step, "result", document_text(receipt->steps[i].result));
		add(step, "milliseconds", json_integer(receipt->steps[i].milliseconds));
		(void)json_array_append_new(list, step);
	}
	return list;
}

static json_t *number_json(long long number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *pending_json(const struct receipt *receipt)
{
	json_t *json;

	if (!receipt->pending)
		return json_null();
	json = json_object();
	add(json, "text", document_text(receipt->pending));
	add(json, "reason", document_text(receipt->pending_reason));
	add(json, "at", document_time(receipt->pending_at));
	return json;
}

json_t *receipt_json(const struct receipt *receipt)
{
	json_t *json = json_object();

	add(json, "target", document_text(receipt->target));
	add(json, "state", document_text(receipt->state));
	add(json, "reason", document_text(receipt->reason));
	add(json, "fingerprint", document_text(receipt->fingerprint));
	add(json, "subject", document_text(receipt->subject));
	add(json, "not_after", document_time(receipt->not_after));
	add(json, "inputs", inputs_json(receipt));
	add(json, "not_taken", left_json(receipt));
	add(json, "steps", steps_json(receipt));
	add(json, "gap_ms", number_json(receipt->gap_ms));
	add(json, "gap_budget_ms", number_json(receipt->gap_budget_ms));
	add(json, "warnings", document_words(receipt->warnings));
	add(json, "others", document_words(receipt->others));
	add(json, "pending", pending_json(receipt));
	add(json, "updated", document_time(receipt->updated));
	return json;
}

/* What has the receipt's name, if it is a file. Whoever drops files may have put anything there:
 * a link is not followed, a FIFO not waited for. */
static int open_old(int directory, const char *name, struct stat *status)
{
	autoclose int fd = openat(
			directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, status) < 0 || !S_ISREG(status->st_mode))
		return -1;
	return hand_over_fd(&fd);
}

/* At most `size` bytes from its beginning; -1: it cannot be read. */
static ssize_t read_old(int fd, char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size) {
		const ssize_t got = read(fd, bytes + length, size - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

/* Is the same receipt there, but for its time? The bytes are compared, so that no parser
 * ever sees what a stranger may have written; the time is all that follows the mark, and
 * always of one length. */
static bool is_there(int directory, const char *name, const char *text)
{
	autoarena struct arena *arena = arena_new();
	const char *mark = strstr(text, updated_mark);
	const size_t length = strlen(text);
	char *old = arena_alloc(arena, length + 1);
	struct stat status;
	autoclose int fd = open_old(directory, name, &status);

	assert(mark);
	return fd >= 0 && (status.st_mode & 07777) == 0644 &&
			read_old(fd, old, length + 1) == (ssize_t)length &&
			memcmp(old, text, (size_t)(mark - text) + sizeof(updated_mark) - 1) == 0;
}

/* In which no certificate and no key begins, in whatever format. */
static bool begins_with_zeros(int fd)
{
	char bytes[PAGE];
	const ssize_t length = pread(fd, bytes, sizeof(bytes), 0);

	for (ssize_t i = 0; i < length; i++)
		if (bytes[i] != '\0')
			return false;
	return length >= 0;
}

/* A power cut may leave nothing but the name of a receipt whose disk was not waited for, or zeros in the
 * place of its bytes. There is nothing in it to lose, unless somebody is about to fill it. */
static bool is_hollow(int fd, const struct stat *status)
{
	return status->st_uid == geteuid() && begins_with_zeros(fd) && !file_has_writer(fd);
}

/* A file that is not even ours to read is nobody's receipt either. false: it cannot be told for now. */
static bool find_out(int directory, const char *name, bool *strange)
{
	char beginning[sizeof(first_mark) - 1];
	struct stat status;
	autoclose int fd = -1;
	ssize_t length;

	*strange = false;
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	if (!S_ISREG(status.st_mode))
		return true;
	fd = open_old(directory, name, &status);
	*strange = fd < 0 && errno == EACCES;
	if (fd < 0)
		return *strange || errno == ENOENT;
	if (is_hollow(fd, &status))
		return true;
	length = read_old(fd, beginning, sizeof(beginning));
	*strange = length < (ssize_t)sizeof(beginning) ||
			memcmp(beginning, first_mark, sizeof(beginning)) != 0;
	return length >= 0;
}

bool receipt_make_way(
		int directory, const char *name, struct receipt_aside *aside, struct error *error)
{
	bool strange;

	aside->name[0] = '\0';
	if (!find_out(directory, name, &strange))
		return fail(error, ERROR_RETRY, "%s cannot be looked at: %s", name,
				strerror(errno));
	if (!strange)
		return true;
	for (int i = 1; i <= ASIDE_MAX; i++) {
		struct receipt_aside to = { .name = "dropped-receipt.json" };

		if (i > 1)
			(void)snprintf(to.name, sizeof(to.name), "dropped-receipt-%d.json", i);
		if (renameat2(directory, name, directory, to.name, RENAME_NOREPLACE) == 0) {
			*aside = to;
			return true;
		}
		if (errno == ENOENT)
			return true;
		if (errno != EEXIST)
			break;
	}
	return fail(error, ERROR_RETRY, "%s is no receipt, and cannot be moved aside: %s", name,
			strerror(errno));
}

bool receipt_write(
		int directory, const char *name, const struct receipt *receipt, struct error *error)
{
	json_t *json = receipt_json(receipt);
	autofree char *text = json_dumps(json, JSON_INDENT(2));
	autodone(buffer) struct buffer file = { 0 };

	json_decref(json);
	assert(text);
	buffer_printf(&file, "%s\n", text);
	if (is_there(directory, name, file.bytes))
		return true;
	if (receipt->passing)
		return file_replace_briefly(directory, name, file.bytes, file.length, 0644, error);
	return file_replace(directory, name, file.bytes, file.length, 0644, error);
}
