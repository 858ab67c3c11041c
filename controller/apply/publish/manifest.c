#define _GNU_SOURCE
#include "controller/apply/publish/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/base/owned.h"

enum { MANIFEST_MAX = 1 << 20, FILE_WORDS = 5, DIRECTORY_WORDS = 3 };

const char manifest_name[] = ".manifest";

bool is_finding(int why)
{
	static const int findings[] = { ENOENT, ENOTDIR, ELOOP, EACCES, EPERM, EINVAL, EISDIR,
		ENXIO, ENODEV, ENAMETOOLONG };

	for (size_t i = 0; i < sizeof(findings) / sizeof(*findings); i++)
		if (findings[i] == why)
			return true;
	return false;
}

/* ---- reading and writing ---- */

/* What is built has such names only. What was put there by somebody else could lead the worker,
 * which may be root, out of the directory. */
static bool is_plain(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

static bool read_file(const struct words words, struct manifest_file *file)
{
	if (words.count != FILE_WORDS || !is_plain(words.items[0]) ||
			!digest_is_valid(words.items[1]))
		return false;
	file->name = words.items[0];
	memcpy(file->digest.hex, words.items[1], sizeof(file->digest.hex));
	file->mode = (mode_t)strtoul(words.items[2], NULL, 8);
	file->owner = (uid_t)strtoul(words.items[3], NULL, 10);
	file->group = (gid_t)strtoul(words.items[4], NULL, 10);
	return true;
}

static struct manifest_directory read_directory(const struct words words)
{
	if (words.count != DIRECTORY_WORDS)
		return (struct manifest_directory){ .known = false };
	return (struct manifest_directory){
		.known = true,
		.mode = (mode_t)strtoul(words.items[0], NULL, 8),
		.owner = (uid_t)strtoul(words.items[1], NULL, 10),
		.group = (gid_t)strtoul(words.items[2], NULL, 10),
	};
}

static bool read_record(struct arena *arena, const struct record *record, struct manifest *manifest)
{
	const struct rows rows = record_rows(arena, record, "file");
	struct manifest found = {
		.generation = record_word(record, 1),
		.credential = record_text(record, "credential"),
		.layout = record_text(record, "layout"),
		.directory = read_directory(record_words(record, "directory")),
		.files = arena_new_many(arena, struct manifest_file, rows.count + 1),
		.count = rows.count,
	};

	if (strcmp(record_word(record, 0), "generation") != 0 || !is_plain(found.generation) ||
			!found.credential)
		return false;
	for (size_t i = 0; i < rows.count; i++)
		if (!read_file(rows.items[i], &found.files[i]))
			return false;
	*manifest = found;
	return true;
}

/* Nothing in `text`: there is none. */
static bool read_text(int directory, struct buffer *text, struct error *error)
{
	autoclose int fd = openat(directory, manifest_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat facts;
	char chunk[4096];
	ssize_t length;

	if (fd < 0 && is_finding(errno))
		return true;
	if (fd < 0 || fstat(fd, &facts) < 0)
		return fail(error, ERROR_RETRY, "%s: %s", manifest_name, strerror(errno));
	if (!S_ISREG(facts.st_mode) || facts.st_size > MANIFEST_MAX)
		return true;
	while ((length = read(fd, chunk, sizeof(chunk))) > 0 && text->length <= MANIFEST_MAX)
		buffer_append(text, chunk, (size_t)length);
	return length >= 0 ||
			fail(error, ERROR_RETRY, "read %s: %s", manifest_name, strerror(errno));
}

static bool read_records(struct arena *arena, const struct buffer *text, struct records *records)
{
	struct error error;

	return text->length > 0 && text->length <= MANIFEST_MAX &&
			!memchr(text->bytes, '\0', text->length) &&
			records_read(arena, buffer_text(text), records, &error) &&
			records->count == 1;
}

bool manifest_read(struct arena *arena, int directory, struct manifest *manifest, bool *there,
		struct error *error)
{
	autodone(buffer) struct buffer text = { 0 };
	struct records records;

	if (!read_text(directory, &text, error))
		return false;
	*there = read_records(arena, &text, &records) &&
			read_record(arena, records.items[0], manifest);
	return true;
}

static void add_directory(struct arena *arena, struct record *record,
		const struct manifest_directory *directory)
{
	const char *items[DIRECTORY_WORDS] = {
		arena_printf(arena, "%04o", directory->mode),
		arena_printf(arena, "%u", directory->owner),
		arena_printf(arena, "%u", directory->group),
	};
	const struct words words = { .items = items, .count = DIRECTORY_WORDS };

	record_add(arena, record, "directory", words);
}

void manifest_print(const struct manifest *manifest, struct buffer *text)
{
	autoarena struct arena *arena = arena_new();
	struct record *record = record_new(arena, "generation", manifest->generation, NULL);

	record_add_text(arena, record, "credential", manifest->credential);
	if (manifest->layout)
		record_add_text(arena, record, "layout", manifest->layout);
	if (manifest->directory.known)
		add_directory(arena, record, &manifest->directory);
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_file *file = &manifest->files[i];
		const char *items[FILE_WORDS] = {
			file->name,
			file->digest.hex,
			arena_printf(arena, "%04o", file->mode),
			arena_printf(arena, "%u", file->owner),
			arena_printf(arena, "%u", file->group),
		};
		const struct words words = { .items = items, .count = FILE_WORDS };

		record_add(arena, record, "file", words);
	}
	record_print(record, text);
}

/* ---- comparing ---- */

const struct manifest_file *manifest_find(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->count; i++)
		if (strcmp(manifest->files[i].name, name) == 0)
			return &manifest->files[i];
	return NULL;
}

