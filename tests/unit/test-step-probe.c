#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/apply/deadline.h"
#include "tests/unit/server.h"
#include "tests/unit/worker.h"

static struct pair old, new;

static int lookups_refused;

/* Instead of the library's: "web.test" is this machine, once its name server has come to its senses. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	const bool named = host && strcmp(host, "web.test") == 0;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!named)
		return real(host, port, hints, list);
	if (hints && hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	return lookups_refused-- > 0 ? EAI_AGAIN : real("127.0.0.1", port, hints, list);
}

static int set_up(void **state)
{
	(void)state;
	pair_make(&old, "old.example");
	pair_make(&new, "new.example");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pair_done(&old);
	pair_done(&new);
	return 0;
}

/* The answer to "what is served there". */
static const struct record *ask(struct conversation *c, const char *address, const char *more)
{
	autodone(buffer) struct buffer plan = { 0 };
	const struct record *found;

	buffer_printf(&plan,
			"plan web ask\nask probe \"see\"\n\tname seen\n\taddress %s\n\tdeadline "
			"2000\n%s",
			address, more);
	converse(c, "work ask", buffer_text(&plan), NULL, NEVER);
	assert_string_equal(c->end, "asked");
	found = records_find(&c->said, "answer", "seen");
	assert_non_null(found);
	return found;
}

/* A plan that has the new certificate proven. */
static void prove_as(struct conversation *c, const char *text, const char *address, long deadline,
		const char *more)
{
	autodone(buffer) struct buffer plan = { 0 };

	buffer_printf(&plan,
			"plan web prove\n\tcredential %s\nprove probe \"see%s\"\n\taddress "
			"%s\n\texpect %s\n\tdeadline %ld\n%s",
			new.digest.hex, text, address, new.fingerprint.hex, deadline, more);
	converse(c, "work apply", buffer_text(&plan), NULL, NEVER);
}

static void prove(struct conversation *c, const char *address, long deadline, const char *more)
{
	prove_as(c, "", address, deadline, more);
}

static void the_answer_is_what_is_served(void **state)
{
	struct server server = { .first = &old };
	autodone(conversation) struct conversation c;
	const struct record *answer;
	struct words served;

	(void)state;
	server_start(&server);
	answer = ask(&c, server.address, "");
	server_stop(&server);
	served = record_words(answer, "served");
	assert_int_equal(served.count, 3);
	assert_string_equal(served.items[0], server.address);
	assert_string_equal(served.items[1], old.fingerprint.hex);
	assert_true(strtoll(served.items[2], NULL, 10) > 1700000000);
}

static void a_probe_waits_until_it_is_served(void **state)
{
	struct server server = { .first = &old, .then = &new, .changes_after = 3 };
	autodone(conversation) struct conversation c;

	(void)state;
	server_start(&server);
	prove(&c, server.address, 10000, "\ttimes 2\n");
	server_stop(&server);
	assert_string_equal(c.end, "applied");
	assert_int_equal(atomic_load(&server.handshakes), 5);
}

static void what_is_never_served_fails_at_the_deadline(void **state)
{
	struct server server = { .first = &old };
	autodone(conversation) struct conversation c;
	char expected[64];

	(void)state;
	server_start(&server);
	prove(&c, server.address, 300, "");
	server_stop(&server);
	assert_string_equal(c.end, "undone");
	(void)snprintf(expected, sizeof(expected), "it serves %.16s", old.fingerprint.hex);
	assert_non_null(strstr(failure_in(&c), expected));
}

static void a_server_that_shows_it_and_fails_is_not_serving(void **state)
{
	struct server server = { .first = &new, .hangs_up = true };
	autodone(conversation) struct conversation c, d;

	(void)state;
	server_start(&server);
	prove(&c, server.address, 200, "");
	assert_string_equal(c.end, "undone");
	assert_non_null(strstr(failure_in(&c), "TLS handshake"));
	assert_int_equal(record_words(ask(&d, server.address, ""), "failed").count, 2);
	server_stop(&server);
}

