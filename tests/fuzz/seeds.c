/*
 * Writes seeds for the fuzz targets: one of each shape that a reader knows.
 *
 *         seeds DIRECTORY         makes DIRECTORY/pem, DIRECTORY/der, ...
 */

#include <assert.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/state/journal.h"
#include "controller/formats/gauss-cipher.h"
#include "tests/unit/java.h"
#include "tests/unit/material.h"

static struct identity authority, leaf, rsa;

static void write_seed(const char *root, const char *reader, const char *name,
		const struct buffer *content)
{
	char path[512];
	struct error error;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", root, reader);
	assert(directory_make(path, 0755, &error));
	(void)snprintf(path, sizeof(path), "%s/%s/%s", root, reader, name);
	file = fopen(path, "we");
	assert(file && fwrite(content->bytes, 1, content->length, file) == content->length);
	assert(fclose(file) == 0);
}

/* For the reader itself, and for those that find out. */
static void write_seeds(const char *root, const char *reader, const char *name,
		const struct buffer *content)
{
	write_seed(root, reader, name, content);
	write_seed(root, "format", name, content);
	write_seed(root, "request", name, content);
}

/* A seed that is text. */
static void write_text(const char *root, const char *reader, const char *name, const char *text)
{
	autodone(buffer) struct buffer content = { 0 };

	buffer_add(&content, text);
	write_seed(root, reader, name, &content);
}

static void crl_der(struct buffer *crl)
{
	BIO *text = BIO_new_mem_buf(crl->bytes, (int)crl->length);
	X509_CRL *read = PEM_read_bio_X509_CRL(text, NULL, NULL, NULL);
	unsigned char *der = NULL;
	const int length = i2d_X509_CRL(read, &der);

	assert(length > 0);
	buffer_clear(crl);
	buffer_append(crl, der, (size_t)length);
	OPENSSL_free(der);
	X509_CRL_free(read);
	BIO_free(text);
}

static void seed_text(const char *root)
{
	autodone(buffer) struct buffer pair = { 0 }, keys = { 0 }, crl = { 0 };

	add_certificate(&pair, &leaf);
	add_key(&pair, &leaf, NULL);
	add_certificate(&pair, &authority);
	write_seeds(root, "pem", "pair.pem", &pair);
	add_traditional_key(&keys, &leaf, "x");
	add_key(&keys, &rsa, "x");
	add_traditional_key(&keys, &rsa, NULL);
	write_seeds(root, "pem", "keys.pem", &keys);
	add_crl(&crl, &authority);
	write_seeds(root, "pem", "crl.pem", &crl);
	crl_der(&crl);
	write_seeds(root, "der", "crl.der", &crl);
	write_seed(root, "crl", "crl.der", &crl);
}

static void seed_binary(const char *root)
{
	const struct identity *const list[] = { &leaf, &authority };
	const struct pkcs12_recipe modern = { .identity = &leaf,
		.passphrase = "x",
		.iterations = 100,
		.seal_iterations = 100,
		.chain = { &authority } };
	const struct pkcs12_recipe old = { .identity = &rsa,
		.passphrase = "x",
		.iterations = 100,
		.seal_iterations = 100,
		.legacy = true };
	autodone(buffer) struct buffer der = { 0 }, pkcs7 = { 0 }, first = { 0 }, second = { 0 };

	add_certificate_der(&der, &leaf);
	write_seed(root, "certificate", "leaf.der", &der);
	add_key_der(&der, &leaf);
	write_seeds(root, "der", "pair.der", &der);
	add_pkcs7_der(&pkcs7, list, 2);
	write_seeds(root, "pkcs7", "list.p7b", &pkcs7);
	add_pkcs12(&first, &modern);
	write_seeds(root, "pkcs12", "modern.p12", &first);
	add_pkcs12(&second, &old);
	write_seeds(root, "pkcs12", "old.p12", &second);
}

static void seed_java(const char *root)
{
	const struct jks_recipe with_chain = { &leaf, &authority, "web", "x" };
	const struct jks_recipe other = { &rsa, NULL, "other", "unknown" };
	autodone(buffer) struct buffer first = { 0 }, second = { 0 }, one = { 0 }, many = { 0 };

	add_jks_key(&first, &with_chain);
	add_jks(&one, 1, &first, "x");
	write_seeds(root, "jks", "one.jks", &one);
	add_jks_trusted(&second, "root", &authority);
	add_jks_key(&second, &other);
	add_jks(&many, 2, &second, "x");
	write_seeds(root, "jks", "many.jks", &many);
}

static void seed_archive(const char *root)
{
	static const char *const names[] = { "web.pem" };
	autodone(buffer) struct buffer pem = { 0 }, bytes = { 0 };

	add_certificate(&pem, &leaf);
	add_zip(&bytes, names, &pem, 1);
	write_seeds(root, "archive", "web.zip", &bytes);
}

/* With the names that the rules in fuzz-request.c give to a package. */
static void seed_package(const char *root)
{
	static const char *const names[] = { "server.crt", "server.key", "ca.pem", "list.crl" };
	struct buffer files[4] = { 0 };
	autodone(buffer) struct buffer bytes = { 0 };

	add_certificate(&files[0], &leaf);
	add_key(&files[1], &leaf, NULL);
	add_certificate(&files[2], &authority);
	add_crl(&files[3], &authority);
	add_zip(&bytes, names, files, 4);
	write_seeds(root, "archive", "package.zip", &bytes);
	for (size_t i = 0; i < 4; i++)
		buffer_done(&files[i]);
}

