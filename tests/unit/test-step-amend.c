#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/site.h"
#include "tests/unit/worker.h"

static struct pair pair, before;
static struct arena *arena;

/* Two sources of a replica; what they hold besides must come back word for word. */
static const char *const sources =
		"{\"uid\": 7, \"name\": \"cache\", \"memory_size\": 123, \"replica_sources\": ["
		"{\"uid\": 1, \"uri\": \"redis://admin:s3cret-one@c1.example:12000\","
		" \"encryption\": true, \"server_cert\": \"old\", \"client_key\": \"s3cret-key\","
		" \"compression\": 3, \"status\": \"in-sync\", \"lag\": 0},"
		"{\"uid\": 2, \"uri\": \"redis://admin:s3cret-two@c2.example:12000\","
		" \"encryption\": true, \"server_cert\": \"other\", \"status\": \"in-sync\"}]}";

/* What an operator would call: give source 1 its new certificate. */
static const char *const new_certificate = "\tpoll 10\n\tarray /replica_sources\n\taction set\n"
					   "\twhere /uid number 1\n"
					   "\tset server_cert {content:leaf}\n"
					   "\tsend replica_sources\n"
					   "\tmembers uid uri encryption server_cert client_key "
					   "compression\n";

static int set_up(void **state)
{
	(void)state;
	pair_make(&pair, "c1.example");
	pair_make(&before, "c1.example");
	arena = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pair_done(&pair);
	pair_done(&before);
	arena_free(arena);
	return 0;
}

/* One step in the phases given, "prepare change"; the conversation and the site after it. */
static void amend(struct conversation *c, struct site *site, const char *phases, const char *fields)
{
	struct pair *const pairs[] = { &pair, &before, NULL };
	const char *plan = arena_printf(arena, "plan web put\n\tcredential %s\n\tpredecessor %s\n",
			pair.digest.hex, before.digest.hex);

	site_start(site);
	while (*phases) {
		const size_t length = strcspn(phases, " ");

		plan = arena_printf(arena,
				"%s%s amend \"give it the new certificate\"\n"
				"\turl %s/v1/bdbs/7\n%s",
				plan, arena_copy_bytes(arena, phases, length), site->url, fields);
		phases += length + strspn(phases + length, " ");
	}
	converse(c, "work apply", plan, pairs, NEVER);
	site_stop(site);
}

static size_t count(const struct site *site, const char *text)
{
	size_t found = 0;

	for (const char *at = buffer_text(&site->heard); (at = strstr(at, text)); at++)
		found++;
	return found;
}

/* As it stands in JSON. */
static const char *escaped(const char *text)
{
	autodone(buffer) struct buffer buffer = { 0 };

	for (; *text; text++)
		buffer_printf(&buffer, *text == '\n' ? "\\n" : "%c", *text);
	return arena_copy(arena, buffer_text(&buffer));
}

static void assert_no_secret_was_told(const struct conversation *c)
{
	autodone(buffer) struct buffer said = { 0 };

	records_print(&c->said, &said);
	assert_null(strstr(buffer_text(&said), "s3cret"));
}

static void only_what_is_named_changes(void **state)
{
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	const char *body;

	(void)state;
	amend(&c, &site, "change", new_certificate);
	assert_string_equal(c.end, "applied");
	body = arena_printf(arena,
			"{\"replica_sources\":["
			"{\"uid\":1,\"uri\":\"redis://admin:s3cret-one@c1.example:12000\","
			"\"encryption\":true,\"server_cert\":\"%s\",\"client_key\":\"s3cret-key\","
			"\"compression\":3},"
			"{\"uid\":2,\"uri\":\"redis://admin:s3cret-two@c2.example:12000\","
			"\"encryption\":true,\"server_cert\":\"other\"}]}",
			escaped(pair.certificate));
	assert_non_null(strstr(buffer_text(&site.heard), body));
	assert_no_secret_was_told(&c);
	site_done(&site);
}

static void what_was_read_in_prepare_is_not_read_again(void **state)
{
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	amend(&c, &site, "prepare change", new_certificate);
	assert_string_equal(c.end, "applied");
	assert_int_equal(count(&site, "GET /v1/bdbs/7"), 1);
	assert_int_equal(count(&site, "PUT /v1/bdbs/7"), 1);
	assert_int_equal(atomic_load(&site.connections), 1);
	site_done(&site);
}

