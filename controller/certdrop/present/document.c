#include "controller/certdrop/present/document.h"

#include <assert.h>
#include <limits.h>

#include "controller/certdrop/present/date.h"

static json_t *replace_bytes(const char *text)
{
	autodone(buffer) struct buffer clean = { 0 };

	for (; *text; text++) {
		if ((unsigned char)*text < 0x80)
			buffer_append(&clean, text, 1);
		else
			buffer_add(&clean, "\xEF\xBF\xBD");
	}
	return json_string(buffer_text(&clean));
}

json_t *document_text(const char *text)
{
	json_t *json;

	if (!text)
		return json_null();
	json = json_string(text);
	if (!json)
		json = replace_bytes(text);
	assert(json);
	return json;
}

json_t *document_words(struct words words)
{
	json_t *list = json_array();

	for (size_t i = 0; i < words.count; i++)
		(void)json_array_append_new(list, document_text(words.items[i]));
	assert(list && json_array_size(list) == words.count);
	return list;
}

json_t *document_time(long long seconds)
{
	return seconds ? document_text(date_print(seconds).text) : json_null();
}

static void add(json_t *object, const char *name, json_t *value)
{
	const int failed = json_object_set_new(object, name, value);

	assert(!failed);
}

json_t *document_brief(const struct credential *credential)
{
	json_t *brief;

	if (!credential)
		return json_null();
	brief = json_object();
	add(brief, "digest", document_text(credential->digest));
	add(brief, "fingerprint", document_text(credential->fingerprint));
	add(brief, "subject", document_text(credential->subject));
	add(brief, "not_after", document_time(credential->not_after));
	return brief;
}

/* Each row is one sentence. */
static json_t *sentences(struct rows rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].count > 0)
			(void)json_array_append_new(list, document_text(rows.items[i].items[0]));
	assert(list);
	return list;
}

/* What else ends: {"what": "the client certificate of CN=app", "not_after": ...}. */
static json_t *lasting(struct rows rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows.count; i++) {
		const struct lasting one = credential_lasting(rows.items[i]);
		json_t *object = json_object();

		add(object, "what", document_text(one.what));
		add(object, "not_before", document_time(one.from));
		add(object, "not_after",
				one.until == LLONG_MAX ? json_null() : document_time(one.until));
		(void)json_array_append_new(list, object);
	}
	assert(list && json_array_size(list) == rows.count);
	return list;
}

json_t *document_facts(const struct credential *credential)
{
	json_t *facts = json_object();

	add(facts, "digest", document_text(credential->digest));
	add(facts, "fingerprint", document_text(credential->fingerprint));
	add(facts, "key_fingerprint", document_text(credential->key_fingerprint));
	add(facts, "subject", document_text(credential->subject));
	add(facts, "issuer", document_text(credential->issuer));
	add(facts, "serial", document_text(credential->serial));
	add(facts, "not_before", document_time(credential->not_before));
	add(facts, "not_after", document_time(credential->not_after));
	add(facts, "key", document_text(credential->key));
	add(facts, "names", document_words(credential->names));
	add(facts, "usages", document_words(credential->usages));
	add(facts, "parts", document_words(credential->parts));
	add(facts, "chain", document_words(credential->chain));
	add(facts, "self_signed", json_boolean(credential->self_signed));
	add(facts, "client_fingerprint", document_text(credential->client_fingerprint));
	add(facts, "lasts", lasting(credential->lasts));
	add(facts, "warnings", sentences(credential->warnings));
	return facts;
}
