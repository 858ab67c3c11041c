#include "tests/unit/unit.h"

#include <string.h>

#include "tests/unit/requesting.h"

/* Whom a request is sent to, as whom, and what of it nobody else may see. */

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
		cmocka_unit_test(a_server_is_trusted_by_authority_or_by_fingerprint),
		cmocka_unit_test(a_server_may_be_trusted_either_way),
		cmocka_unit_test(identity_comes_from_files),
		cmocka_unit_test(a_password_that_is_echoed_is_hidden),
		cmocka_unit_test(a_body_carries_contents_escaped),
		cmocka_unit_test(nothing_secret_travels_in_the_clear),
		cmocka_unit_test(a_redirect_leads_only_to_known_hosts),
		cmocka_unit_test(a_connection_made_in_prepare_is_used_by_the_change),
		cmocka_unit_test(a_connection_is_not_used_for_another_pin),
	};

	return cmocka_run_group_tests(tests, requesting_begin, requesting_end);
}