static void silence_ends_at_the_deadline(void **state)
{
	struct server server = { .first = &new, .is_silent = true };
	autodone(conversation) struct conversation c;
	const long long started = deadline_now();

	(void)state;
	server_start(&server);
	prove(&c, server.address, 200, "");
	server_stop(&server);
	assert_string_equal(c.end, "undone");
	assert_non_null(strstr(failure_in(&c), "in time"));
	assert_true(deadline_now() - started < 4000);
}

static void postgresql_is_asked_for_tls_first(void **state)
{
	struct server server = { .first = &new, .postgresql = 'S' };
	autodone(conversation) struct conversation c;

	(void)state;
	server_start(&server);
	prove(&c, server.address, 5000, "\tprotocol postgresql\n");
	server_stop(&server);
	assert_string_equal(c.end, "applied");
}

static void a_postgresql_without_tls_is_named(void **state)
{
	static const struct {
		char answer;
		const char *says;
	} cases[] = { { 'N', "does not speak TLS" }, { 'E', "with an error" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct server server = { .first = &new, .postgresql = cases[i].answer };
		autodone(conversation) struct conversation c;
		struct words failed;

		server_start(&server);
		failed = record_words(ask(&c, server.address, "\tprotocol postgresql\n"), "failed");
		server_stop(&server);
		assert_int_equal(failed.count, 2);
		assert_string_equal(failed.items[0], server.address);
		assert_non_null(strstr(failed.items[1], cases[i].says));
	}
}

static void ldap_is_asked_for_tls_first(void **state)
{
	struct server server = { .first = &new, .start_tls = true };
	struct server refusing = { .first = &new, .start_tls = true, .start_tls_code = 52 };
	struct server other = { .first = &new };
	autodone(conversation) struct conversation a, b, c;

	(void)state;
	server_start(&server);
	server_start(&refusing);
	server_start(&other);
	prove(&a, server.address, 5000, "\tprotocol ldap\n");
	assert_string_equal(a.end, "applied");
	assert_non_null(strstr(
			record_words(ask(&b, refusing.address, "\tprotocol ldap\n"), "failed")
					.items[1],
			"StartTLS: result 52 (Server is unavailable)"));
	assert_non_null(strstr(record_words(ask(&c, other.address, "\tprotocol ldap\n"), "failed")
					       .items[1],
			"StartTLS: the server"));
	server_stop(&server);
	server_stop(&refusing);
	server_stop(&other);
}

static void a_refusal_for_want_of_a_certificate_can_count(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct server server = {
			.first = &new, .wants_client = true, .version = versions[i]
		};
		struct server stale = {
			.first = &old, .wants_client = true, .version = versions[i]
		};
		autodone(conversation) struct conversation a, b, c, d;
		struct words seen;

		server_start(&server);
		server_start(&stale);
		seen = record_words(ask(&a, server.address, ""), "served");
		assert_int_equal(seen.count, 3);
		assert_string_equal(seen.items[1], new.fingerprint.hex);
		prove(&b, server.address, 2000, "");
		assert_string_equal(b.end, "undone");
		prove(&c, server.address, 5000, "\trefusal counts\n");
		assert_string_equal(c.end, "applied");
		prove(&d, stale.address, 200, "\trefusal counts\n");
		assert_string_equal(d.end, "undone");
		assert_non_null(strstr(failure_in(&d), "it serves"));
		server_stop(&server);
		server_stop(&stale);
	}
}

/* What a busy server has not said yet, when it is asked for the last time, is not consent. */
static void a_late_refusal_is_waited_for(void **state)
{
	struct server server = { .first = &new, .wants_client = true, .thinks_ms = 1100 };
	struct server content = { .first = &new, .asks_client = true, .thinks_ms = 1100 };
	autodone(conversation) struct conversation a, b, c;

	(void)state;
	server_start(&server);
	server_start(&content);
	prove(&a, server.address, 3500, "");
	prove(&b, server.address, 300, "");
	prove(&c, content.address, 10000, "");
	server_stop(&server);
	server_stop(&content);
	assert_string_equal(a.end, "undone");
	assert_non_null(strstr(failure_in(&a), "certificate required"));
	assert_string_equal(b.end, "undone");
	assert_string_equal(c.end, "applied");
}

