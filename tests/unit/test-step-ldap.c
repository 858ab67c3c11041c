#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/unit/responder.h"
#include "tests/unit/slapd.h"
#include "tests/unit/worker.h"

static struct pair served, first, second;
static struct slapd slapd;
static struct arena *arena;
static const char *manager; /* fields: who we are, and who the server is */

static int set_up(void **state)
{
	(void)state;
	pair_make(&served, "ds.example");
	pair_make(&first, "first.example");
	pair_make(&second, "second.example");
	slapd_start(&slapd, &served, &first, &second);
	arena = arena_new();
	write_text(arena_printf(arena, "%s/ca.pem", slapd.directory), served.certificate);
	write_text(arena_printf(arena, "%s/pin", slapd.directory), "pin123\n");
	write_text(arena_printf(arena, "%s/key-pin", slapd.directory), "kp1234\n");
	manager = arena_printf(arena,
			"\tbind-dn cn=manager,cn=topology\n"
			"\tpassword-file %s/manager.password\n\tpin %s\n",
			slapd.directory, served.fingerprint.hex);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	slapd_stop(&slapd);
	pair_done(&served);
	pair_done(&first);
	pair_done(&second);
	arena_free(arena);
	return 0;
}

/* A question with these fields; its answer. */
static const struct record *ask(struct conversation *c, const char *url, const char *fields)
{
	struct pair *const pairs[] = { &first, NULL };
	const char *plan = arena_printf(arena,
			"plan ds ask\n\tcredential %s\nask ldap \"ask\"\n\tname seen\n\turl %s\n%s",
			first.digest.hex, url, fields);
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

/* ---- searching ---- */

static const char registry[] = "\tbase cn=topology\n\tscope one\n\tlabel cn\n"
			       "\tfilter (objectClass=ds-cfg-server-instance)\n"
			       "\tpick certificates ds-cfg-inter-server-certificate certificates\n"
			       "\tpick keys ds-cfg-inter-server-certificate keys\n"
			       "\tpick port ds-cfg-replication-port number\n"
			       "\tpick words description text\n";

static const char *key_of(const struct pair *pair)
{
	unsigned char *der = NULL;
	const int length = i2d_PUBKEY(pair->pkey, &der);
	const struct digest digest = digest_of(der, (size_t)length);

	OPENSSL_free(der);
	return arena_copy(arena, digest.hex);
}

static void certificates_are_told_entry_by_entry(void **state)
{
	const char *const urls[] = { slapd.ldap, slapd.ldaps };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		autodone(conversation) struct conversation c;
		const struct record *seen =
				ask(&c, urls[i], arena_printf(arena, "%s%s", manager, registry));
		const struct rows rows = record_rows(arena, seen, "certificates");

		assert_string_equal(record_text(seen, "code"), "0");
		assert_string_equal(record_text(seen, "entries"), "3");
		assert_int_equal(rows.count, 2);
		assert_string_equal(joined(rows.items[0]),
				arena_printf(arena, "ds1,%s,%s", first.fingerprint.hex,
						second.fingerprint.hex));
		assert_string_equal(joined(rows.items[1]), "ds2,unreadable");
		assert_string_equal(joined(record_words(seen, "keys")),
				arena_printf(arena, "ds1,%s,%s", key_of(&first), key_of(&second)));
		assert_string_equal(joined(record_words(seen, "port")), "ds1,8989");
		assert_string_equal(joined(record_words(seen, "words")),
				"ds1,the password is **************");
	}
}

static void an_entry_that_is_not_there_is_an_error_or_an_answer(void **state)
{
	autodone(conversation) struct conversation a, b;
	const char *fields = arena_printf(arena, "%s\tbase cn=ds9,cn=topology\n", manager);

	(void)state;
	assert_failed(ask(&a, slapd.ldaps, fields), "configuration",
			"search: result 32 (No such object)");
	assert_string_equal(record_text(ask(&b, slapd.ldaps,
							arena_printf(arena, "%s\tsuccess 0 32\n",
									fields)),
					    "code"),
			"32");
}

static void a_filter_that_is_none_is_named(void **state)
{
	autodone(conversation) struct conversation c;

	(void)state;
	assert_failed(ask(&c, slapd.ldaps, arena_printf(arena, "%s\tfilter ((\n", manager)),
			"configuration", "Bad search filter");
}

/* ---- whom we talk to, and as whom ---- */

