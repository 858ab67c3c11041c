/* Method "fixed": the files of an existing directory are replaced one by one. Before the
 * first rename all new files are on disk, and the old ones are kept by hard links in
 * "G.was", with a record of how it was:
 *
 *         was "foreign:..."                 the step's `replaces`
 *                 current OLD               what "current" led to, if anything
 *                 absent privkey.pem        names that did not exist
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/apply/publish/publish.h"
#include "controller/base/file.h"

enum { RECORD_MAX = 1 << 20 };

static const char record_name[] = ".was";

static const char *new_name(const struct publishing *p, const char *name)
{
	return arena_printf(p->arena, ".%s.certdrop-new", name);
}

static const char *was_name(const struct publishing *p)
{
	return arena_printf(p->arena, "%s.was", p->step->generation);
}

/* ---- keeping what was there ---- */

static bool copy_file(const struct publishing *p, int from, int to, const char *name,
		const char *as, struct error *error)
{
	autoclose int fd = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	autodone(secret) struct secret bytes = { 0 };
	struct manifest_file file = { .name = name };
	struct content content;
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode))
		return fail(error, ERROR_CONFIG, "%s/%s is not an ordinary file", p->place->publish,
				name);
	if (!secret_read(&bytes, fd, PUBLISHED_FILE_MAX, error))
		return fail_while(error, "%s", name);
	file.mode = facts.st_mode & 07777;
	file.owner = facts.st_uid;
	file.group = facts.st_gid;
	content = (struct content){ .bytes = (const char *)bytes.bytes, .length = bytes.length };
	return generation_write_file(to, as, &file, &content, error);
}

/* The same file under a second name; a copy where the file systems differ. */
static bool link_or_copy(const struct publishing *p, int from, const char *name, int to,
		const char *as, struct error *error)
{
	(void)unlinkat(to, as, 0);
	if (linkat(from, name, to, as, 0) == 0)
		return true;
	if (errno == EXDEV || errno == EPERM || errno == EMLINK)
		return copy_file(p, from, to, name, as, error);
	return fail(error, ERROR_RETRY, "keep %s: %s", name, strerror(errno));
}

/* Under its name in `was`, or as absent in the record. */
static bool keep_file(const struct publishing *p, int was, const char *name, struct record *record,
		struct error *error)
{
	const char *is;

	if (!entry_describe(p->arena, p->found->directory, name, &is, error))
		return fail_while(error, "%s", p->place->publish);
	if (strcmp(is, "missing") != 0)
		return link_or_copy(p, p->found->directory, name, was, name, error);
	record_add_text(p->arena, record, "absent", name);
	return true;
}

static bool keep_files(const struct publishing *p, int was, struct error *error)
{
	autodone(buffer) struct buffer text = { 0 };
	struct record *record = record_new(p->arena, "was", p->step->replaces, NULL);

	if (p->found->generation)
		record_add_text(p->arena, record, "current", p->found->generation);
	for (size_t i = 0; i < p->manifest->count; i++)
		if (!keep_file(p, was, p->manifest->files[i].name, record, error))
			return false;
	record_print(record, &text);
	return file_replace(was, record_name, text.bytes, text.length, 0600, error);
}

static bool keep(const struct publishing *p, struct error *error)
{
	const int store = p->place->store;
	const char *name = was_name(p);
	const char *building = arena_printf(p->arena, "%s.building", name);
	autoclose int was = -1;

	if (!entry_remove(store, building, error) || !entry_remove(store, name, error))
		return false;
	if (mkdirat(store, building, 0700) < 0)
		return fail(error, ERROR_RETRY, "create %s: %s", building, strerror(errno));
	was = place_open_entry(p->place, building);
	if (was < 0)
		return fail(error, ERROR_RETRY, "open %s: %s", building, strerror(errno));
	if (!keep_files(p, was, error))
		return false;
	if (fsync(was) < 0 || renameat(store, building, store, name) < 0 || fsync(store) < 0)
		return fail(error, ERROR_RETRY, "keep what is in %s: %s", p->place->publish,
				strerror(errno));
	return true;
}

/* ---- replacing ---- */