/* A server that shows the new certificate and then fails for any other reason serves nobody. */
static void a_refusal_for_another_reason_does_not_count(void **state)
{
	struct server server = { .first = &new, .hangs_up = true };
	autodone(conversation) struct conversation c;

	(void)state;
	server_start(&server);
	prove(&c, server.address, 200, "\trefusal counts\n");
	server_stop(&server);
	assert_string_equal(c.end, "undone");
}

static void an_address_is_told_once(void **state)
{
	struct server server = { .first = &old };
	autodone(conversation) struct conversation named, unnamed;
	autodone(buffer) struct buffer text = { 0 };

	(void)state;
	server_start(&server);
	buffer_printf(&text, " it at %s", server.address);
	prove_as(&named, buffer_text(&text), server.address, 200, "");
	prove(&unnamed, server.address, 200, "");
	server_stop(&server);
	assert_null(strstr(failure_in(&named), server.address));
	assert_non_null(strstr(failure_in(&named), "it serves"));
	assert_non_null(strstr(failure_in(&unnamed), server.address));
}

static void who_wants_a_client_certificate_gets_it_or_is_named(void **state)
{
	struct server server = { .first = &new, .wants_client = true };
	autodone(conversation) struct conversation without, asked, with;
	char *directory = directory_new();
	autodone(buffer) struct buffer path = { 0 }, more = { 0 };

	(void)state;
	buffer_printf(&path, "%s/client.pem", directory);
	buffer_printf(&more, "%s%s", old.certificate, old.key);
	write_text(buffer_text(&path), buffer_text(&more));
	buffer_clear(&more);
	buffer_printf(&more, "\tclient-certificate %s\n", buffer_text(&path));

	server_start(&server);
	prove(&without, server.address, 2000, "");
	assert_string_equal(without.end, "undone");
	assert_non_null(strstr(failure_in(&without), "certificate required"));
	assert_int_equal(record_words(ask(&asked, server.address, ""), "served").count, 3);
	prove(&with, server.address, 5000, buffer_text(&more));
	assert_string_equal(with.end, "applied");
	server_stop(&server);
	directory_gone(directory);
}

static void nobody_there_is_an_answer(void **state)
{
	autodone(conversation) struct conversation c, d;
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[32];
	struct words failed;

	(void)state;
	/* Bound and not listening: nobody else can take the port meanwhile. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
	failed = record_words(ask(&c, text, ""), "failed");
	(void)close(fd);
	assert_int_equal(failed.count, 2);
	assert_non_null(strstr(failed.items[1], "refused"));
	failed = record_words(ask(&d, "no-port", ""), "failed");
	assert_non_null(strstr(failed.items[1], "is not host:port"));
}

static void a_name_that_is_not_known_for_a_moment_is_looked_up_again(void **state)
{
	struct server server = { .first = &new };
	autodone(conversation) struct conversation c, d;
	char address[64];

	(void)state;
	server_start(&server);
	(void)snprintf(address, sizeof(address), "web.test%s", strrchr(server.address, ':'));
	lookups_refused = 3;
	prove(&c, address, 10000, "");
	lookups_refused = 1 << 20;
	prove(&d, address, 100, "");
	server_stop(&server);
	assert_string_equal(c.end, "applied");
	assert_string_equal(d.end, "undone");
	assert_non_null(strstr(failure_in(&d), "web.test: Temporary failure in name resolution"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_is_what_is_served),
		cmocka_unit_test(a_probe_waits_until_it_is_served),
		cmocka_unit_test(what_is_never_served_fails_at_the_deadline),
		cmocka_unit_test(a_server_that_shows_it_and_fails_is_not_serving),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(postgresql_is_asked_for_tls_first),
		cmocka_unit_test(a_postgresql_without_tls_is_named),
		cmocka_unit_test(ldap_is_asked_for_tls_first),
		cmocka_unit_test(a_refusal_for_want_of_a_certificate_can_count),
		cmocka_unit_test(a_late_refusal_is_waited_for),
		cmocka_unit_test(a_refusal_for_another_reason_does_not_count),
		cmocka_unit_test(an_address_is_told_once),
		cmocka_unit_test(who_wants_a_client_certificate_gets_it_or_is_named),
		cmocka_unit_test(nobody_there_is_an_answer),
		cmocka_unit_test(a_name_that_is_not_known_for_a_moment_is_looked_up_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