static void a_server_is_trusted_by_authority_or_by_fingerprint(void **state)
{
	static const struct {
		const char *fields, *says; /* what is wrong, NULL: nothing */
	} cases[] = {
		{ "\tca-file %s/ca.pem\n\tserver-name ds.example\n", NULL },
		{ "\tca-file %s/ca.pem\n\tserver-name wrong.example\n", "hostname mismatch" },
		{ "\tca-file %s/ca.pem\n", "IP address mismatch" },
		{ "\tserver-name ds.example\n", "self-signed certificate" },
		{ "\tca-file %s/none.pem\n", "none.pem" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(conversation) struct conversation c;
		autodone(buffer) struct buffer fields = { 0 };
		const struct record *seen;
		const char *hole = strstr(cases[i].fields, "%s");

		buffer_add(&fields, cases[i].fields);
		if (hole) {
			buffer_clear(&fields);
			buffer_append(&fields, cases[i].fields, (size_t)(hole - cases[i].fields));
			buffer_printf(&fields, "%s%s", slapd.directory, hole + 2);
		}
		seen = ask(&c, i % 2 ? slapd.ldap : slapd.ldaps, buffer_text(&fields));
		if (cases[i].says)
			assert_failed(seen, i == 4 ? "configuration" : "retry", cases[i].says);
		else
			assert_string_equal(record_text(seen, "code"), "0");
	}
}

static void any_of_several_fingerprints_will_do(void **state)
{
	autodone(conversation) struct conversation a, b;
	const char *right = served.fingerprint.hex, *wrong = first.fingerprint.hex;

	(void)state;
	assert_string_equal(record_text(ask(&a, slapd.ldaps,
							arena_printf(arena, "\tpin \"%s %s\"\n",
									wrong, right)),
					    "code"),
			"0");
	assert_failed(ask(&b, slapd.ldaps, arena_printf(arena, "\tpin \"%s %s\"\n", wrong, wrong)),
			"retry",
			"nor one that replaced it; if it was replaced, so must be the pin");
}

static void nothing_is_said_to_a_server_that_is_not_trusted(void **state)
{
	struct responder plain = { .pair = &served, .start_tls = true }, tls = { .pair = &served };
	autodone(conversation) struct conversation a, b;
	const char *fields = arena_printf(arena,
			"\tbind-dn cn=x\n\tpassword-file %s/manager.password\n\tpin %s\n"
			"\toperation 1.2.3\n\tvalue content 80 key\n",
			slapd.directory, first.fingerprint.hex);

	(void)state;
	responder_start(&plain);
	responder_start(&tls);
	assert_failed(ask(&a, tls.url, fields), "retry", "is not the one with the fingerprint");
	assert_failed(ask(&b, plain.url, fields), "retry", "is not the one with the fingerprint");
	responder_stop(&plain);
	responder_stop(&tls);
	assert_int_equal(tls.count, 0);
	assert_int_equal(plain.count, 1);
	assert_string_equal(plain.heard[0],
			"301d02010177188016312e332e362e312e342e312e313436362e3230303337");
	responder_done(&plain);
}

static void a_server_that_will_not_start_tls_is_not_talked_to(void **state)
{
	struct responder plain = { .pair = &served, .start_tls = true, .start_tls_code = 53 };
	autodone(conversation) struct conversation c;

	(void)state;
	responder_start(&plain);
	assert_failed(ask(&c, plain.url, manager), "retry",
			"StartTLS: result 53 (Server is unwilling to perform)");
	responder_stop(&plain);
	assert_true(plain.count <= 2); /* StartTLS, and a goodbye at most */
	responder_done(&plain);
}

static void a_wrong_password_is_named_and_not_shown(void **state)
{
	autodone(conversation) struct conversation a, b, c;
	const struct record *seen;

	(void)state;
	seen = ask(&a, slapd.ldaps,
			arena_printf(arena,
					"\tpin %s\n\tbind-dn cn=manager,cn=topology\n"
					"\tpassword-file %s/wrong.password\n",
					served.fingerprint.hex, slapd.directory));
	assert_failed(seen, "configuration",
			"bind as cn=manager,cn=topology: result 49 (Invalid credentials)");
	assert_null(strstr(record_text(seen, "failed"), "s3cret"));
	assert_failed(ask(&b, slapd.ldaps, "\tbind-dn cn=x\n"), "configuration",
			"needs a password file");
	assert_failed(ask(&c, slapd.ldaps, "\tbind-dn cn=x\n\tpassword-file /none/here\n"),
			"configuration", "/none/here");
}

static void addresses_that_lead_nowhere_are_named(void **state)
{
	autodone(conversation) struct conversation a, b, c;

	(void)state;
	assert_failed(ask(&a, "http://ds.example", ""), "configuration",
			"\"http://ds.example\" is not an ldap or ldaps address");
	assert_failed(ask(&b, "ldaps://127.0.0.1:1", ""), "retry", "127.0.0.1:1: connect");
	assert_failed(ask(&c, "ldap://ds.invalid", ""), "retry", "ds.invalid:389");
}

/* ---- polling ---- */

static const char *prove(struct conversation *c, const char *fields)
{
	const char *plan = arena_printf(arena,
			"plan ds prove\n\tcredential %s\nprove ldap \"see it there\"\n\turl %s\n"
			"\tbase cn=ds3,cn=topology\n\tpoll 20\n"
			"\tpick certificates ds-cfg-inter-server-certificate certificates\n%s%s",
			first.digest.hex, slapd.ldaps, manager, fields);

	converse(c, "work apply", plan, NULL, NEVER);
	return c->end;
}

static void *set_later(void *argument)
{
	(void)argument;
	slapd_set_third(&slapd, &second);
	return NULL;
}

static void a_search_is_repeated_until_the_certificate_is_there(void **state)
{
	autodone(conversation) struct conversation a, b, c, d;
	const char *until =
			arena_printf(arena, "\tuntil certificates %s\n", second.fingerprint.hex);
	const char *gone = arena_printf(arena, "\tgone certificates %s\n", second.fingerprint.hex);
	pthread_t thread;

	(void)state;
	assert_string_equal(prove(&a, arena_printf(arena, "%s\tdeadline 150\n", until)), "undone");
	assert_non_null(strstr(failure_in(&a), "is not among the certificates"));
	assert_int_equal(pthread_create(&thread, NULL, set_later, NULL), 0);
	assert_string_equal(
			prove(&b, arena_printf(arena, "%s\tdeadline 20000\n", until)), "applied");
	(void)pthread_join(thread, NULL);

	assert_string_equal(prove(&c, arena_printf(arena, "%s\tdeadline 150\n", gone)), "undone");
	assert_non_null(strstr(failure_in(&c), "is still among the certificates"));
	slapd_set_third(&slapd, &first);
	assert_string_equal(
			prove(&d, arena_printf(arena, "%s\tdeadline 20000\n", gone)), "applied");
}

/* ---- extended operations ---- */

#define REPLACE  "1.3.6.1.4.1.30221.2.6.69"
#define LISTENER "1.3.6.1.4.1.30221.2.6.68"
#define PURGE    "1.3.6.1.4.1.30221.2.6.71"

/* What the vendor's own client sends for these requests after a bind; see the classes of
 * com.unboundid.ldap.sdk.unboundidds.extensions in https://github.com/pingidentity/ldapsdk.
 * "%1" is the file with pin123, "%2" the one with kp1234. */
static const struct {
	const char *fields, *message;
} vectors[] = {
	{ "\toperation " REPLACE "\n\tvalue open 30\n\tvalue open a0\n\tvalue text 88 /k.jks\n"
	  "\tvalue password 89 %1\n\tvalue text 8b JKS\n\tvalue text 8c al\n"
	  "\tvalue close\n\tvalue close\n",
			"303e02010277398018312e332e362e312e342e312e33303232312e322e362e3639811d301b"
			"a01988062f6b2e6a6b73890670696e3132338b034a4b538c02616c" },
	{ "\toperation " REPLACE "\n\tvalue open 30\n\tvalue open a1\n\tvalue bytes 88 feed\n"
	  "\tvalue password 89 %1\n\tvalue text 8b PKCS12\n\tvalue text 8c al\n"
	  "\tvalue close\n\tvalue close\n",
			"303d02010277388018312e332e362e312e342e312e33303232312e322e362e3639811c301a"
			"a1188802feed890670696e3132338b06504b435331328c02616c" },
	{ "\toperation " REPLACE "\n\tvalue open 30\n\tvalue open a0\n\tvalue text 88 /k.jks\n"
	  "\tvalue password 89 %1\n\tvalue password 8a %2\n\tvalue close\n"
	  "\tvalue bytes 90 ff\n\tvalue close\n",
			"3040020102773b8018312e332e362e312e342e312e33303232312e322e362e3639811f301d"
			"a01888062f6b2e6a6b73890670696e3132338a066b70313233349001ff" },
	{ "\toperation " REPLACE "\n\tvalue open 30\n\tvalue open a2\n\tvalue open ae\n"
	  "\tvalue bytes 04 3000\n\tvalue bytes 04 300100\n\tvalue close\n"
	  "\tvalue bytes af 30020500\n\tvalue close\n\tvalue close\n",
			"303602010277318018312e332e362e312e342e312e33303232312e322e362e363981153013"
			"a211ae09040230000403300100af0430020500" },
	{ "\toperation " LISTENER "\n\tvalue open 30\n\tvalue open a0\n\tvalue text 88 /k.jks\n"
	  "\tvalue password 89 %1\n\tvalue text 8b JKS\n\tvalue text 8c al\n\tvalue close\n"
	  "\tvalue text 83 JKS\n\tvalue text 84 JKS\n\tvalue text 86 server-cert\n"
	  "\tvalue bytes 87 ff\n\tvalue close\n",
			"305802010277538018312e332e362e312e342e312e33303232312e322e362e363881373035"
			"a01988062f6b2e6a6b73890670696e3132338b034a4b538c02616c83034a4b5384034a4b53"
			"860b7365727665722d636572748701ff" },
	{ "\toperation " PURGE "\n",
			"301f020102771a8018312e332e362e312e342e312e33303232312e322e362e3731" },
};

static const char *filled(const char *fields)
{
	autodone(buffer) struct buffer text = { 0 };

	for (; *fields; fields++) {
		if (*fields == '%' && *++fields)
			buffer_printf(&text, "%s/%s", slapd.directory,
					*fields == '1' ? "pin" : "key-pin");
		else
			buffer_append(&text, fields, 1);
	}
	return arena_copy(arena, buffer_text(&text));
}

static void requests_are_the_vendors_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct responder responder = { .pair = &served,
			.reply = "78150a0100040004008b0c300a9108746f6f6c206f7574" };
		autodone(conversation) struct conversation c;
		const struct record *seen;

		responder_start(&responder);
		seen = ask(&c, responder.url,
				arena_printf(arena, "%s\toutput 91 90\n%s", manager,
						filled(vectors[i].fields)));
		responder_stop(&responder);
		assert_string_equal(record_text(seen, "code"), "0");
		assert_string_equal(record_text(seen, "output"), "tool out");
		assert_true(responder.count >= 2);
		assert_string_equal(responder.heard[1], vectors[i].message);
		responder_done(&responder);
	}
}