/* Both may be absent. */
static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool manifest_equal(const struct manifest *a, const struct manifest *b)
{
	if (a->count != b->count || !same_text(a->credential, b->credential) ||
			!same_text(a->layout, b->layout))
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct manifest_file *one = &a->files[i];
		const struct manifest_file *other = manifest_find(b, one->name);

		if (!other || strcmp(one->digest.hex, other->digest.hex) != 0 ||
				one->mode != other->mode || one->owner != other->owner ||
				one->group != other->group)
			return false;
	}
	return true;
}

/* `*other`: what it is, when it is no ordinary file; NULL. */
static bool read_facts(int fd, struct manifest_file *facts, const char **other, struct error *error)
{
	struct stat stat;

	*other = NULL;
	if (fstat(fd, &stat) < 0)
		return fail(error, ERROR_RETRY, "%s", strerror(errno));
	if (!S_ISREG(stat.st_mode) || stat.st_size > PUBLISHED_FILE_MAX) {
		*other = S_ISDIR(stat.st_mode) ? "directory" : "special";
		return true;
	}
	facts->mode = stat.st_mode & 07777;
	facts->owner = stat.st_uid;
	facts->group = stat.st_gid;
	return digest_of_file(fd, &facts->digest, error);
}

static bool describe_link(struct arena *arena, int directory, const char *name, const char **is,
		struct error *error)
{
	char text[PATH_MAX];
	const ssize_t length = readlinkat(directory, name, text, sizeof(text) - 1);

	*is = "unreadable";
	if (length < 0)
		return is_finding(errno) ||
				fail(error, ERROR_RETRY, "%s: %s", name, strerror(errno));
	text[length] = '\0';
	*is = arena_printf(arena, "link %s", text);
	return true;
}

