#include "tests/unit/unit.h"

#include "tests/unit/packaging.h"

#include <string.h>

#include "controller/formats/gauss-cipher.h"

static const char package_rule[] =
		"rule package \"openGauss packages\" server.crt:leaf server.key:key "
		"server.key.cipher:passphrase server.key.rand:passphrase client.crt:client-leaf "
		"client.key:client-key client.key.cipher:passphrase client.key.rand:passphrase "
		"cacert.pem:ca sslcrl-file.crl:crl? client.key.pk8:client-key? openssl.cnf:any?";

static const char *const rules[] = {
	"rule parts \"openGauss packages\" key client-leaf client-key ca crl?",
	"rule version-3 \"openGauss packages\"",
	"rule anchor \"openGauss packages\"",
	"rule crl-issued \"openGauss packages\"",
	package_rule,
};

static const char *const package_names[COUNT] = { "cacert.pem", "server.crt", "server.key",
	"server.key.cipher", "server.key.rand", "client.crt", "client.key", "client.key.cipher",
	"client.key.rand" };

struct identity ca, server, client, other_ca, other;

int packaging_begin(void **state)
{
	const struct recipe ca_recipe = { .name = "CA", .authority = true };
	const struct recipe server_recipe = { .name = "db1", .issuer = &ca };
	const struct recipe client_recipe = { .name = "app", .issuer = &ca };
	const struct recipe other_ca_recipe = { .name = "Other CA", .authority = true };
	const struct recipe other_recipe = { .name = "db9", .issuer = &other_ca };

	(void)state;
	identity_make(&ca, &ca_recipe);
	identity_make(&server, &server_recipe);
	identity_make(&client, &client_recipe);
	identity_make(&other_ca, &other_ca_recipe);
	identity_make(&other, &other_recipe);
	return 0;
}

int packaging_end(void **state)
{
	(void)state;
	identity_done(&ca);
	identity_done(&server);
	identity_done(&client);
	identity_done(&other_ca);
	identity_done(&other);
	return 0;
}

/* ---- a package, to be spoiled ---- */

void package_done(struct package *package)
{
	for (size_t i = 0; i < COUNT; i++)
		buffer_done(&package->files[i]);
}

void put_envelope(struct buffer *cipher, struct buffer *rand, const char *text)
{
	autodone(secret) struct secret passphrase = { 0 };
	struct gauss_cipher files;
	struct gauss_salts salts;
	struct error error;

	secret_append(&passphrase, text, strlen(text));
	assert_true(gauss_salts_random(&salts, &error));
	assert_true(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	buffer_clear(cipher);
	buffer_clear(rand);
	buffer_append(cipher, files.cipher, sizeof(files.cipher));
	buffer_append(rand, files.rand, sizeof(files.rand));
}

void package_make(struct package *package)
{
	*package = (struct package){ .count = MORE };
	memcpy(package->names, package_names, sizeof(package_names));
	add_certificate(&package->files[CACERT], &ca);
	add_certificate(&package->files[SERVER_CRT], &server);
	add_key(&package->files[SERVER_KEY], &server, "Server@123");
	put_envelope(&package->files[SERVER_CIPHER], &package->files[SERVER_RAND], "Server@123");
	add_certificate(&package->files[CLIENT_CRT], &client);
	add_key(&package->files[CLIENT_KEY], &client, "Client@456");
	put_envelope(&package->files[CLIENT_CIPHER], &package->files[CLIENT_RAND], "Client@456");
}

struct buffer *package_replace(struct package *package, enum name name)
{
	buffer_clear(&package->files[name]);
	return &package->files[name];
}

struct buffer *package_add(struct package *package, const char *name)
{
	package->names[MORE] = name;
	package->count = COUNT;
	return &package->files[MORE];
}

/* ---- what becomes of it ---- */

void ask_rules(struct asking *asking)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		ask_rule(asking, rules[i]);
}

void ask_zip(struct asking *asking, const char *name, const struct package *package)
{
	autodone(buffer) struct buffer bytes = { 0 };

	add_zip(&bytes, package->names, package->files, package->count);
	ask_file(asking, name, &bytes);
}

void expect(const struct package *package, const char *sentence)
{
	autodone(asking) struct asking asking = { 0 };
	const char *said;

	ask_rules(&asking);
	ask_zip(&asking, "db.zip", package);
	ask(&asking);
	said = *sentence_of(&asking, "db.zip") ? sentence_of(&asking, "db.zip")
					       : first_refused(&asking);
	if (strcmp(said, sentence) != 0)
		fail_msg("wanted \"%s\", got: %s", sentence, buffer_text(&asking.reply.text));
	assert_int_equal(credentials_in(&asking), *sentence ? 0 : 1);
	assert_string_equal(first_missing(&asking), "");
}
