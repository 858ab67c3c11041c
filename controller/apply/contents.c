#include "controller/apply/contents.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "controller/apply/make/gauss-package.h"
#include "controller/apply/make/keystore.h"
#include "controller/apply/scrub.h"
#include "controller/model/credential.h"

enum { CREDENTIALS_MAX = 8, PARTS_MAX = 3 };

static const char predecessor_mark[] = "predecessor:";

struct given {
	struct secret file; /* as it arrived */
	struct credential credential;
	const char *parts; /* in `file` */
};

/* Something built here: by a make step, or from several parts; or a password. */
struct built {
	struct built *next;
	const char *name;
	struct secret bytes;
};

struct contents {
	struct arena *arena;
	const struct plan *plan;
	pthread_mutex_t lock; /* held while `built` and the arena are used */
	struct given given[CREDENTIALS_MAX];
	size_t count;
	struct built *built;
};

/* What the names made of several parts consist of. */
static const struct {
	const char *name;
	enum part parts[PARTS_MAX];
	size_t count, needed; /* of the parts, this many have to be there */
} compositions[] = {
	{ "fullchain", { PART_LEAF, PART_CHAIN }, 2, 1 },
	{ "combined", { PART_KEY, PART_LEAF, PART_CHAIN }, 3, 2 },
	{ "client-fullchain", { PART_CLIENT_LEAF, PART_CLIENT_CHAIN }, 2, 1 },
};

struct contents *contents_new(const struct plan *plan)
{
	struct contents *contents = calloc(1, sizeof(*contents));

	assert(contents);
	contents->arena = arena_new();
	contents->plan = plan;
	(void)pthread_mutex_init(&contents->lock, NULL);
	return contents;
}

void contents_free(struct contents *contents)
{
	if (!contents)
		return;

	for (size_t i = 0; i < contents->count; i++)
		secret_done(&contents->given[i].file);
	while (contents->built) {
		struct built *next = contents->built->next;

		secret_done(&contents->built->bytes);
		free(contents->built);
		contents->built = next;
	}
	(void)pthread_mutex_destroy(&contents->lock);
	arena_free(contents->arena);
	free(contents);
}

bool contents_add(struct contents *contents, int fd, struct error *error)
{
	struct given *given = &contents->given[contents->count];

	if (contents->count == CREDENTIALS_MAX)
		return fail(error, ERROR_INTERNAL, "more than %d credentials", CREDENTIALS_MAX);
	if (!secret_read(&given->file, fd, CREDENTIAL_FILE_MAX, error))
		return fail_while(error, "credential");
	contents->count++; /* from here on contents_free() releases it */
	if (memchr(given->file.bytes, '\0', given->file.length))
		return fail(error, ERROR_INTERNAL, "not a credential file");
	return credential_file_read(contents->arena, (const char *)given->file.bytes,
			&given->credential, &given->parts, error);
}

static const struct given *find_given(
		const struct contents *contents, const char *digest, struct error *error)
{
	for (size_t i = 0; digest && i < contents->count; i++)
		if (contents->given[i].credential.digest &&
				strcmp(contents->given[i].credential.digest, digest) == 0)
			return &contents->given[i];
	(void)fail(error, ERROR_INTERNAL, "credential %.16s was not handed over",
			digest ? digest : "(none)");
	return NULL;
}

static struct built *find_built(const struct contents *contents, const char *name)
{
	struct built *built = contents->built;

	while (built && strcmp(built->name, name) != 0)
		built = built->next;
	return built;
}

/* Takes over `bytes`. */
static struct built *keep(struct contents *contents, const char *name, struct secret *bytes)
{
	struct built *built = calloc(1, sizeof(*built));

	assert(built);
	built->name = arena_copy(contents->arena, name);
	built->bytes = *bytes;
	built->next = contents->built;
	contents->built = built;
	*bytes = (struct secret){ 0 };
	return built;
}

static void set(struct content *content, const struct built *built)
{
	content->bytes = (const char *)built->bytes.bytes;
	content->length = built->bytes.length;
}

/* ---- passwords ---- */

static bool password(struct contents *contents, const char *path, struct content *content,
		struct error *error)
{
	const char *name = arena_printf(contents->arena, "password:%s", path);
	struct built *built = find_built(contents, name);
	autodone(secret) struct secret line = { 0 };

	if (!built) {
		if (!secret_read_line(&line, path, error))
			return fail_while(error, "password");
		built = keep(contents, name, &line);
	}
	set(content, built);
	return true;
}

bool contents_password(struct contents *contents, const char *path, struct content *content,
		struct error *error)
{
	bool good;

	(void)pthread_mutex_lock(&contents->lock);
	good = password(contents, path, content, error);
	(void)pthread_mutex_unlock(&contents->lock);
	return good;
}

/* ---- parts, what is made of them, what is made by a step ---- */

static bool compose(
		const struct given *given, size_t which, struct secret *bytes, struct error *error)
{
	for (size_t i = 0; i < compositions[which].count; i++) {
		const enum part part = compositions[which].parts[i];
		const struct span span = credential_part(given->parts, part);

		if (span.length == 0 && i < compositions[which].needed)
			return fail(error, ERROR_INPUT, "the credential has no %s",
					part_name(part));
		secret_append(bytes, span.start, span.length);
	}
	return true;
}

