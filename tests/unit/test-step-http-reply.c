#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/requesting.h"

/* What is made of the reply to a request: the values that are picked from it, and what its status
 * decides. No private key comes out of it. */

/* ---- picking ---- */

static void values_are_picked_through_arrays(void **state)
{
	struct page pages[] = { { "GET /all", 200, NULL, NULL }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	const struct record *seen;
	const char *pem = arena_copy(arena, pair.certificate);
	autodone(buffer) struct buffer escaped = { 0 };

	(void)state;
	for (; *pem; pem++)
		buffer_printf(&escaped, *pem == '\n' ? "\\n" : "%c", *pem);
	pages[0].body = arena_printf(arena,
			"{\"name\": \"c1\", \"n\": 7, \"f\": 1.5, \"w\": 3.0, \"s\": \"42\", \"yes\": true, "
			"\"a/b\": {\"~x\": \"odd\"},"
			" \"list\": [{\"uid\": 1, \"role\": \"master\"}, {\"uid\": 2}, {\"uid\": 3, "
			"\"role\": null}],"
			" \"uri\": \"redis://admin:s3cret/x@c1.example:12000/0\", \"map\": {\"p\": {\"q\": [1, 2]}, \"r\": {\"q\": [3]}}, \"pem\": \"%s\"}",
			buffer_text(&escaped));
	site_start(&site);
	seen = ask(&c,
			arena_printf(arena,
					"\turl %s/all\n"
					"\tpick name /name text\n\tpick n /n number\n"
					"\tpick f /f number\n\tpick s /s number\n\tpick w /w number\n"
					"\tpick yes /yes text\n\tpick odd /a~1b/~0x text\n"
					"\tpick uids /list/*/uid number\n"
					"\tpick roles /list/*/role text\n"
					"\tpick second /list/1/uid text\n"
					"\tpick deep /map/*/q/* number\n"
					"\tpick none /nothing/*/x text\n"
					"\tpick leaf /pem certificate\n"
					"\tpick end /pem certificate-end\n"
					"\tpick host /uri address\n\tpick uri /uri text\n"
					"\tpick names /map names\n",
					site.url));
	site_stop(&site);
	assert_string_equal(record_text(seen, "status"), "200");
	assert_string_equal(record_text(seen, "name"), "c1");
	assert_string_equal(record_text(seen, "n"), "7");
	assert_string_equal(record_text(seen, "f"), "1.5");
	assert_string_equal(record_text(seen, "w"), "3");
	assert_string_equal(record_text(seen, "s"), "42");
	assert_string_equal(record_text(seen, "yes"), "true");
	assert_string_equal(record_text(seen, "odd"), "odd");
	assert_string_equal(joined(record_words(seen, "uids")), "1,2,3");
	assert_string_equal(joined(record_words(seen, "roles")), "master,,");
	assert_string_equal(record_text(seen, "second"), "2");
	assert_string_equal(joined(record_words(seen, "deep")), "1,2,3");
	assert_null(record_text(seen, "none"));
	assert_string_equal(record_text(seen, "leaf"), pair.fingerprint.hex);
	assert_true(strtoll(record_text(seen, "end"), NULL, 10) > 1700000000);
	assert_string_equal(joined(record_words(seen, "names")), "p,r");
	assert_string_equal(record_text(seen, "host"), "c1.example:12000");
	assert_string_equal(record_text(seen, "uri"), "redis://**************@c1.example:12000/0");
	site_done(&site);
}

static void what_was_not_asked_for_is_no_answer(void **state)
{
	static const char each[] = "\tpick uid /*/uid number\n", all[] = "\tpick name /name text\n",
			  named[] = "\tpick of \"\" names\n\tpick uid /*/uid number\n";
	static const struct {
		const char *body, *picks;
		bool answers;
	} cases[] = {
		{ "[]", each, true },
		{ "[{\"uid\": 1}]", each, true },
		{ "{}", each, false },
		{ "{\"1\": {\"uid\": 1}}", each, false },
		{ "{\"1\": {\"uid\": 1}}", named, true },
		{ "null", each, false },
		{ "<html>be right back</html>", each, false },
		{ "<html>be right back</html>", all, false },
		{ "", all, false },
		{ "{}", all, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct page pages[] = { { "GET /all", 200, NULL, cases[i].body }, { 0 } };
		struct site site = { .pages = pages };
		autodone(conversation) struct conversation c;
		const struct record *seen;

		site_start(&site);
		seen = ask(&c, arena_printf(arena, "\turl %s/all\n%s", site.url, cases[i].picks));
		site_stop(&site);
		if (cases[i].answers)
			assert_int_equal(record_words(seen, "failed").count, 0);
		else
			assert_failed(seen, "retry", "not what was asked for");
		site_done(&site);
	}
}

static const char *escaped_pem(const char *first, const char *second)
{
	autodone(buffer) struct buffer text = { 0 };

	for (const char *p = arena_printf(arena, "%s%s", first, second); *p; p++)
		buffer_printf(&text, *p == '\n' ? "\\n" : "%c", *p);
	return arena_copy(arena, buffer_text(&text));
}

/* In whatever order, and however often: the same certificates are the same. */
static void certificates_together_are_known_by_one_fingerprint(void **state)
{
	struct page pages[] = { { "GET /all", 200, NULL, NULL }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	const struct record *seen;

	(void)state;
	pages[0].body = arena_printf(arena,
			"{\"one\": \"%s\", \"ab\": \"%s\", \"ba\": \"%s\", \"aa\": \"%s\", "
			"\"bad\": \"%s-----BEGIN CERTIFICATE-----\"}",
			escaped_pem(pair.certificate, ""),
			escaped_pem(pair.certificate, other.certificate),
			escaped_pem(other.certificate, pair.certificate),
			escaped_pem(pair.certificate, pair.certificate),
			escaped_pem(pair.certificate, ""));
	site_start(&site);
	seen = ask(&c,
			arena_printf(arena,
					"\turl %s/all\n"
					"\tpick one /one certificates\n\tpick ab /ab certificates\n"
					"\tpick ba /ba certificates\n\tpick aa /aa certificates\n"
					"\tpick bad /bad certificates\n"
					"\tpick end /ab certificates-end\n",
					site.url));
	site_stop(&site);
	assert_string_equal(record_text(seen, "one"), pair.fingerprint.hex);
	assert_string_equal(record_text(seen, "aa"), pair.fingerprint.hex);
	assert_string_equal(record_text(seen, "ab"), record_text(seen, "ba"));
	assert_string_not_equal(record_text(seen, "ab"), record_text(seen, "one"));
	assert_string_equal(record_text(seen, "bad"), "");
	assert_true(strtoll(record_text(seen, "end"), NULL, 10) > 1700000000);
	site_done(&site);
}

static void a_private_key_in_a_reply_stays_in_the_worker(void **state)
{
	struct page pages[] = { { "GET /key", 200, NULL, NULL }, { "GET /bad", 500, NULL, NULL },
		{ 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c, d;
	autodone(buffer) struct buffer escaped = { 0 };
	const struct record *seen;
	char line[41] = "";

	(void)state;
	for (const char *p = other.key; *p; p++)
		buffer_printf(&escaped, *p == '\n' ? "\\n" : "%c", *p);
	memcpy(line, strchr(other.key, '\n') + 1, 40);
	pages[0].body = arena_printf(arena, "{\"key\": \"%s\"}", buffer_text(&escaped));
	pages[1].body = arena_printf(arena, "{\"message\": \"bad %s\"}", buffer_text(&escaped));
	site_start(&site);
	seen = ask(&c, arena_printf(arena, "\turl %s/key\n\tpick key /key text\n", site.url));
	assert_non_null(record_text(seen, "key"));
	assert_null(strstr(record_text(seen, "key"), line));
	seen = ask(&d, arena_printf(arena, "\turl %s/bad\n", site.url));
	assert_failed(seen, "configuration", "status 500: bad ***");
	assert_null(strstr(record_text(seen, "failed"), line));
	site_stop(&site);
	site_done(&site);
}

/* ---- status codes ---- */

static void status_codes_decide_what_happens_next(void **state)
{
	static const struct page pages[] = {
		{ "GET /busy", 409, NULL,
				"{\"error_code\": \"busy\", \"description\": \"another change\"}" },
		{ "GET /locked", 401, NULL, "not json" },
		{ "GET /none", 404, NULL, "" },
		{ 0 },
	};
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation a, b, c;

	(void)state;
	site_start(&site);
	assert_failed(ask(&a, arena_printf(arena, "\turl %s/busy\n\tretry 409 503\n", site.url)),
			"retry", "status 409: busy: another change");
	assert_failed(ask(&b, arena_printf(arena, "\turl %s/locked\n\tretry 409\n", site.url)),
			"configuration", "status 401");
	assert_string_equal(
			record_text(ask(&c,
						    arena_printf(arena,
								    "\turl %s/none\n\tsuccess 200 404\n",
								    site.url)),
					"status"),
			"404");
	site_stop(&site);
	site_done(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_picked_through_arrays),
		cmocka_unit_test(what_was_not_asked_for_is_no_answer),
		cmocka_unit_test(certificates_together_are_known_by_one_fingerprint),
		cmocka_unit_test(a_private_key_in_a_reply_stays_in_the_worker),
		cmocka_unit_test(status_codes_decide_what_happens_next),
	};

	return cmocka_run_group_tests(tests, requesting_begin, requesting_end);
}
