#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/site.h"
#include "tests/unit/worker.h"

static struct pair pair, other;
static char *directory;
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	pair_make(&pair, "web.example");
	pair_make(&other, "other.example");
	directory = directory_new();
	arena = arena_new();
	write_text(arena_printf(arena, "%s/password", directory), "s3cret-pass\n");
	write_text(arena_printf(arena, "%s/token", directory), "s3cret-token\n");
	write_text(arena_printf(arena, "%s/ca.pem", directory), pair.certificate);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pair_done(&pair);
	pair_done(&other);
	directory_gone(directory);
	arena_free(arena);
	return 0;
}

/* A question with these fields; its answer. */
static const struct record *ask(struct conversation *c, const char *fields)
{
	struct pair *const pairs[] = { &pair, NULL };
	const char *plan = arena_printf(arena,
			"plan web ask\n\tcredential %s\nask http \"ask\"\n\tname seen\n%s",
			pair.digest.hex, fields);
	const struct record *answer;

	converse(c, "work ask", plan, pairs, NEVER);
	assert_string_equal(c->end, "asked");
	answer = records_find(&c->said, "answer", "seen");
	assert_non_null(answer);
	return answer;
}

static void assert_failed(const struct record *answer, const char *kind, const char *says)
{
	const struct words failed = record_words(answer, "failed");

	if (failed.count != 2)
		fail_msg("not failed");
	if (strcmp(failed.items[1], kind) != 0 || !strstr(failed.items[0], says))
		fail_msg("%s: %s", failed.items[1], failed.items[0]);
}

static const char *joined(struct words words)
{
	const char *text = "";

	for (size_t i = 0; i < words.count; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? "," : "", words.items[i]);
	return text;
}

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

/* ---- who is asked, and as whom ---- */

