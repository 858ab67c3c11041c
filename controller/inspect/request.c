#include "controller/inspect/request.h"

#include <string.h>

#include "controller/base/printable.h"
#include "controller/inspect/judge/law.h"
#include "controller/inspect/read/envelope.h"
#include "controller/inspect/read/format.h"

enum {
	DERIVATIONS_DEFAULT = 2000000,
	WORK_FACTOR = 8, /* a request may cost as much as this many files */
	PASSPHRASES_SIZE_MAX = 16 << 10,
};

void request_done(struct request *request)
{
	findings_done(&request->findings);
	findings_done(&request->authorities);
	secret_done(&request->passphrases.text);
	secret_done(&request->key_passphrases.text);
	*request = (struct request){ 0 };
}

/* ---- the parts of a request ---- */

static bool is(const struct record *record, const char *word)
{
	return strcmp(record_word(record, 0), word) == 0;
}

static bool read_passphrases(struct passphrases *passphrases, int fd, struct error *error)
{
	char *line, *rest;

	if (!secret_read(&passphrases->text, fd, PASSPHRASES_SIZE_MAX, error))
		return fail(error, ERROR_CONFIG, "the passphrase file: %s", error->text);
	rest = (char *)passphrases->text.bytes;
	while ((line = strsep(&rest, "\n"))) {
		line[strcspn(line, "\r")] = '\0';
		if (!*line)
			continue;
		if (passphrases->count == PASSPHRASES_MAX)
			return fail(error, ERROR_CONFIG,
					"the passphrase file has more than %d lines",
					PASSPHRASES_MAX);
		passphrases->lines[passphrases->count++] = line;
	}
	return true;
}

static bool read_authorities(struct findings *authorities, int fd, struct error *error)
{
	autodone(secret) struct secret text = { 0 };
	struct input input = { .name = "authorities", .shown = "the authorities file" };

	findings_init(authorities);
	if (!secret_read(&text, fd, FORMAT_SIZE_MAX, error))
		return fail(error, ERROR_CONFIG, "the authorities file: %s", error->text);
	if (pem_read(authorities, &input, (struct bytes){ text.bytes, text.length }) !=
			VERDICT_SOUND)
		return fail(error, ERROR_CONFIG, "%s", input.sentence);
	for (size_t i = 0; i < authorities->certificate_count; i++) {
		authorities->certificates[i]->known = true;
		authorities->certificates[i]->files = 0; /* none that was dropped */
	}
	return true;
}

/* A file that cannot be used is a verdict, not an error. */
static bool read_file(struct request *request, struct input *input, int fd, struct error *error)
{
	autodone(secret) struct secret content = { 0 };
	enum verdict verdict;

	if (!secret_read(&content, fd, INSPECT_FILE_SIZE_MAX, error)) {
		if (error->kind != ERROR_INPUT)
			return fail_while(error, "%s", input->shown);
		(void)conclude(&request->findings, input, VERDICT_REFUSED,
				"has %s; no more are allowed", error->text);
		return true;
	}
	verdict = format_read(
			&request->findings, input, (struct bytes){ content.bytes, content.length });
	input->verdict = verdict;
	/* A file that goes on later is read again then, as a whole. */
	if (verdict == VERDICT_REFUSED || verdict == VERDICT_INCOMPLETE)
		findings_forget(&request->findings, input);
	return true;
}

static bool add_file(
		struct request *request, const struct record *record, int fd, struct error *error)
{
	const char *name = record_word(record, 1);
	struct input *input = &request->inputs[request->input_count];

	if (request->input_count == INSPECT_FILES_MAX)
		return fail(error, ERROR_INTERNAL, "more than %d files in one request",
				INSPECT_FILES_MAX);
	*input = (struct input){
		.name = name,
		.shown = printable(request->findings.arena, name, strlen(name)),
		.index = (unsigned)request->input_count++,
		.arrived = record_number(record, "arrived", 0),
		.sentence = "",
	};
	request->fds[input->index] = fd;
	return true;
}

/* Those that are halves of envelopes, or those that are not. */
static bool read_some(struct request *request, bool halves, struct error *error)
{
	for (size_t i = 0; i < request->input_count; i++)
		if (envelope_is_half(request->inputs[i].shown) == halves &&
				!read_file(request, &request->inputs[i], request->fds[i], error))
			return false;
	return true;
}

/* Envelopes first: the keys need what is in them. */
static bool read_files(struct request *request, struct error *error)
{
	return read_some(request, true, error) && read_some(request, false, error);
}

/* ---- all of it ---- */

enum pass { PASS_SETTINGS, PASS_FILES };

/* Passphrases may come behind the files that need them: settings are read first. */
static bool read_pass(struct request *request, const struct message *message, enum pass pass,
		struct error *error)
{
	size_t next = 0;

	for (size_t i = 0; i < request->records.count; i++) {
		const struct record *record = request->records.items[i];
		const bool file = is(record, "file");
		bool good = true;
		int fd;

		if (!file && !is(record, "passphrases") && !is(record, "key-passphrases") &&
				!is(record, "authorities"))
			continue;
		if (next == message->fd_count)
			return fail(error, ERROR_INTERNAL, "a request with too few descriptors");
		fd = message->fds[next++];
		if (file && pass == PASS_FILES)
			good = add_file(request, record, fd, error);
		else if (is(record, "passphrases") && pass == PASS_SETTINGS)
			good = read_passphrases(&request->passphrases, fd, error);
		else if (is(record, "key-passphrases") && pass == PASS_SETTINGS)
			good = read_passphrases(&request->key_passphrases, fd, error);
		else if (is(record, "authorities") && pass == PASS_SETTINGS)
			good = request->has_authorities =
					read_authorities(&request->authorities, fd, error);
		if (!good)
			return false;
	}
	return next == message->fd_count ||
			fail(error, ERROR_INTERNAL, "a request with too many descriptors");
}

static bool read_records(struct request *request, const char *text, struct error *error)
{
	struct findings *findings = &request->findings;
	const struct record *head;

	if (!records_read(findings->arena, text, &request->records, error))
		return fail_while(error, "a request");
	head = records_find(&request->records, "inspect", NULL);
	if (!head)
		return fail(error, ERROR_INTERNAL, "a request without an inspect record");
	findings->derivations_max = record_number(head, "derivations", DERIVATIONS_DEFAULT);
	findings->derivations_left = WORK_FACTOR * findings->derivations_max;
	findings->passphrases = &request->passphrases;
	findings->key_passphrases = &request->key_passphrases;
	findings->key_alias = record_text(head, "key-alias");
	findings->several_keys = rules_want_part(&request->records, "client-leaf") ||
			rules_want_part(&request->records, "client-key");
	findings->trust_stores = rules_want_part(&request->records, "ca") ||
			rules_want_bundle(&request->records);
	rules_package(&request->records, &findings->package, &findings->package_says);
	return rules_check(&request->records, error);
}

bool request_read(const struct message *message, struct request *request, struct error *error)
{
	findings_init(&request->findings);
	return read_records(request, message->text, error) &&
			read_pass(request, message, PASS_SETTINGS, error) &&
			read_pass(request, message, PASS_FILES, error) &&
			read_files(request, error);
}