const char *entry_expected(struct arena *arena, const struct manifest_file *file)
{
	if (!file)
		return "missing";
	return arena_printf(arena, "file %s %04o %u %u", file->digest.hex, file->mode, file->owner,
			file->group);
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static int open_entry(int directory, const char *name)
{
	return openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

bool entry_describe(struct arena *arena, int directory, const char *name, const char **is,
		struct error *error)
{
	autoclose int fd = open_entry(directory, name);
	struct manifest_file facts;
	const char *other;

	if (fd < 0 && errno == ELOOP)
		return describe_link(arena, directory, name, is, error);
	if (fd < 0) {
		*is = errno == ENOENT ? "missing" : "unreadable";
		return is_finding(errno) ||
				fail(error, ERROR_RETRY, "%s: %s", name, strerror(errno));
	}
	if (!read_facts(fd, &facts, &other, error))
		return fail_while(error, "%s", name);
	*is = other ? other : entry_expected(arena, &facts);
	return true;
}

/* NULL: as it should be. */
static const char *difference(struct arena *arena, const struct manifest_file *file, int directory)
{
	autoclose int fd = open_entry(directory, file->name);
	struct manifest_file facts;
	const char *other;
	struct error error;

	if (fd < 0)
		return arena_printf(arena, "%s: %s", file->name,
				errno == ENOENT ? "missing" : strerror(errno));
	if (!read_facts(fd, &facts, &other, &error))
		return arena_printf(arena, "%s: %s", file->name, error.text);
	if (other)
		return arena_printf(arena, "%s is not an ordinary file any more", file->name);
	if (strcmp(facts.digest.hex, file->digest.hex) != 0)
		return arena_printf(arena, "%s: the content was changed", file->name);
	if (facts.mode != file->mode)
		return arena_printf(arena, "%s has mode %04o instead of %04o", file->name,
				facts.mode, file->mode);
	if (facts.owner != file->owner || facts.group != file->group)
		return arena_printf(arena, "%s belongs to %u:%u instead of %u:%u", file->name,
				facts.owner, facts.group, file->owner, file->group);
	return NULL;
}

/* NULL: as it should be, or nothing is known of it. */
static const char *directory_difference(
		struct arena *arena, const struct manifest_directory *expected, int directory)
{
	struct stat facts;

	if (!expected->known)
		return NULL;
	if (fstat(directory, &facts) < 0)
		return arena_printf(arena, "the directory: %s", strerror(errno));
	if ((facts.st_mode & 07777) != expected->mode)
		return arena_printf(arena, "the directory has mode %04o instead of %04o",
				facts.st_mode & 07777, expected->mode);
	if (facts.st_uid != expected->owner || facts.st_gid != expected->group)
		return arena_printf(arena, "the directory belongs to %u:%u instead of %u:%u",
				facts.st_uid, facts.st_gid, expected->owner, expected->group);
	return NULL;
}

/* Nothing is said where nothing differs. True: so it is. */
static bool tell(struct arena *arena, struct record *record, const char *sentence)
{
	if (sentence && record)
		record_add_text(arena, record, "differs", sentence);
	return !sentence;
}

bool manifest_holds(struct arena *arena, const struct manifest *manifest, int directory,
		struct record *record)
{
	bool holds = tell(arena, record,
			directory_difference(arena, &manifest->directory, directory));

	for (size_t i = 0; i < manifest->count; i++)
		holds = tell(arena, record, difference(arena, &manifest->files[i], directory)) &&
				holds;
	return holds;
}

static bool has_content(const struct manifest_file *file, int directory)
{
	autoclose int fd = open_entry(directory, file->name);
	struct manifest_file facts;
	const char *other;
	struct error ignored;

	return fd >= 0 && read_facts(fd, &facts, &other, &ignored) && !other &&
			strcmp(facts.digest.hex, file->digest.hex) == 0;
}

bool manifest_has(const struct manifest *manifest, int directory, struct words names)
{
	for (size_t i = 0; i < names.count; i++) {
		const struct manifest_file *file = manifest_find(manifest, names.items[i]);

		if (!file || !has_content(file, directory))
			return false;
	}
	return names.count > 0;
}
