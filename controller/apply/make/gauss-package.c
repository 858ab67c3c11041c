#include "controller/apply/make/gauss-package.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "controller/formats/gauss-cipher.h"
#include "controller/model/credential.h"

enum { DEPLOYED_MAX = 1 << 20, PATH_SIZE = 4096 };

static const char crl_name[] = "sslcrl-file.crl";

struct building {
	const struct make_step *make;
	const char *parts;
	struct gauss_package *package;
};

/* One of the two pairs. */
struct side {
	const char *name; /* "server" */
	enum part leaf, chain, key;
	const char *deployed; /* where its files are now; NULL: they do not matter */
	bool required; /* its passphrase has to be the deployed one */
};

void gauss_package_done(struct gauss_package *package)
{
	for (size_t i = 0; i < package->count; i++)
		secret_done(&package->members[i].bytes);
	*package = (struct gauss_package){ 0 };
}

static void bio_done(BIO **bio)
{
	BIO_free(*bio);
}

static void pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static struct secret *add(const struct building *b, const char *name)
{
	struct gauss_member *member = &b->package->members[b->package->count];

	assert(b->package->count < GAUSS_MEMBERS_MAX);
	b->package->count++;
	member->name = name;
	return &member->bytes;
}

static bool add_part(
		const struct building *b, const char *name, enum part part, struct error *error)
{
	const struct span span = credential_part(b->parts, part);

	if (span.length == 0)
		return fail(error, ERROR_INPUT, "%s: the credential has no %s", name,
				part_name(part));
	secret_append(add(b, name), span.start, span.length);
	return true;
}

/* ---- what is deployed ---- */

enum presence { PRESENT, ABSENT, UNREADABLE };

/* A second name may be one under which certdrop keeps the file while it is replaced, or one that the
 * directory's owner has given to a file of somebody else. */
static bool is_the_owners(int fd, const char *directory)
{
	struct stat facts, place;

	return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
			(facts.st_nlink == 1 ||
					(stat(directory, &place) == 0 &&
							facts.st_uid == place.st_uid));
}

/* The worker may read more than the cluster's user, who owns the directory and gets the package: no
 * link leads it to somebody else's file. */
static enum presence read_deployed(
		const char *directory, const char *name, struct secret *bytes, struct error *error)
{
	char path[PATH_SIZE];
	autoclose int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0) {
		const bool absent = errno == ENOENT;

		(void)fail(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
		return absent ? ABSENT : UNREADABLE;
	}
	if (!is_the_owners(fd, directory)) {
		(void)fail(error, ERROR_CONFIG, "%s is no ordinary file of the directory's owner",
				path);
		return UNREADABLE;
	}
	if (secret_read(bytes, fd, DEPLOYED_MAX, error))
		return PRESENT;
	(void)fail_while(error, "%s", path);
	return UNREADABLE;
}

static bool read_half(const char *directory, const char *name, unsigned char *half, size_t size,
		struct error *error)
{
	autodone(secret) struct secret bytes = { 0 };

	if (read_deployed(directory, name, &bytes, error) != PRESENT)
		return false;
	if (!(size == GAUSS_RAND_SIZE ? gauss_rand_check : gauss_cipher_check)(
			    bytes.bytes, bytes.length, error))
		return fail(error, ERROR_CONFIG, "%s/%s %s", directory, name, error->text);
	memcpy(half, bytes.bytes, size);
	return true;
}

/* A server that is running may hold another passphrase than the one in the files when they were
 * changed and it was not restarted. That nobody can see; but files that do not even go with one
 * another can be told. */
static bool opens_key(const struct side *side, const struct secret *passphrase, struct error *error)
{
	char name[32];
	autodone(secret) struct secret text = { 0 };
	autodone(bio) BIO *bio = NULL;
	autodone(pkey) EVP_PKEY *key = NULL;

	(void)snprintf(name, sizeof(name), "%s.key", side->name);
	if (read_deployed(side->deployed, name, &text, error) != PRESENT)
		return false;
	bio = BIO_new_mem_buf(text.bytes, (int)text.length);
	key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase->bytes) : NULL;
	ERR_clear_error();
	return key ||
			fail(error, ERROR_CONFIG,
					"%s/%s does not open with the passphrase in its cipher and rand "
					"files",
					side->deployed, name);
}

