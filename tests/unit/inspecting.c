#include "tests/unit/unit.h"

#include "tests/unit/inspecting.h"

#include <assert.h>
#include <string.h>

#include "controller/base/secret.h"
#include "controller/inspect/crypto.h"

void asking_done(struct asking *asking)
{
	for (size_t i = 0; i < asking->fd_count; i++)
		owned_close(&asking->fds[i]);
	buffer_done(&asking->text);
	inspect_reply_done(&asking->reply);
	arena_free(asking->arena);
	*asking = (struct asking){ 0 };
}

static struct arena *arena_of(struct asking *asking)
{
	if (!asking->arena)
		asking->arena = arena_new();
	return asking->arena;
}

static void add_fd(struct asking *asking, const void *bytes, size_t length)
{
	struct error error;

	assert(asking->fd_count < sizeof(asking->fds) / sizeof(*asking->fds));
	if (!memfd_of("file", bytes, length, &asking->fds[asking->fd_count], &error))
		fail_msg("%s", error.text);
	asking->fd_count++;
}

void ask_rule(struct asking *asking, const char *rule)
{
	buffer_printf(&asking->text, "%s\n", rule);
}

void ask_bytes(struct asking *asking, const char *name, const void *bytes, size_t length)
{
	struct record *record = record_new(arena_of(asking), "file", name, NULL);

	record_add_number(arena_of(asking), record, "arrived", ++asking->arrived);
	record_print(record, &asking->text);
	add_fd(asking, bytes, length);
}

void ask_file(struct asking *asking, const char *name, const struct buffer *content)
{
	ask_bytes(asking, name, content->bytes, content->length);
}

void ask_certificate(struct asking *asking, const char *name, const struct identity *who)
{
	autodone(buffer) struct buffer text = { 0 };

	add_certificate(&text, who);
	ask_file(asking, name, &text);
}

void ask_key(struct asking *asking, const char *name, const struct identity *who)
{
	autodone(buffer) struct buffer text = { 0 };

	add_key(&text, who, NULL);
	ask_file(asking, name, &text);
}

void ask_passphrases(struct asking *asking, const char *lines)
{
	buffer_add(&asking->text, "passphrases\n");
	add_fd(asking, lines, strlen(lines));
}

void ask_authorities(struct asking *asking, const struct buffer *pem)
{
	buffer_add(&asking->text, "authorities\n");
	add_fd(asking, pem->bytes, pem->length);
}

bool ask_badly(struct asking *asking, struct error *error)
{
	struct message message = { 0 };
	autodone(buffer) struct buffer text = { 0 };

	if (!crypto_init(error))
		return false;
	/* Tests that need a head of their own bring it. */
	if (strncmp(buffer_text(&asking->text), "inspect", 7) != 0)
		buffer_add(&text, "inspect test\n");
	buffer_add(&text, buffer_text(&asking->text));
	message.text = text.bytes;
	message.length = text.length;
	memcpy(message.fds, asking->fds, sizeof(asking->fds));
	message.fd_count = asking->fd_count;
	inspect_reply_done(&asking->reply);
	return inspect_request(&message, &asking->reply, error);
}

void ask(struct asking *asking)
{
	struct error error;

	if (!ask_badly(asking, &error) ||
			!records_read(arena_of(asking), buffer_text(&asking->reply.text),
					&asking->records, &error))
		fail_msg("%s", error.text);
}

static const char *word_of(const struct record *record, size_t index)
{
	return record ? record_word(record, index) : "";
}

const char *state_of(const struct asking *asking, const char *file)
{
	return word_of(records_find(&asking->records, "file", file), 2);
}

const char *sentence_of(const struct asking *asking, const char *file)
{
	return word_of(records_find(&asking->records, "file", file), 3);
}

const char *first_missing(const struct asking *asking)
{
	return word_of(records_find(&asking->records, "missing", NULL), 1);
}

const char *first_refused(const struct asking *asking)
{
	return word_of(records_find(&asking->records, "refused", NULL), 1);
}

size_t credentials_in(const struct asking *asking)
{
	size_t count = 0;

	for (size_t i = 0; i < asking->records.count; i++)
		count += strcmp(record_word(asking->records.items[i], 0), "credential") == 0;
	assert(count == asking->reply.fd_count);
	return count;
}

void read_credential(struct asking *asking, struct credential *credential, const char **parts)
{
	autodone(secret) struct secret text = { 0 };
	struct error error;

	if (credentials_in(asking) == 0)
		fail_msg("no credential: %s", buffer_text(&asking->reply.text));
	if (!secret_read(&text, asking->reply.fds[0], CREDENTIAL_FILE_MAX, &error) ||
			!credential_file_read(arena_of(asking),
					arena_copy_bytes(arena_of(asking), text.bytes, text.length),
					credential, parts, &error))
		fail_msg("%s", error.text);
}