static bool set_current(const struct publishing *p, const char *generation, struct error *error)
{
	const int store = p->place->store;

	(void)unlinkat(store, "current.new", 0);
	if (!generation && unlinkat(store, "current", 0) < 0 && errno != ENOENT)
		return fail(error, ERROR_RETRY, "forget the generation: %s", strerror(errno));
	if (generation &&
			(symlinkat(generation, store, "current.new") < 0 ||
					renameat(store, "current.new", store, "current") < 0))
		return fail(error, ERROR_RETRY, "remember the generation: %s", strerror(errno));
	if (fsync(store) < 0)
		return fail(error, ERROR_RETRY, "fsync of %s: %s", p->place->store_name,
				strerror(errno));
	return true;
}

static void drop_new_files(const struct publishing *p, const struct words names)
{
	for (size_t i = 0; i < names.count; i++)
		(void)unlinkat(p->found->directory, new_name(p, names.items[i]), 0);
}

static bool write_new_files(const struct publishing *p, struct error *error)
{
	for (size_t i = 0; i < p->manifest->count; i++) {
		const struct manifest_file *file = &p->manifest->files[i];
		const char *name = new_name(p, file->name);
		struct content content;

		(void)unlinkat(p->found->directory, name, 0);
		if (!contents_get(p->contents, p->step->files.items[i].items[1], &content, error) ||
				!generation_write_file(
						p->found->directory, name, file, &content, error))
			return false;
	}
	return true;
}

static bool rename_new_files(
		const struct publishing *p, const struct words names, struct error *error)
{
	const int directory = p->found->directory;

	for (size_t i = 0; i < names.count; i++) {
		const char *from = new_name(p, names.items[i]);

		if (renameat(directory, from, directory, names.items[i]) < 0)
			return fail(error, ERROR_RETRY, "rename over %s/%s: %s", p->place->publish,
					names.items[i], strerror(errno));
	}
	if (fsync(directory) < 0)
		return fail(error, ERROR_RETRY, "fsync of %s: %s", p->place->publish,
				strerror(errno));
	return true;
}

static struct words manifest_names(const struct publishing *p)
{
	const struct manifest *manifest = p->manifest;
	struct words names = { .items = arena_new_many(
					       p->arena, const char *, manifest->count + 1) };

	for (size_t i = 0; i < manifest->count; i++)
		names.items[names.count++] = manifest->files[i].name;
	return names;
}

/* Writing the new files took a moment: is what they replace still the same? */
static bool is_unchanged(const struct publishing *p, const struct words names, struct error *error)
{
	autodone(found) struct found now = { .directory = -1 };

	if (!place_look(p->arena, p->place, names, &now, error))
		return false;
	return strcmp(now.replaces, p->step->replaces) == 0 || changed_meanwhile(p, error);
}

bool fixed_publish(const struct publishing *p, struct error *error)
{
	const struct words names = manifest_names(p);

	if (!keep(p, error))
		return false;
	if (!write_new_files(p, error) || !is_unchanged(p, names, error) ||
			!rename_new_files(p, names, error)) {
		drop_new_files(p, names);
		return false;
	}
	return set_current(p, p->manifest->generation, error);
}

/* ---- putting back ---- */

/* `*record` is NULL where nothing is kept for this step: it was killed before anything was replaced. */
static bool read_was(const struct publishing *p, int was, const struct record **record,
		struct error *error)
{
	autodone(buffer) struct buffer text = { 0 };
	struct records records;

	*record = NULL;
	if (was < 0 || (faccessat(was, record_name, F_OK, 0) < 0 && errno == ENOENT))
		return true;
	if (!file_read(was, record_name, RECORD_MAX, &text, error) ||
			!records_read(p->arena, buffer_text(&text), &records, error))
		return fail_while(error, "%s", was_name(p));
	if (records.count == 1 && strcmp(record_word(records.items[0], 1), p->step->replaces) == 0)
		*record = records.items[0];
	return true;
}

static bool is_absent(const struct publishing *p, const struct record *record, const char *name)
{
	const struct rows absent = record_rows(p->arena, record, "absent");

	for (size_t i = 0; i < absent.count; i++)
		if (absent.items[i].count > 0 && strcmp(absent.items[i].items[0], name) == 0)
			return true;
	return false;
}

/* Renaming one of two names of the same file over the other does nothing and says
 * nothing: the new name has to be removed in any case. */