static bool read_passphrase(const struct side *side, struct secret *passphrase, struct error *error)
{
	struct gauss_cipher files;
	const char *wrong;
	char name[32];

	(void)snprintf(name, sizeof(name), "%s.key.cipher", side->name);
	if (!read_half(side->deployed, name, files.cipher, sizeof(files.cipher), error))
		return false;
	(void)snprintf(name, sizeof(name), "%s.key.rand", side->name);
	if (!read_half(side->deployed, name, files.rand, sizeof(files.rand), error))
		return false;
	if (!gauss_cipher_decode(&files, passphrase, error) || !opens_key(side, passphrase, error))
		return fail(error, ERROR_CONFIG, "the deployed passphrase: %s", error->text);
	wrong = gauss_passphrase_wrong(passphrase);
	return !wrong || fail(error, ERROR_CONFIG, "the deployed passphrase %s", wrong);
}

static bool choose_passphrase(
		const struct side *side, struct secret *passphrase, struct error *error)
{
	if (side->deployed && read_passphrase(side, passphrase, error))
		return true;
	if (side->deployed && side->required)
		return fail(error, ERROR_CONFIG, "%s; passphrase = \"new\" does without it",
				error->text);
	return gauss_passphrase_random(passphrase, error);
}

/* ---- one pair ---- */

static EVP_PKEY *read_key(const struct building *b, const struct side *side)
{
	const struct span span = credential_part(b->parts, side->key);
	autodone(bio) BIO *bio =
			span.length > 0 ? BIO_new_mem_buf(span.start, (int)span.length) : NULL;

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
}

static bool add_bio(const struct building *b, const char *name, BIO *bio)
{
	char *bytes;
	const long length = BIO_get_mem_data(bio, &bytes);

	if (length <= 0)
		return false;
	secret_append(add(b, name), bytes, (size_t)length);
	return true;
}

static bool add_encrypted(const struct building *b, const char *name, EVP_PKEY *key,
		const struct secret *passphrase)
{
	autodone(bio) BIO *bio = BIO_new(BIO_s_secmem());

	return bio &&
			PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(),
					(char *)passphrase->bytes, (int)passphrase->length, NULL,
					NULL) == 1 &&
			add_bio(b, name, bio);
}

static bool add_halves(const struct building *b, const struct side *side,
		const struct secret *passphrase, struct error *error)
{
	const bool server = side->key == PART_KEY;
	struct gauss_cipher files;
	struct gauss_salts salts;

	if (!gauss_salts_random(&salts, error) ||
			!gauss_cipher_encode(passphrase, &salts, &files, error))
		return false;
	secret_append(add(b, server ? "server.key.cipher" : "client.key.cipher"), files.cipher,
			sizeof(files.cipher));
	secret_append(add(b, server ? "server.key.rand" : "client.key.rand"), files.rand,
			sizeof(files.rand));
	return true;
}

static bool add_side(const struct building *b, const struct side *side, struct error *error)
{
	const bool server = side->key == PART_KEY;
	const struct span chain = credential_part(b->parts, side->chain);
	autodone(secret) struct secret passphrase = { 0 };
	autodone(pkey) EVP_PKEY *key = read_key(b, side);

	if (!key)
		return fail(error, ERROR_INPUT, "the credential has no %s", part_name(side->key));
	if (!choose_passphrase(side, &passphrase, error) ||
			!add_part(b, server ? "server.crt" : "client.crt", side->leaf, error))
		return false;
	secret_append(&b->package->members[b->package->count - 1].bytes, chain.start, chain.length);
	if (!add_encrypted(b, server ? "server.key" : "client.key", key, &passphrase))
		return fail(error, ERROR_INTERNAL, "the %s key cannot be encrypted", side->name);
	return add_halves(b, side, &passphrase, error);
}

/* ---- what comes along ---- */

static bool carry_jdbc_key(const struct building *b, struct error *error)
{
	static const struct side client = { .name = "client", .key = PART_CLIENT_KEY };
	autodone(secret) struct secret old = { 0 };
	autodone(bio) BIO *bio = BIO_new(BIO_s_secmem());
	autodone(pkey) EVP_PKEY *key = NULL;
	const enum presence presence = read_deployed(b->make->carry, "client.key.pk8", &old, error);

	if (presence != PRESENT)
		return presence == ABSENT;
	key = read_key(b, &client);
	return (key && bio && i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
			       add_bio(b, "client.key.pk8", bio)) ||
			fail(error, ERROR_INTERNAL, "client.key.pk8 cannot be written");
}

static bool carry_settings(const struct building *b, struct error *error)
{
	autodone(secret) struct secret old = { 0 };
	const enum presence presence = read_deployed(b->make->carry, "openssl.cnf", &old, error);

	if (presence == PRESENT)
		secret_append(add(b, "openssl.cnf"), old.bytes, old.length);
	return presence != UNREADABLE;
}