/* OpenLDAP's own client frames the same value in the same way. */
static void the_directory_tools_send_the_same(void **state)
{
	/* The value of the first vector, in base64. */
	static const char operation[] = REPLACE "::MBugGYgGL2suamtziQZwaW4xMjOLA0pLU4wCYWw=";
	struct responder responder = { .pair = &served, .reply = "78070a010004000400" };
	const char *password = arena_printf(arena, "%s/tool.password", slapd.directory);
	pid_t child;
	int status;

	(void)state;
	responder_start(&responder);
	child = fork();
	if (child == 0) {
		(void)setenv("LDAPTLS_REQCERT", "never", 1);
		(void)execlp("ldapexop", "ldapexop", "-x", "-H", responder.url, "-D", "cn=x", "-y",
				password, operation, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	responder_stop(&responder);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_string_equal(responder.heard[1], vectors[0].message);
	responder_done(&responder);
}

static void certificates_and_key_come_from_the_credential(void **state)
{
	struct responder responder = { .pair = &served, .reply = "78070a010004000400" };
	autodone(conversation) struct conversation c;
	autodone(buffer) struct buffer key = { 0 };
	unsigned char *der = NULL;
	const int length = i2d_X509(first.x509, &der);
	autodone(buffer) struct buffer leaf = { 0 };

	(void)state;
	for (int i = 0; i < length; i++)
		buffer_printf(&leaf, "%02x", der[i]);
	OPENSSL_free(der);
	for (const char *p = first.key; *p; p++)
		buffer_printf(&key, "%02x", (unsigned char)*p);
	responder_start(&responder);
	(void)ask(&c, responder.url,
			arena_printf(arena,
					"%s\toperation " REPLACE
					"\n\tvalue open 30\n\tvalue open a2\n"
					"\tvalue open ae\n\tvalue certificates 04 fullchain\n"
					"\tvalue close\n\tvalue content af key\n\tvalue close\n"
					"\tvalue close\n",
					manager));
	responder_stop(&responder);
	assert_non_null(strstr(responder.heard[1],
			arena_printf(arena, "0482%04x%s", (unsigned)length, buffer_text(&leaf))));
	assert_non_null(strstr(responder.heard[1], buffer_text(&key)));
	responder_done(&responder);
}

static void a_refused_operation_says_why(void **state)
{
	/* Result 50 with the diagnostic "no key" and output under the older tag. */
	struct responder refusing = { .pair = &served,
		.reply = "781b0a0132040004066e6f206b65798b0c300a9008746f6f6c206f7574" },
			 busy = { .pair = &served, .reply = "78070a013304000400" },
			 mute = { .pair = &served, .hangs_up = true };
	const char *fields =
			arena_printf(arena, "%s\toperation " PURGE "\n\toutput 91 90\n", manager);
	autodone(conversation) struct conversation a, b, c, d, e;

	(void)state;
	responder_start(&refusing);
	responder_start(&busy);
	responder_start(&mute);
	assert_failed(ask(&a, refusing.url, fields), "configuration",
			PURGE ": result 50 (Insufficient access): no key: tool out");
	assert_failed(ask(&b, refusing.url, arena_printf(arena, "%s\tretry 50\n", fields)), "retry",
			"result 50");
	assert_failed(ask(&c, busy.url, fields), "retry", "result 51 (Server is busy)");
	assert_failed(ask(&d, mute.url, fields), "retry", "the server closed the connection");
	assert_failed(ask(&e, slapd.ldaps, fields), "configuration",
			"result 2 (Protocol error): unsupported extended operation");
	responder_stop(&refusing);
	responder_stop(&busy);
	responder_stop(&mute);
	responder_done(&refusing);
	responder_done(&busy);
	responder_done(&mute);
}

static void a_response_whose_value_is_empty_has_no_texts(void **state)
{
	struct responder hollow = { .pair = &served, .reply = "78090a0100040004008b00" };
	const char *fields =
			arena_printf(arena, "%s\toperation " PURGE "\n\toutput 91 90\n", manager);
	autodone(conversation) struct conversation c;
	const struct record *told;

	(void)state;
	responder_start(&hollow);
	told = ask(&c, hollow.url, fields);
	assert_string_equal(record_text(told, "code"), "0");
	assert_int_equal(record_words(told, "output").count, 0);
	responder_stop(&hollow);
	responder_done(&hollow);
}

static void values_that_are_none_are_our_own_mistake(void **state)
{
	static const char *const values[] = {
		"\tvalue open 30\n",
		"\tvalue close\n",
		"\tvalue text 3 x\n",
		"\tvalue text 9f x\n",
		"\tvalue bytes 80 f\n",
		"\tvalue content 80 nothing\n",
		"\tvalue certificates 04 key\n",
		"\tvalue word 80 x\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		autodone(conversation) struct conversation c;

		assert_failed(ask(&c, slapd.ldaps,
					      arena_printf(arena, "%s\toperation 1.2\n%s", manager,
							      values[i])),
				"internal", "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_are_told_entry_by_entry),
		cmocka_unit_test(an_entry_that_is_not_there_is_an_error_or_an_answer),
		cmocka_unit_test(a_filter_that_is_none_is_named),
		cmocka_unit_test(a_server_is_trusted_by_authority_or_by_fingerprint),
		cmocka_unit_test(any_of_several_fingerprints_will_do),
		cmocka_unit_test(nothing_is_said_to_a_server_that_is_not_trusted),
		cmocka_unit_test(a_server_that_will_not_start_tls_is_not_talked_to),
		cmocka_unit_test(a_wrong_password_is_named_and_not_shown),
		cmocka_unit_test(addresses_that_lead_nowhere_are_named),
		cmocka_unit_test(a_search_is_repeated_until_the_certificate_is_there),
		cmocka_unit_test(requests_are_the_vendors_byte_for_byte),
		cmocka_unit_test(the_directory_tools_send_the_same),
		cmocka_unit_test(certificates_and_key_come_from_the_credential),
		cmocka_unit_test(a_refused_operation_says_why),
		cmocka_unit_test(a_response_whose_value_is_empty_has_no_texts),
		cmocka_unit_test(values_that_are_none_are_our_own_mistake),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