static bool put_back_file(const struct publishing *p, int was, const char *name, bool absent,
		struct error *error)
{
	const int directory = p->found->directory;
	const char *beside = new_name(p, name);

	if (absent) {
		if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
			return fail(error, ERROR_RETRY, "remove %s: %s", name, strerror(errno));
		return true;
	}
	if (!link_or_copy(p, was, name, directory, beside, error))
		return false;
	if (renameat(directory, beside, directory, name) < 0)
		return fail(error, ERROR_RETRY, "put back %s: %s", name, strerror(errno));
	(void)unlinkat(directory, beside, 0);
	return true;
}

enum whose { WHOSE_OLD, WHOSE_NEW, WHOSE_OTHER };

static bool is_new(const struct publishing *p, struct words generations, const char *name,
		const char *is, bool *is_so, struct error *error)
{
	*is_so = false;
	for (size_t i = 0; i < generations.count && !*is_so; i++) {
		autoclose int directory = -1;
		struct manifest manifest;

		if (!is_generation(generations.items[i], p->step->generation))
			continue;
		if (!place_open_generation(p->arena, p->place, generations.items[i], &directory,
				    &manifest, error))
			return false;
		*is_so = directory >= 0 &&
				strcmp(is,
						entry_expected(p->arena,
								manifest_find(&manifest, name))) ==
						0;
	}
	return true;
}

/* What there is to compare with: what was there before, and its record; the names in the store. */
struct known {
	int was;
	const struct record *record;
	struct words generations;
};

static bool whose_file(const struct publishing *p, const struct known *known, const char *name,
		enum whose *whose, struct error *error)
{
	const char *is, *old = "missing";
	bool new;

	if (!entry_describe(p->arena, p->found->directory, name, &is, error) ||
			(!is_absent(p, known->record, name) &&
					!entry_describe(p->arena, known->was, name, &old, error)) ||
			!is_new(p, known->generations, name, is, &new, error))
		return false;
	*whose = strcmp(is, old) == 0 ? WHOSE_OLD : new ? WHOSE_NEW : WHOSE_OTHER;
	return true;
}

/* Nothing is to be done unless something of this step is there. Then the rest has to be
 * the old: with somebody else's file in between there is no right way. */
static bool judge(const struct publishing *p, int was, const struct record *record,
		struct words names, bool *needed, struct error *error)
{
	struct known known = { .was = was, .record = record };
	bool others = false;

	*needed = false;
	if (!directory_list(p->arena, p->place->store, &known.generations, error))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		enum whose whose;

		if (!whose_file(p, &known, names.items[i], &whose, error))
			return fail_while(error, "%s", p->place->publish);
		*needed = *needed || whose == WHOSE_NEW;
		others = others || whose == WHOSE_OTHER;
	}
	return !(*needed && others) || changed_meanwhile(p, error);
}

static struct words step_names(const struct publishing *p)
{
	const struct rows *files = &p->step->files;
	struct words names = {
		.items = arena_new_many(p->arena, const char *, files->count + 1),
	};

	for (size_t i = 0; i < files->count; i++)
		if (files->items[i].count > 0)
			names.items[names.count++] = files->items[i].items[0];
	return names;
}

/* -1 where nothing is kept. */
static bool open_was(const struct publishing *p, int *was, struct error *error)
{
	*was = p->place->store < 0 ? -1 : place_open_entry(p->place, was_name(p));
	return *was >= 0 || p->place->store < 0 || is_finding(errno) ||
			fail(error, ERROR_RETRY, "%s: %s", was_name(p), strerror(errno));
}

bool fixed_put_back(const struct publishing *p, struct error *error)
{
	const struct words names = step_names(p);
	const struct record *record;
	autoclose int was = -1;
	bool needed;

	drop_new_files(p, names);
	if (!open_was(p, &was, error) || !read_was(p, was, &record, error))
		return false;
	if (!record)
		return true;
	if (!judge(p, was, record, names, &needed, error))
		return false;
	for (size_t i = 0; needed && i < names.count; i++)
		if (!put_back_file(p, was, names.items[i], is_absent(p, record, names.items[i]),
				    error))
			return false;
	if (fsync(p->found->directory) < 0)
		return fail(error, ERROR_RETRY, "fsync of %s: %s", p->place->publish,
				strerror(errno));
	return set_current(p, record_text(record, "current"), error);
}