static void what_was_read_too_long_ago_is_read_again(void **state)
{
	static const char *const now = "{\"replica_sources\": [{\"uid\": 1, \"uri\": "
				       "\"redis://new@c1.example:12000\"}]}";
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "GET /v1/bdbs/7", 200, NULL, now }, { "PUT /v1/bdbs/7", 200, NULL, "{}" },
		{ 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	struct pair *const pairs[] = { &pair, NULL };
	const char *step;

	(void)state;
	site_start(&site);
	step = arena_printf(arena, "amend \"give it\"\n\turl %s/v1/bdbs/7\n%s\tfresh 1\n", site.url,
			new_certificate);
	/* To run a program takes longer than a millisecond. */
	converse(&c, "work apply",
			arena_printf(arena,
					"plan web put\n\tcredential %s\nprepare %s"
					"prepare command wait\n\targv /bin/sh -c \"true; true\"\nchange %s",
					pair.digest.hex, step, step),
			pairs, NEVER);
	site_stop(&site);
	assert_string_equal(c.end, "applied");
	assert_int_equal(count(&site, "GET /v1/bdbs/7"), 2);
	assert_non_null(strstr(buffer_text(&site.heard), "redis://new@c1.example"));
	assert_null(strstr(buffer_text(&site.heard), "s3cret-one"));
	site_done(&site);
}

static void nothing_is_written_when_it_is_as_it_should_be(void **state)
{
	struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, NULL }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	/* This server leaves out the last line's end. */
	pages[0].body = arena_printf(arena,
			"{\"replica_sources\": [{\"uid\": 1, \"server_cert\": \"%.*s\"}]}",
			(int)strlen(escaped(pair.certificate)) - 2, escaped(pair.certificate));
	amend(&c, &site, "prepare change finish", new_certificate);
	assert_string_equal(c.end, "applied");
	assert_int_equal(count(&site, "PUT"), 0);
	site_done(&site);
}

static void masked_texts_are_not_written_back(void **state)
{
	static const char *const masked = "{\"replica_sources\": [{\"uid\": 1, \"uri\": "
					  "\"redis://admin:*****@c1.example:12000\"}]}";
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, masked },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	amend(&c, &site, "prepare change", new_certificate);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "the server shows uri masked"));
	assert_int_equal(count(&site, "PUT"), 0);
	site_done(&site);
}

static void a_busy_server_is_asked_anew_before_it_is_written_again(void **state)
{
	static const char *const meanwhile =
			"{\"replica_sources\": [{\"uid\": 1, \"uri\": \"redis://later@c1.example:12000\"}]}";
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "GET /v1/bdbs/7", 200, NULL, meanwhile },
		{ "PUT /v1/bdbs/7", 409, NULL, "{\"error_code\": \"busy\"}" },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	const char *fields = arena_printf(arena, "%s\tretry 409\n", new_certificate);
	const char *second;

	(void)state;
	amend(&c, &site, "prepare change", fields);
	assert_string_equal(c.end, "applied");
	assert_int_equal(count(&site, "PUT /v1/bdbs/7"), 2);
	second = strrchr(buffer_text(&site.heard), '{');
	assert_non_null(strstr(second, "redis://later@c1.example"));
	site_done(&site);
}

static void a_refusal_is_not_repeated(void **state)
{
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "PUT /v1/bdbs/7", 406, NULL, "{\"description\": \"bad configuration\"}" },
		{ 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	amend(&c, &site, "change", new_certificate);
	assert_string_equal(c.end, "undone");
	assert_non_null(strstr(failure_in(&c), "status 406: bad configuration"));
	assert_int_equal(count(&site, "PUT"), 1);
	site_done(&site);
}

static void a_missing_element_is_told(void **state)
{
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, "{\"replica_sources\": []}" },
		{ 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	amend(&c, &site, "prepare", new_certificate);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "/replica_sources has no such element any more"));
	site_done(&site);
}