/* 48 bytes of salts and a passphrase; and the files that come of them. */
static void seed_gauss_cipher(const char *root)
{
	autodone(buffer) struct buffer salted = { 0 }, both = { 0 };
	autodone(secret) struct secret passphrase = { 0 };
	struct gauss_salts salts = { { 1 }, { 2 }, { 3 } };
	struct gauss_cipher files;
	struct error error;

	secret_append(&passphrase, "Test@123", 8);
	assert(gauss_cipher_encode(&passphrase, &salts, &files, &error));
	buffer_append(&salted, &salts, sizeof(salts));
	buffer_append(&salted, passphrase.bytes, passphrase.length);
	write_seed(root, "gauss-cipher", "salts", &salted);
	buffer_append(&both, &files, sizeof(files));
	write_seed(root, "gauss-cipher", "files", &both);
}

/* ---- what other programs and the disk give back ---- */

static void seed_replies(const char *root)
{
	write_text(root, "json", "list",
			"{\"a\": [{\"uid\": 1, \"b\": \"redis://u:p@c1:12000/0\", \"server_cert\": "
			"\"old\"}, {\"uid\": 2.5, \"b\": true}], \"/~\": [1e3, -7, null]}");
	write_text(root, "json", "reason",
			"{\"error_code\": \"busy\", \"description\": \"another\\nchange\", "
			"\"message\": \"\\u0000***\"}");
	write_text(root, "output", "lines", "state : ok\nxy aa 42\nhunter22 at ldap://u:p@host\n");
	write_text(root, "output", "key",
			"-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\nstate: x\n");
	write_text(root, "ldap", "start-tls",
			"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x01\x04\x00\x04");
	write_text(root, "ldap", "value", "\x30\x09\x80\x02ok\x04\x03yes");
	write_text(root, "ldap", "long", "\x30\x82\x01\x01\x02\x01\x01");
	write_text(root, "ldap", "consent", "S");
}

static void seed_store(const char *root)
{
	autodone(buffer) struct buffer file = { 0 };
	static const char digits[] =
			"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	buffer_printf(&file,
			"credential %s\n\tfingerprint %s\n\tkey-fingerprint %s\n\tsubject CN=a\n"
			"\tissuer CN=b\n\tserial 01\n\tnot-before 1767225600\n\tnot-after 1798761600\n"
			"\tkey \"EC P-256\"\n\tnames DNS:a\n\tparts leaf key\n"
			"\tlasts \"the client certificate\" 1 2\n\n",
			digits, digits, digits);
	buffer_add(&file, "certdrop part: leaf\n");
	add_certificate(&file, &leaf);
	buffer_add(&file, "certdrop part: key\n");
	add_key(&file, &leaf, NULL);
	write_seed(root, "credential", "pair", &file);
	buffer_clear(&file);
	buffer_printf(&file,
			"generation 5f0c-1b2c\n\tcredential %s\n\tlayout x\n"
			"\tfile privkey.pem %s 0640 0 107\n\tfile fullchain.pem %s 0644 0 0\n",
			digits, digits, digits);
	write_seed(root, "manifest", "two", &file);
}

static void fill(struct journal *journal)
{
	const struct pass_entry pass = { .target = "web",
		.credential = "aa11",
		.plan = "plan web x\n\tcredential aa11\n\nchange command y\n\targv true\n",
		.started = 1795246000 };
	const int64_t id = journal_pass_begin(journal, &pass);
	struct error error;

	journal_remember(journal, "web", &(struct remembered){ .wanted = "aa11", .state = "idle" });
	journal_park(journal, "web", "bb22", "it failed");
	journal_step_begin(journal, id, 0, false, "y");
	assert(journal_commit(journal, &error));
}

static void seed_journal(const char *root)
{
	autodone(buffer) struct buffer notice = { 0 }, content = { 0 };
	char path[512];
	struct error error;
	struct journal *journal;

	(void)snprintf(path, sizeof(path), "%s/journal", root);
	journal = journal_open(path, &notice, &error);
	assert(journal);
	fill(journal);
	journal_close(journal);
	(void)snprintf(path, sizeof(path), "%s/journal/journal.db", root);
	assert(file_read(AT_FDCWD, path, 1 << 20, &content, &error));
	write_seed(root, "journal", "one-pass.db", &content);
	assert(unlink(path) == 0);
}

int main(int argc, char **argv)
{
	const struct recipe recipes[] = {
		{ .name = "Root", .authority = true },
		{ .name = "web.example", .issuer = &authority },
		{ .name = "rsa.example", .issuer = &authority, .key = "RSA 2048" },
	};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: seeds DIRECTORY\n");
		return 2;
	}
	identity_make(&authority, &recipes[0]);
	identity_make(&leaf, &recipes[1]);
	identity_make(&rsa, &recipes[2]);
	seed_text(argv[1]);
	seed_binary(argv[1]);
	seed_java(argv[1]);
	seed_archive(argv[1]);
	seed_package(argv[1]);
	seed_gauss_cipher(argv[1]);
	seed_replies(argv[1]);
	seed_store(argv[1]);
	seed_journal(argv[1]);
	identity_done(&authority);
	identity_done(&leaf);
	identity_done(&rsa);
	return 0;
}
