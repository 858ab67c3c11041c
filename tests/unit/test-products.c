/*
 * The mistakes that products find in the settings of their targets, and in two targets together.
 */

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/certdrop/config/config.h"
#include "controller/model/rule.h"
#include "reconcilers/reconciler.h"

/* NULL: `mistakes` tells, the directory's name left out. */
static struct config *load(const char *text, struct buffer *mistakes)
{
	char directory[] = "/tmp/test-products-XXXXXX";
	autodone(buffer) struct buffer path = { 0 }, all = { 0 };
	struct config *config = NULL;
	const char *rest, *found;
	FILE *file;
	bool good;

	assert_non_null(mkdtemp(directory));
	buffer_printf(&path, "%s/main.conf", directory);
	file = fopen(buffer_text(&path), "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	good = config_load(buffer_text(&path), &config, &all);
	assert_int_equal(unlink(buffer_text(&path)), 0);
	assert_int_equal(rmdir(directory), 0);
	for (rest = buffer_text(&all); (found = strstr(rest, directory));
			rest = found + strlen(directory) + 1)
		buffer_append(mistakes, rest, (size_t)(found - rest));
	buffer_add(mistakes, rest);
	return good ? config : NULL;
}

static void mistakes_of(const char *text, struct buffer *mistakes)
{
	struct config *config = load(text, mistakes);

	if (config)
		config_free(config);
}

/* NULL: there is none. */
static void expect_mistake(const char *text, const char *mistake)
{
	autodone(buffer) struct buffer mistakes = { 0 }, expected = { 0 };

	mistakes_of(text, &mistakes);
	if (mistake)
		buffer_printf(&expected, "main.conf:1: %s\n", mistake);
	assert_string_equal(buffer_text(&mistakes), buffer_text(&expected));
}

/* ---- pingdirectory ---- */

static void add_ping(struct buffer *text, const char *name, const char *instance,
		const char *server, const char *more)
{
	buffer_printf(text,
			"{ name = \"%s\"; product = \"pingdirectory\"; instance = \"%s\"; server = "
			"\"%s\"; bind-dn = \"cn=a\"; password-file = \"/p\"; probe = \"ds1:8989\"; %s }",
			name, instance, server, more);
}

static void expect_ping_line(const char *server, const char *settings, const char *mistake)
{
	autodone(buffer) struct buffer text = { 0 };

	buffer_add(&text, "targets = ( ");
	add_ping(&text, "ds", "ds1", server, settings);
	buffer_add(&text, " );");
	expect_mistake(buffer_text(&text), mistake);
}

/* What the product itself finds. */
static void expect_ping(const char *server, const char *settings, const char *mistake)
{
	autodone(buffer) struct buffer line = { 0 };

	buffer_printf(&line, "target \"ds\": %s", mistake ? mistake : "");
	expect_ping_line(server, settings, mistake ? buffer_text(&line) : NULL);
}

static void the_port_of_a_directory_server_can_be_one(void **state)
{
	static const char peer[] = "peers = ( { server = \"ldap://ds2:0\"; } );";

	(void)state;
	expect_ping("ldaps://ds1", "", NULL);
	expect_ping("ldap://ds1:389", "", NULL);
	expect_ping("ldaps://[2001:db8::1]", "", NULL);
	expect_ping("ldaps://[2001:db8::1]:65535", "", NULL);
	expect_ping("ldaps://ds1:0", "",
			"the port of server \"ldaps://ds1:0\" is not from 1 to 65535");
	expect_ping("ldaps://ds1:65536", "",
			"the port of server \"ldaps://ds1:65536\" is not from 1 to 65535");
	expect_ping("ldaps://ds1:", "",
			"the port of server \"ldaps://ds1:\" is not from 1 to 65535");
	expect_ping("ldaps://ds1:-1", "",
			"the port of server \"ldaps://ds1:-1\" is not from 1 to 65535");
	expect_ping("ldaps://ds1:63x", "",
			"the port of server \"ldaps://ds1:63x\" is not from 1 to 65535");
	expect_ping("ldaps://ds1:99999999999999999999", "",
			"the port of server \"ldaps://ds1:99999999999999999999\" is not from 1 to "
			"65535");
	expect_ping("ldaps://ds1", peer,
			"the port of server \"ldap://ds2:0\" is not from 1 to 65535");
}

static void a_directory_servers_peers_are_others(void **state)
{
	(void)state;
	expect_ping("ldaps://ds1",
			"peers = ( { server = \"ldaps://ds2\"; }, { server = \"ldaps://ds2:1636\"; } );",
			NULL);
	expect_ping("ldaps://ds1",
			"peers = ( { server = \"ldaps://ds2\"; }, { server = \"ldaps://DS1:636\"; } );",
			"ldaps://DS1:636 is the server itself, which is no peer of its own");
	expect_ping("ldaps://ds1",
			"peers = ( { server = \"ldap://ds2\"; }, { server = \"ldaps://ds3\"; }, { "
			"server = \"ldap://ds2:0389\"; } );",
			"ldap://ds2:0389 is among the peers twice");
}

static void a_directory_servers_settings_mean_something(void **state)
{
	static const struct {
		const char *settings, *mistake;
	} cases[] = {
		{ "key-manager-provider = \"JKS\";",
				"key-manager-provider means nothing unless certificate = \"listener\"" },
		{ "reload-https = true;",
				"reload-https means nothing unless certificate = \"listener\"" },
		{ "tool = \"/bin/true\";", "tool means nothing unless route = \"tool\"" },
		{ "trust-store = \"/t\";", "trust-store means nothing unless route = \"tool\"" },
		{ "route = \"tool\"; tool = \"/t\"; store-password-file = \"/p\"; send = "
		  "\"key-store\";",
				"send means nothing unless route = \"ldap\"" },
		{ "alias = \"x\";",
				"alias means nothing unless a key store is sent, with route = "
				"\"tool\" or send = \"key-store\"" },
		{ "send = \"key-store\"; alias = \"x\"; store-password-file = \"/p\";", NULL },
		{ "send = \"key-store\"; store-profile = \"old-java\"; store-password-file = "
		  "\"/p\";",
				"store-profile means nothing unless store-format = \"pkcs12\"" },
		{ "ads-alias = \"x\";", "ads-alias means nothing without ads-truststore" },
		{ "ads-alias = \"x\"; ads-truststore = \"/t\"; user = \"ds\";", NULL },
		{ "user = \"ds\";",
				"user means nothing without a program to run: with route = \"tool\" "
				"or ads-truststore" },
		{ "certificate = \"listener\"; key-manager-provider = \"JKS\"; rsa-max = 4096;",
				"rsa-max means nothing unless certificate = \"inter-server\"" },
		{ "certificate = \"listener\"; key-manager-provider = \"JKS\"; target-alias = "
		  "\"a\";",
				NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_ping("ldaps://ds1", cases[i].settings, cases[i].mistake);
}

static void two_targets_do_not_replace_one_certificate_of_a_directory_server(void **state)
{
	autodone(buffer) struct buffer text = { 0 }, mistakes = { 0 };

	(void)state;
	buffer_add(&text, "targets = (\n");
	add_ping(&text, "a", "ds1", "ldaps://ds1", "");
	buffer_add(&text, ",\n");
	add_ping(&text, "other", "ds2", "ldaps://ds1", "");
	buffer_add(&text, ",\n");
	add_ping(&text, "listener", "ds1", "ldaps://ds1",
			"certificate = \"listener\"; key-manager-provider = \"JKS\";");
	buffer_add(&text, ",\n");
	add_ping(&text, "elsewhere", "ds1", "ldaps://ds1.test", "");
	buffer_add(&text, ",\n");
	add_ping(&text, "b", "ds1", "ldap://localhost",
			"peers = ( { server = \"ldaps://DS1:636\"; } );");
	buffer_add(&text, " );");
	mistakes_of(buffer_text(&text), &mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:6: target \"b\" replaces the inter-server certificate of ds1 in the "
			"topology of ds1:636, and so does target \"a\" at main.conf:2\n");
}

/* ---- redis-enterprise ---- */

static void add_redis(struct buffer *text, const char *name, const char *certificate,
		const char *api, const char *more)
{
	buffer_printf(text,
			"{ name = \"%s\"; product = \"redis-enterprise\"; certificate = \"%s\"; api = "
			"%s; probe = \"r:1\"; %s }",
			name, certificate, api, more);
}

#define ZEROES "0000000000000000000000000000000000000000000000000000000000000000"

static void expect_redis(const char *api, const char *settings, const char *mistake)
{
	autodone(buffer) struct buffer text = { 0 };

	buffer_add(&text, "targets = ( ");
	add_redis(&text, "r", "proxy", api, settings);
	buffer_add(&text, " );");
	expect_mistake(buffer_text(&text), mistake);
}

static void a_password_goes_to_no_cluster_in_the_clear(void **state)
{
	(void)state;
	expect_redis("[ \"https://r1:9443\", \"https://[2001:db8::1]:9443\" ]", "", NULL);
	expect_redis("[ \"https://r1:9443\", \"http://r2:9443\" ]", "",
			"\"api\" in target \"r\" \"http://r2:9443\" is not https://host:port");
	expect_redis("\"127.0.0.1:9443\"", "",
			"\"api\" in target \"r\" \"127.0.0.1:9443\" is not https://host:port");
	expect_redis("\"https://r1:9443\"",
			"replicas = ( { api = \"http://w1:9443\"; database = 1; } );",
			"\"api\" in \"replicas\" of target \"r\" \"http://w1:9443\" is not https://host:port");
	expect_redis("\"https://r1:9443\"",
			"lease = { store = \"etcd\"; endpoints = \"http://e1:2379\"; };",
			"\"endpoints\" in \"lease\" of target \"r\" \"http://e1:2379\" is not https://host:port");
}

static void a_pin_is_a_fingerprint(void **state)
{
	static const char pinned[] = "pin = \"" ZEROES "\";",
			  both[] = "pin = \"" ZEROES " " ZEROES "\";";

	(void)state;
	expect_redis("\"https://r1:9443\"", pinned, NULL);
	expect_redis("\"https://r1:9443\"", both, NULL);
	expect_redis("\"https://r1:9443\"", "pin = \"zz\";",
			"\"pin\" in target \"r\" \"zz\" is no SHA-256 fingerprint: 64 lower-case "
			"hexadecimal digits, several with blanks between them");
	expect_ping("ldaps://ds1", pinned, NULL);
	expect_ping_line("ldaps://ds1", "pin = \"zz\";",
			"\"pin\" in target \"ds\" \"zz\" is no SHA-256 fingerprint: 64 lower-case "
			"hexadecimal digits, several with blanks between them");
	expect_ping_line("ldaps://ds1", "peers = ( { server = \"ldaps://ds2\"; pin = \"zz\"; } );",
			"\"pin\" in \"peers\" of target \"ds\" \"zz\" is no SHA-256 fingerprint: 64 "
			"lower-case hexadecimal digits, several with blanks between them");
}

static void two_targets_do_not_replace_one_certificate_of_a_cluster(void **state)
{
	autodone(buffer) struct buffer text = { 0 }, mistakes = { 0 };

	(void)state;
	buffer_add(&text, "targets = (\n");
	add_redis(&text, "a", "proxy", "[ \"https://r1:9443\", \"https://r2:9443\" ]", "");
	buffer_add(&text, ",\n");
	add_redis(&text, "b", "api", "\"https://r1:9443\"", "");
	buffer_add(&text, ",\n");
	add_redis(&text, "c", "proxy", "[ \"https://r3:9443\", \"https://r2:9443\" ]", "");
	buffer_add(&text, ",\n");
	add_redis(&text, "d", "cm", "\"https://r4:9443\"", "fqdn = \"r.test\";");
	buffer_add(&text, ",\n");
	add_redis(&text, "e", "cm", "\"https://r5:9443\"", "fqdn = \"r.test\";");
	buffer_add(&text, ",\n");
	add_redis(&text, "f", "cm", "\"https://r6:9443\"", "");
	buffer_add(&text, " );");
	mistakes_of(buffer_text(&text), &mistakes);
	assert_string_equal(buffer_text(&mistakes),
			"main.conf:4: target \"c\" replaces the certificate proxy of the cluster at "
			"https://r2:9443, and so does target \"a\" at main.conf:2\n"
			"main.conf:6: target \"e\" replaces the certificate cm of the cluster r.test, "
			"and so does target \"d\" at main.conf:5\n");
}

/* Does a target with the one certificate wait for that with the other? Both of the cluster at r1, or
 * the other of that at `api`. */
static bool comes_after(const char *certificate, const char *other, const char *api)
{
	autodone(buffer) struct buffer text = { 0 }, mistakes = { 0 };
	struct config *config;
	bool after;

	buffer_add(&text, "targets = ( ");
	add_redis(&text, "one", certificate, "[ \"https://r1:9443\", \"https://r2:9443\" ]", "");
	buffer_add(&text, ", ");
	add_redis(&text, "other", other, api, "");
	buffer_add(&text, " );");
	config = load(buffer_text(&text), &mistakes);
	assert_string_equal(buffer_text(&mistakes), "");
	assert_int_equal(config->target_count, 2);
	after = config->targets[0].reconciler->comes_after(
			&config->targets[0], &config->targets[1]);
	config_free(config);
	return after;
}

/* Targets that share Active-Active databases need the same leases: they would fail of each other. */
static void the_certificates_of_a_cluster_have_an_order(void **state)
{
	static const char *const names[] = { "proxy", "syncer", "cm", "api" };
	static const bool after[4][4] = {
		{ false, false, false, false },
		{ true, false, false, false },
		{ false, false, false, false },
		{ true, true, true, false },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4; k++) {
			if (i != k)
				assert_int_equal(comes_after(names[i], names[k],
								 "\"https://r2:9443\""),
						after[i][k]);
			assert_false(comes_after(names[i], names[k], "\"https://r3:9443\""));
		}
}

/* The names that a target's certificate has to cover, as certdrop-inspect is told. */
static void expect_names(const char *certificate, const char *settings, const char *expected)
{
	autodone(buffer) struct buffer text = { 0 }, mistakes = { 0 }, names = { 0 };
	autoarena struct arena *arena = arena_new();
	struct records rules = { 0 };
	struct config *config;

	buffer_add(&text, "targets = ( ");
	add_redis(&text, "r", certificate, "\"https://r1:9443\"", settings);
	buffer_add(&text, " );");
	config = load(buffer_text(&text), &mistakes);
	assert_string_equal(buffer_text(&mistakes), "");
	rules_write(arena, config->targets, &rules);
	for (size_t i = 0; i < rules.count; i++)
		if (strcmp(record_word(rules.items[i], 1), rule_kind_name(RULE_NAMES)) == 0)
			record_print(rules.items[i], &names);
	config_free(config);
	assert_string_equal(buffer_text(&names), expected);
}

static void the_certificate_of_an_api_is_for_the_name_it_is_verified_by(void **state)
{
	(void)state;
	expect_names("api", "fqdn = \"r.test\";",
			"rule names \"the target's setting `fqdn`\" r.test\n");
	expect_names("api", "fqdn = \"r.test\"; names = \"*.r.test\";",
			"rule names \"the target's setting `fqdn`\" r.test\n"
			"rule names \"the target's setting `names`\" *.r.test\n");
	expect_names("api", "", "");
	expect_names("metrics_exporter", "fqdn = \"r.test\";", "");
}

/* ---- what is allowed and hardly meant ---- */

static size_t advice_on(const char *files, const char *more, struct buffer *first)
{
	autodone(buffer) struct buffer mistakes = { 0 }, text = { 0 };
	autoarena struct arena *arena = arena_new();
	struct config *config;
	struct words advice;

	buffer_printf(&text,
			"targets = ( { name = \"web\"; product = \"files\"; publish = \"/srv/web\"; %s "
			"files = ( { name = \"cert.pem\"; content = \"fullchain\"; mode = \"0644\"; }, "
			"{ name = \"f.pem\"; %s } ); } );",
			more, files);
	config = load(buffer_text(&text), &mistakes);
	if (!config)
		fail_msg("%s", buffer_text(&mistakes));
	advice = config->targets[0].reconciler->advise(&config->targets[0], arena);
	buffer_clear(first);
	buffer_add(first, advice.count > 0 ? advice.items[0] : "");
	config_free(config);
	return advice.count;
}

static void a_private_key_that_every_user_may_read_is_advised_against(void **state)
{
	static const char exposed[] = "content = \"key\"; mode = \"0644\";";
	autodone(buffer) struct buffer first = { 0 };

	(void)state;
	assert_int_equal(advice_on(exposed, "", &first), 1);
	assert_string_equal(buffer_text(&first),
			"every user may read the private key in \"f.pem\", whose mode is \"0644\"");
	assert_int_equal(advice_on("content = \"combined\"; mode = \"0604\";", "", &first), 1);
	assert_int_equal(advice_on("content = \"key\"; mode = \"0640\";", "", &first), 0);
	assert_int_equal(advice_on("content = \"key\";", "", &first), 0);
	assert_int_equal(advice_on("content = \"leaf\"; mode = \"0644\";", "", &first), 0);
	assert_int_equal(advice_on(exposed, "directory-mode = \"0750\";", &first), 0);
	assert_int_equal(advice_on(exposed, "directory-mode = \"0750\"; method = \"fixed\";",
					 &first),
			1);
}

static void a_window_of_files_is_for_reloads(void **state)
{
	static const char text[] =
			"targets = ( { name = \"web\"; product = \"files\"; publish = \"/srv/web\"; "
			"files = ( { name = \"c\"; content = \"leaf\"; } ); "
			"windows = ( { from = \"22:00\"; to = \"23:00\"; %s } ); } );";
	autodone(buffer) struct buffer without = { 0 }, with = { 0 };

	(void)state;
	buffer_printf(&without, text, "");
	buffer_printf(&with, text, "for = \"reload\";");
	expect_mistake(buffer_text(&without),
			"the window 22:00-23:00 in \"windows\" of target \"web\" binds nothing that "
			"files targets do: say for = [ \"reload\" ]");
	expect_mistake(buffer_text(&with), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_private_key_that_every_user_may_read_is_advised_against),
		cmocka_unit_test(a_window_of_files_is_for_reloads),
		cmocka_unit_test(the_port_of_a_directory_server_can_be_one),
		cmocka_unit_test(a_directory_servers_peers_are_others),
		cmocka_unit_test(a_directory_servers_settings_mean_something),
		cmocka_unit_test(two_targets_do_not_replace_one_certificate_of_a_directory_server),
		cmocka_unit_test(a_password_goes_to_no_cluster_in_the_clear),
		cmocka_unit_test(a_pin_is_a_fingerprint),
		cmocka_unit_test(two_targets_do_not_replace_one_certificate_of_a_cluster),
		cmocka_unit_test(the_certificates_of_a_cluster_have_an_order),
		cmocka_unit_test(the_certificate_of_an_api_is_for_the_name_it_is_verified_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