static void elements_are_added_and_removed(void **state)
{
	struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, NULL },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages }, later = { .pages = pages };
	autodone(conversation) struct conversation c, d;
	static const char *const list =
			"\tarray /certs\n\tsend certs\n\tset client_cert {content:leaf}\n";

	(void)state;
	pages[0].body = arena_printf(arena, "{\"certs\": [{\"client_cert\": \"%s\"}], \"x\": 1}",
			escaped(before.certificate));
	amend(&c, &site, "change",
			arena_printf(arena, "%s\taction add\n\twhere /client_cert certificate %s\n",
					list, pair.fingerprint.hex));
	assert_string_equal(c.end, "applied");
	assert_non_null(strstr(buffer_text(&site.heard),
			arena_printf(arena,
					"{\"certs\":[{\"client_cert\":\"%s\"},{\"client_cert\":\"%s\"}]}",
					escaped(before.certificate), escaped(pair.certificate))));
	site_done(&site);

	amend(&d, &later, "change",
			arena_printf(arena,
					"%s\taction remove\n\twhere /client_cert certificate %s\n",
					list, before.fingerprint.hex));
	assert_string_equal(d.end, "applied");
	assert_non_null(strstr(buffer_text(&later.heard), "{\"certs\":[]}"));
	site_done(&later);
}

static void the_server_is_told_which_version_was_read(void **state)
{
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, "ETag: \"v1\"\r\n", sources },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	amend(&c, &site, "prepare change",
			arena_printf(arena, "%s\tmatch ETag If-Match\n", new_certificate));
	assert_string_equal(c.end, "applied");
	assert_non_null(strstr(buffer_text(&site.heard), "If-Match: \"v1\"\r\n"));
	site_done(&site);
}

static void a_rehearsal_that_fails_has_changed_nothing(void **state)
{
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "PUT /v1/bdbs/7?dry_run=true", 406, NULL,
				"{\"error_code\": \"certificate_expired\"}" },
		{ "PUT /v1/bdbs/7", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	amend(&c, &site, "prepare change",
			arena_printf(arena, "%s\trehearsal dry_run=true\n", new_certificate));
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "rehearsal: PUT"));
	assert_int_equal(count(&site, "PUT /v1/bdbs/7 "), 0);
	site_done(&site);
}

static void undoing_reads_what_is_there_then(void **state)
{
	static const char *const meanwhile =
			"{\"replica_sources\": [{\"uid\": 1, \"uri\": \"redis://later@c1.example:12000\"}]}";
	const struct page pages[] = { { "GET /v1/bdbs/7", 200, NULL, sources },
		{ "GET /v1/bdbs/7", 200, NULL, meanwhile }, { "PUT /v1/bdbs/7", 200, NULL, "{}" },
		{ 0 } };
	struct site site = { .pages = pages };
	struct pair *const pairs[] = { &pair, &before, NULL };
	autodone(conversation) struct conversation c;
	const char *last;

	(void)state;
	site_start(&site);
	converse(&c, "work apply",
			arena_printf(arena,
					"plan web put\n\tcredential %s\n\tpredecessor %s\n"
					"undo amend \"the old one\"\n\turl %s/v1/bdbs/7\n\taction set\n"
					"\tarray /replica_sources\n\twhere /uid number 1\n"
					"\tset server_cert {content:predecessor:leaf}\n"
					"change amend \"the new one\"\n\turl %s/v1/bdbs/7\n%s"
					"change http \"refused\"\n\turl %s/none\n",
					pair.digest.hex, before.digest.hex, site.url, site.url,
					new_certificate, site.url),
			pairs, NEVER);
	site_stop(&site);
	assert_string_equal(c.end, "undone");
	last = strrchr(buffer_text(&site.heard), '[');
	assert_non_null(strstr(last, "redis://later@c1.example"));
	assert_non_null(strstr(last, escaped(before.certificate)));
	site_done(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_named_changes),
		cmocka_unit_test(what_was_read_in_prepare_is_not_read_again),
		cmocka_unit_test(what_was_read_too_long_ago_is_read_again),
		cmocka_unit_test(nothing_is_written_when_it_is_as_it_should_be),
		cmocka_unit_test(masked_texts_are_not_written_back),
		cmocka_unit_test(a_busy_server_is_asked_anew_before_it_is_written_again),
		cmocka_unit_test(a_refusal_is_not_repeated),
		cmocka_unit_test(a_missing_element_is_told),
		cmocka_unit_test(elements_are_added_and_removed),
		cmocka_unit_test(the_server_is_told_which_version_was_read),
		cmocka_unit_test(a_rehearsal_that_fails_has_changed_nothing),
		cmocka_unit_test(undoing_reads_what_is_there_then),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