static bool add_crl(const struct building *b, struct error *error)
{
	autodone(secret) struct secret old = { 0 };
	enum presence presence = ABSENT;

	if (credential_part(b->parts, PART_CRL).length > 0)
		return add_part(b, crl_name, PART_CRL, error);
	if (b->make->keep_crl)
		presence = read_deployed(b->make->keep_crl, crl_name, &old, error);
	if (presence == PRESENT)
		secret_append(add(b, crl_name), old.bytes, old.length);
	return presence != UNREADABLE;
}

/* gs_om copies the server's files to the cluster manager, too. One that was built to read others could
 * not use them once it is started anew. */
static bool suits_manager(const struct building *b, struct error *error)
{
	autodone(secret) struct secret held = { 0 };
	const char *directory;
	char path[PATH_SIZE];
	struct error ignored;

	if (!b->make->carry)
		return true;
	(void)snprintf(path, sizeof(path), "%s/../cm", b->make->carry);
	directory = path;
	if (read_deployed(directory, "server.key.cipher", &held, &ignored) != PRESENT ||
			held.length != GAUSS_MANAGER_CIPHER_SIZE)
		return true;
	return fail(error, ERROR_CONFIG,
			"%s/server.key.cipher has %zu bytes: this cluster manager (CM) was built with "
			"AES-256, and could not read what gs_om would put in its place; its files have "
			"to be replaced by hand, with those of cm_ctl encrypt",
			directory, held.length);
}

/* Where nothing is carried over there is no gs_om, which would want a client's pair. */
static bool lacks_client(const struct building *b)
{
	return !b->make->carry && credential_part(b->parts, PART_CLIENT_KEY).length == 0 &&
			credential_part(b->parts, PART_CLIENT_LEAF).length == 0;
}

static bool build(const struct building *b, struct error *error)
{
	const struct side server = { "server", PART_LEAF, PART_CHAIN, PART_KEY, b->make->deployed,
		.required = true };
	const struct side client = { "client", PART_CLIENT_LEAF, PART_CLIENT_CHAIN, PART_CLIENT_KEY,
		b->make->carry, .required = false };

	return suits_manager(b, error) && add_part(b, "cacert.pem", PART_CA, error) &&
			add_side(b, &server, error) &&
			(lacks_client(b) || add_side(b, &client, error)) && add_crl(b, error) &&
			(!b->make->carry || (carry_jdbc_key(b, error) && carry_settings(b, error)));
}

bool gauss_package_build(const struct make_step *make, const char *parts,
		struct gauss_package *package, struct error *error)
{
	const struct building building = { make, parts, package };

	*package = (struct gauss_package){ 0 };
	if (build(&building, error))
		return true;
	gauss_package_done(package);
	return false;
}

/* ---- the archive ---- */

static bool add_member(zip_t *archive, const struct gauss_member *member)
{
	zip_source_t *source =
			zip_source_buffer(archive, member->bytes.bytes, member->bytes.length, 0);
	zip_int64_t index;

	if (!source)
		return false;
	index = zip_file_add(archive, member->name, source, 0);
	if (index < 0) {
		zip_source_free(source);
		return false;
	}
	return zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0 &&
			zip_file_set_external_attributes(archive, (zip_uint64_t)index, 0,
					ZIP_OPSYS_UNIX, (zip_uint32_t)(S_IFREG | 0600) << 16) == 0;
}

static bool read_out(zip_source_t *source, struct secret *bytes)
{
	unsigned char part[4096];
	zip_int64_t length;

	if (zip_source_open(source) != 0)
		return false;
	while ((length = zip_source_read(source, part, sizeof(part))) > 0)
		secret_append(bytes, part, (size_t)length);
	OPENSSL_cleanse(part, sizeof(part));
	(void)zip_source_close(source);
	return length == 0;
}

static bool write_archive(
		const struct gauss_package *package, zip_source_t *source, struct secret *bytes)
{
	zip_t *archive = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
	bool good = archive != NULL;

	if (!archive)
		return false;
	zip_source_keep(source);
	for (size_t i = 0; i < package->count && good; i++)
		good = add_member(archive, &package->members[i]);
	if (!good || zip_close(archive) != 0) {
		zip_discard(archive);
		return false;
	}
	return read_out(source, bytes);
}

bool gauss_package_zip(
		const struct gauss_package *package, struct secret *bytes, struct error *error)
{
	zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
	const bool good = source && write_archive(package, source, bytes);

	zip_source_free(source);
	return good || fail(error, ERROR_INTERNAL, "the archive cannot be written");
}
