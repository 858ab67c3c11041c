#include "tests/unit/unit.h"

#include "tests/unit/requesting.h"

/* A request is sent again until what it waits for is there, and never again what may not be. */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polling_ends_when_the_value_is_reached),
		cmocka_unit_test(polling_ends_when_it_failed_or_takes_too_long),
		cmocka_unit_test(all_that_is_found_must_be_as_wanted),
		cmocka_unit_test(a_request_that_bears_it_is_sent_again),
		cmocka_unit_test(what_has_arrived_is_not_sent_again),
	};

	return cmocka_run_group_tests(tests, requesting_begin, requesting_end);
}