static void a_server_is_trusted_by_authority_or_by_fingerprint(void **state)
{
	static const struct page pages[] = { { "GET /x", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages, .pair = &pair };
	autodone(conversation) struct conversation a, b, c, d, e;

	(void)state;
	site_start(&site);
	assert_failed(ask(&a, arena_printf(arena, "\turl %s/x\n", site.url)), "retry",
			"certificate");
	assert_string_equal(
			record_text(ask(&b,
						    arena_printf(arena, "\turl %s/x\n\tpin %s\n",
								    site.url,
								    pair.fingerprint.hex)),
					"status"),
			"200");
	assert_failed(ask(&c,
				      arena_printf(arena, "\turl %s/x\n\tpin %s\n", site.url,
						      other.fingerprint.hex)),
			"retry", "is not the one with the fingerprint");
	assert_failed(ask(&d,
				      arena_printf(arena,
						      "\turl %s/x\n\tca-file %s/ca.pem\n"
						      "\tserver-name wrong.example\n",
						      site.url, directory)),
			"retry", "wrong.example");
	assert_string_equal(
			record_text(ask(&e,
						    arena_printf(arena,
								    "\turl %s/x\n\tca-file %s/ca.pem\n"
								    "\tserver-name web.example\n",
								    site.url, directory)),
					"status"),
			"200");
	site_stop(&site);
	assert_non_null(strstr(buffer_text(&site.heard), "GET /x"));
	site_done(&site);
}

/* Both ways at once: who is known by fingerprint needs no authority and no name, anybody else needs
 * both. */
static void a_server_may_be_trusted_either_way(void **state)
{
	static const struct page pages[] = { { "GET /x", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages, .pair = &pair };
	const struct {
		const char *more, *status, *why;
	} cases[] = {
		{ arena_printf(arena, "\tpin \"%s %s\"\n", other.fingerprint.hex,
				  pair.fingerprint.hex),
				"200", NULL },
		{ arena_printf(arena, "\talso %s\n\tserver-name wrong.example\n",
				  pair.fingerprint.hex),
				"200", NULL },
		{ arena_printf(arena, "\talso %s\n\tca-file %s/ca.pem\n\tserver-name web.example\n",
				  other.fingerprint.hex, directory),
				"200", NULL },
		{ arena_printf(arena,
				  "\talso %s\n\tca-file %s/ca.pem\n\tserver-name wrong.example\n",
				  other.fingerprint.hex, directory),
				NULL, "certificate" },
		{ arena_printf(arena, "\talso %s\n", other.fingerprint.hex), NULL, "certificate" },
	};

	(void)state;
	site_start(&site);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(conversation) struct conversation c;
		const struct record *seen = ask(
				&c, arena_printf(arena, "\turl %s/x\n%s", site.url, cases[i].more));

		if (cases[i].status)
			assert_string_equal(record_text(seen, "status"), cases[i].status);
		else
			assert_failed(seen, "retry", cases[i].why);
	}
	site_stop(&site);
	site_done(&site);
}

static void identity_comes_from_files(void **state)
{
	static const struct page pages[] = { { "GET /x", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation a, b, c;

	(void)state;
	site_start(&site);
	(void)ask(&a,
			arena_printf(arena,
					"\turl %s/x\n\tuser admin\n\tpassword-file %s/password\n",
					site.url, directory));
	(void)ask(&b,
			arena_printf(arena, "\turl %s/x\n\tbearer-file %s/token\n", site.url,
					directory));
	assert_failed(ask(&c,
				      arena_printf(arena, "\turl %s/x\n\tbearer-file %s/none\n",
						      site.url, directory)),
			"configuration", "/none");
	site_stop(&site);
	/* admin:s3cret-pass */
	assert_non_null(strstr(
			buffer_text(&site.heard), "Authorization: Basic YWRtaW46czNjcmV0LXBhc3M="));
	assert_non_null(strstr(buffer_text(&site.heard), "Authorization: Bearer s3cret-token"));
	site_done(&site);
}

static void a_password_that_is_echoed_is_hidden(void **state)
{
	static const struct page pages[] = {
		{ "GET /x", 403, NULL, "{\"message\": \"user admin, password s3cret-pass\"}" },
		{ 0 },
	};
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	site_start(&site);
	assert_failed(ask(&c,
				      arena_printf(arena,
						      "\turl %s/x\n\tuser admin\n"
						      "\tpassword-file %s/password\n",
						      site.url, directory)),
			"configuration", "password ***********");
	site_stop(&site);
	site_done(&site);
}

/* ---- what is sent ---- */

static void a_body_carries_contents_escaped(void **state)
{
	static const struct page pages[] = { { "PUT /cert", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	autodone(buffer) struct buffer expected = { 0 };

	(void)state;
	site_start(&site);
	(void)ask(&c,
			arena_printf(arena,
					"\turl %s/cert\n\tmethod PUT\n\theader X-Name value\n"
					"\tbody \"{\\\"name\\\": \\\"proxy\\\", \\\"key\\\": "
					"\\\"{content:key}\\\", \\\"certificate\\\": "
					"\\\"{content:fullchain}\\\"}\"\n",
					site.url));
	site_stop(&site);
	buffer_add(&expected, "{\"name\": \"proxy\", \"key\": \"");
	for (const char *p = pair.key; *p; p++)
		buffer_printf(&expected, *p == '\n' ? "\\n" : "%c", *p);
	buffer_add(&expected, "\", \"certificate\": \"");
	for (const char *p = pair.certificate; *p; p++)
		buffer_printf(&expected, *p == '\n' ? "\\n" : "%c", *p);
	buffer_add(&expected, "\"}");
	assert_non_null(strstr(buffer_text(&site.heard), buffer_text(&expected)));
	assert_non_null(strstr(buffer_text(&site.heard), "X-Name: value"));
	assert_non_null(strstr(buffer_text(&site.heard), "Content-Type: application/json"));
	site_done(&site);
}

static void nothing_secret_travels_in_the_clear(void **state)
{
	autodone(conversation) struct conversation c;

	(void)state;
	assert_failed(ask(&c,
				      "\turl http://192.0.2.1/x\n\tmethod PUT\n"
				      "\tbody \"{\\\"key\\\": \\\"{content:key}\\\"}\"\n"),
			"configuration", "nothing secret is sent over plain http");
}

/* ---- redirects ---- */

static void a_redirect_leads_only_to_known_hosts(void **state)
{
	struct page pages[] = { { "PUT /x", 307, NULL, "" }, { "PUT /loop", 307, NULL, "" },
		{ "GET /away", 307, "Location: http://198.51.100.1/y\r\n", "" }, { 0 } };
	static const struct page there[] = { { "PUT /y", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages }, leader = { .pages = there };
	autodone(conversation) struct conversation a, b, c;

	(void)state;
	site_start(&site);
	site_start(&leader);
	pages[0].header = arena_printf(arena, "Location: %s/y\r\n", leader.url);
	pages[1].header = "Location: /loop\r\n";
	assert_string_equal(
			record_text(ask(&a,
						    arena_printf(arena,
								    "\turl %s/x\n\tmethod PUT\n\tuser admin\n"
								    "\tpassword-file %s/password\n"
								    "\tbody \"{}\"\n\thosts 127.0.0.1\n",
								    site.url, directory)),
					"status"),
			"200");
	assert_failed(ask(&b, arena_printf(arena, "\turl %s/away\n\thosts 192.0.2.1\n", site.url)),
			"retry", "redirects to 198.51.100.1");
	assert_failed(ask(&c, arena_printf(arena, "\turl %s/loop\n\tmethod PUT\n", site.url)),
			"retry", "more than 3 redirects");
	site_stop(&site);
	site_stop(&leader);
	assert_non_null(strstr(buffer_text(&leader.heard), "PUT /y"));
	assert_non_null(strstr(buffer_text(&leader.heard), "Authorization: Basic "));
	site_done(&site);
	site_done(&leader);
}

/* ---- polling ---- */

static void polling_ends_when_the_value_is_reached(void **state)
{
	static const struct page pages[] = {
		{ "GET /task", 200, NULL, "{\"status\": \"queued\"}" },
		{ "GET /task", 503, NULL, "" },
		{ "GET /task", 200, NULL, "{\"status\": \"started\"}" },
		{ "GET /task", 200, NULL, "{\"status\": \"finished\", \"x\": 5}" },
		{ 0 },
	};
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;

	(void)state;
	site_start(&site);
	assert_string_equal(
			record_text(ask(&c,
						    arena_printf(arena,
								    "\turl %s/task\n\tpick status /status text\n"
								    "\tpick x /x number\n\tretry 503\n"
								    "\tuntil status finished\n"
								    "\tstop status failed\n\tpoll 5\n",
								    site.url)),
					"x"),
			"5");
	site_stop(&site);
	site_done(&site);
}

static void polling_ends_when_it_failed_or_takes_too_long(void **state)
{
	static const struct page pages[] = {
		{ "GET /task", 200, NULL, "{\"status\": \"failed\", \"description\": \"no\"}" },
		{ "GET /slow", 200, NULL, "{\"status\": \"queued\"}" },
		{ 0 },
	};
	static const char fields[] = "\tpick status /status text\n\tuntil status finished\n"
				     "\tstop status failed\n\tpoll 5\n\tdeadline 200\n";
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation a, b;

	(void)state;
	site_start(&site);
	assert_failed(ask(&a, arena_printf(arena, "\turl %s/task\n%s", site.url, fields)), "retry",
			"status ended badly: no");
	assert_failed(ask(&b, arena_printf(arena, "\turl %s/slow\n%s", site.url, fields)), "retry",
			"status did not become finished in time");
	site_stop(&site);
	site_done(&site);
}

static void all_that_is_found_must_be_as_wanted(void **state)
{
	static const struct page pages[] = {
		{ "GET /links", 200, NULL, "[{\"status\": \"up\"}, {\"status\": \"down\"}]" },
		{ "GET /links", 200, NULL, "[]" },
		{ "GET /links", 200, NULL, "[{\"status\": \"up\"}, {\"status\": \"up\"}]" },
		{ 0 },
	};
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c;
	const struct record *seen;

	(void)state;
	site_start(&site);
	seen = ask(&c,
			arena_printf(arena,
					"\turl %s/links\n\tpick link /*/status text\n"
					"\tuntil link up\n\tpoll 5\n",
					site.url));
	site_stop(&site);
	assert_string_equal(joined(record_words(seen, "link")), "up,up");
	assert_int_equal(site.given[2], 1);
	site_done(&site);
}

static void a_request_that_bears_it_is_sent_again(void **state)
{
	static const struct page pages[] = {
		{ "GET /busy", 409, NULL, "" },
		{ "GET /busy", 200, NULL, "{}" },
		{ "GET /no", 403, NULL, "" },
		{ 0 },
	};
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c, d;

	(void)state;
	site_start(&site);
	assert_string_equal(
			record_text(ask(&c,
						    arena_printf(arena,
								    "\turl %s/busy\n\tretry 409\n\tpoll 5\n",
								    site.url)),
					"status"),
			"200");
	assert_failed(ask(&d,
				      arena_printf(arena, "\turl %s/no\n\tretry 409\n\tpoll 5\n",
						      site.url)),
			"configuration", "status 403");
	site_stop(&site);
	assert_int_equal(site.given[2], 1);
	site_done(&site);
}

static void what_has_arrived_is_not_sent_again(void **state)
{
	static const struct page pages[] = {
		{ "POST /updates", 503, NULL, "" },
		{ "POST /updates", 200, NULL, "{}" },
		{ "GET /tasks/1", 200, NULL, "{}" },
		{ "POST /others", 503, NULL, "" },
		{ "POST /others", 200, NULL, "{}" },
		{ "GET /tasks/2", 404, NULL, "{}" },
		{ 0 },
	};
	struct site site = { .pages = pages };
	autodone(conversation) struct conversation c, d;
	static const char fields[] = "\tmethod POST\n\tbody {}\n\tretry 503\n\tpoll 5\n";

	(void)state;
	site_start(&site);
	(void)ask(&c,
			arena_printf(arena, "\turl %s/updates\n\tdone-url %s/tasks/1\n%s", site.url,
					site.url, fields));
	assert_string_equal(
			record_text(ask(&d,
						    arena_printf(arena,
								    "\turl %s/others\n\tdone-url %s/tasks/2\n%s",
								    site.url, site.url, fields)),
					"status"),
			"200");
	site_stop(&site);
	assert_int_equal(site.given[1], 0);
	assert_int_equal(site.given[4], 1);
	site_done(&site);
}

/* ---- connections ---- */

static void a_connection_made_in_prepare_is_used_by_the_change(void **state)
{
	static const struct page pages[] = { { "GET /check", 200, NULL, "{}" },
		{ "PUT /cert", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages, .pair = &pair };
	autodone(conversation) struct conversation c;

	(void)state;
	site_start(&site);
	converse(&c, "work apply",
			arena_printf(arena,
					"plan web put\n\tcredential %s\n"
					"prepare http check\n\turl %s/check\n\tpin %s\n"
					"change http put\n\turl %s/cert\n\tmethod PUT\n\tbody \"{}\"\n"
					"\tpin %s\n",
					pair.digest.hex, site.url, pair.fingerprint.hex, site.url,
					pair.fingerprint.hex),
			NULL, NEVER);
	site_stop(&site);
	assert_string_equal(c.end, "applied");
	assert_int_equal(atomic_load(&site.connections), 1);
	site_done(&site);
}

static void a_connection_is_not_used_for_another_pin(void **state)
{
	static const struct page pages[] = { { "GET /check", 200, NULL, "{}" }, { 0 } };
	struct site site = { .pages = pages, .pair = &pair };
	autodone(conversation) struct conversation c;

	(void)state;
	site_start(&site);
	converse(&c, "work apply",
			arena_printf(arena,
					"plan web put\n\tcredential %s\n"
					"prepare http check\n\turl %s/check\n\tpin %s\n"
					"prepare http check\n\turl %s/check\n\tpin %s\n",
					pair.digest.hex, site.url, pair.fingerprint.hex, site.url,
					other.fingerprint.hex),
			NULL, NEVER);
	site_stop(&site);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "is not the one"));
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
		cmocka_unit_test(a_server_is_trusted_by_authority_or_by_fingerprint),
		cmocka_unit_test(a_server_may_be_trusted_either_way),
		cmocka_unit_test(identity_comes_from_files),
		cmocka_unit_test(a_password_that_is_echoed_is_hidden),
		cmocka_unit_test(a_body_carries_contents_escaped),
		cmocka_unit_test(nothing_secret_travels_in_the_clear),
		cmocka_unit_test(a_redirect_leads_only_to_known_hosts),
		cmocka_unit_test(polling_ends_when_the_value_is_reached),
		cmocka_unit_test(polling_ends_when_it_failed_or_takes_too_long),
		cmocka_unit_test(all_that_is_found_must_be_as_wanted),
		cmocka_unit_test(a_request_that_bears_it_is_sent_again),
		cmocka_unit_test(what_has_arrived_is_not_sent_again),
		cmocka_unit_test(a_connection_made_in_prepare_is_used_by_the_change),
		cmocka_unit_test(a_connection_is_not_used_for_another_pin),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