/* "package", or, for one of its members, "package/server.key" */
static const struct step *find_make(
		struct contents *contents, const char *name, struct make_step *make)
{
	const size_t length = strcspn(name, "/");

	for (size_t i = 0; i < contents->plan->count; i++) {
		const struct step *step = &contents->plan->steps[i];

		if (step->kind != STEP_MAKE)
			continue;
		make_step_read(contents->arena, step, make);
		if (make->make && strncmp(make->make, name, length) == 0 && !make->make[length])
			return step;
	}
	return NULL;
}

static bool build_store(struct contents *contents, const struct given *given,
		const struct make_step *make, struct secret *bytes, struct error *error)
{
	struct content store = { 0 }, key = { 0 };
	struct keystore_passwords passwords;

	if (!make->password_file)
		return fail(error, ERROR_CONFIG, "%s needs a password file", make->make);
	if (!password(contents, make->password_file, &store, error) ||
			(make->key_password_file &&
					!password(contents, make->key_password_file, &key, error)))
		return false;
	passwords = (struct keystore_passwords){ .store = store.bytes, .key = key.bytes };
	return keystore_build(make, given->parts, &passwords, bytes, error);
}

/* The archive and its members are made together, once: there is chance in them. */
static bool build_package(struct contents *contents, const struct given *given,
		const struct make_step *make, struct secret *bytes, struct error *error)
{
	autodone(gauss_package) struct gauss_package package = { 0 };

	if (!gauss_package_build(make, given->parts, &package, error) ||
			!gauss_package_zip(&package, bytes, error))
		return fail_while(error, "%s", make->make);
	for (size_t i = 0; i < package.count; i++)
		(void)keep(contents,
				arena_printf(contents->arena, "%s:%s/%s", given->credential.digest,
						make->make, package.members[i].name),
				&package.members[i].bytes);
	return true;
}

static bool build(struct contents *contents, const struct given *given, const char *name,
		struct secret *bytes, struct error *error)
{
	struct make_step make;

	for (size_t i = 0; i < sizeof(compositions) / sizeof(*compositions); i++)
		if (strcmp(compositions[i].name, name) == 0)
			return compose(given, i, bytes, error);
	if (!find_make(contents, name, &make))
		return fail(error, ERROR_INTERNAL, "there is no content \"%s\"", name);
	if (make.format && strcmp(make.format, "opengauss") == 0)
		return build_package(contents, given, &make, bytes, error);
	return build_store(contents, given, &make, bytes, error);
}

static struct built *build_and_keep(struct contents *contents, const struct given *given,
		const char *name, struct error *error)
{
	const char *full = arena_printf(contents->arena, "%s:%s", given->credential.digest, name);
	autodone(secret) struct secret bytes = { 0 };

	if (!build(contents, given, name, &bytes, error))
		return NULL;
	return keep(contents, full, &bytes);
}

static bool get_built(struct contents *contents, const struct given *given, const char *name,
		struct content *content, struct error *error)
{
	const char *full = arena_printf(contents->arena, "%s:%s", given->credential.digest, name);
	const char *slash = strchr(name, '/');
	const char *whole = slash ? arena_copy_bytes(contents->arena, name, (size_t)(slash - name))
				  : name;
	struct built *built = find_built(contents, full);

	if (!built && !build_and_keep(contents, given, whole, error))
		return false;
	built = find_built(contents, full);
	if (!built)
		return fail(error, ERROR_INPUT, "there is no %s in the %s",
				slash ? slash + 1 : name, whole);
	set(content, built);
	return true;
}

bool contents_get(struct contents *contents, const char *name, struct content *content,
		struct error *error)
{
	const size_t mark = strlen(predecessor_mark);
	const bool earlier = strncmp(name, predecessor_mark, mark) == 0;
	const struct given *given = find_given(contents,
			earlier ? contents->plan->predecessor : contents->plan->credential, error);
	enum part part;
	bool good;

	if (!given)
		return false;
	if (earlier)
		name += mark;
	if (part_read(name, &part)) {
		const struct span span = credential_part(given->parts, part);

		*content = (struct content){ .bytes = span.start, .length = span.length };
		return span.length > 0 ||
				fail(error, ERROR_INPUT, "the credential has no %s", name);
	}
	(void)pthread_mutex_lock(&contents->lock);
	good = get_built(contents, given, name, content, error);
	(void)pthread_mutex_unlock(&contents->lock);
	return good;
}

/* ---- hiding ---- */

void contents_hide(struct contents *contents, struct buffer *text)
{
	static const enum part secret_parts[] = { PART_KEY, PART_CLIENT_KEY };

	for (size_t i = 0; i < contents->count; i++) {
		for (size_t k = 0; contents->given[i].parts && k < 2; k++) {
			const struct span span =
					credential_part(contents->given[i].parts, secret_parts[k]);

			scrub_lines(text, span.start, span.length);
		}
	}
	(void)pthread_mutex_lock(&contents->lock);
	for (const struct built *b = contents->built; b; b = b->next)
		if (strncmp(b->name, "password:", strlen("password:")) == 0)
			scrub_lines(text, (const char *)b->bytes.bytes, b->bytes.length);
	(void)pthread_mutex_unlock(&contents->lock);
	scrub_foreign(text);
}
