#include "controller/inspect/read/directory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "controller/base/printable.h"
#include "controller/inspect/read/format.h"

/* Sizes without names and extras. */
enum { END_SIZE = 22, CENTRAL_SIZE = 46, LOCAL_SIZE = 30, LOCATOR_SIZE = 20, COMMENT_MAX = 65535 };
enum { FLAG_ENCRYPTED = 1, FLAG_SIZES_BEHIND = 8, FLAG_STRONG = 64, FLAG_MASKED = 8192 };
enum { METHOD_STORED = 0, METHOD_DEFLATED = 8, HOST_UNIX = 3, HOST_MACOS = 19 };

static unsigned number16(const unsigned char *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

static size_t number32(const unsigned char *at)
{
	return number16(at) | (size_t)number16(at + 2) << 16;
}

static bool is_end(const unsigned char *at)
{
	return memcmp(at, "PK\x05\x06", 4) == 0;
}

/* Where readers begin to search for the end record; some look for that of ZIP64, too. */
static size_t search_start(struct bytes archive)
{
	const size_t most = END_SIZE + COMMENT_MAX + LOCATOR_SIZE;

	return archive.length > most ? archive.length - most : 0;
}

/* The end record: the last one whose comment ends with the file. */
static const unsigned char *find_end(struct bytes archive)
{
	for (size_t at = archive.length - END_SIZE + 1; at-- > search_start(archive);)
		if (is_end(archive.start + at) &&
				at + END_SIZE + number16(archive.start + at + 20) == archive.length)
			return archive.start + at;
	return NULL;
}

/* Of two end records libzip takes the first that makes sense, others the last: each would unpack
 * what another directory says than the one that was checked. */
static bool has_another_end(struct bytes archive, const unsigned char *end)
{
	for (size_t at = search_start(archive); at + END_SIZE <= archive.length; at++)
		if (is_end(archive.start + at) && archive.start + at != end)
			return true;
	return false;
}

/* The locator of ZIP64's end record stands right in front of the other one, which then counts no more. */
static bool has_locator(struct bytes archive, const unsigned char *end)
{
	return end - archive.start >= LOCATOR_SIZE &&
			memcmp(end - LOCATOR_SIZE, "PK\x06\x07", 4) == 0;
}

/* ---- one entry ---- */

static bool name_climbs(const char *name, size_t length)
{
	for (size_t start = 0; start <= length;) {
		const char *slash = memchr(name + start, '/', length - start);
		const size_t end = slash ? (size_t)(slash - name) : length;

		if (end - start == 2 && memcmp(name + start, "..", 2) == 0)
			return true;
		start = end + 1;
	}
	return false;
}

static bool ends_with(const struct entry *entry, const char *suffix)
{
	const size_t length = strlen(suffix);

	return entry->name_length >= length &&
			strncasecmp(entry->name + entry->name_length - length, suffix, length) == 0;
}

static const char *check_name(const struct entry *entry)
{
	static const char *const archives[] = { ".zip", ".jar", ".7z", ".tar", ".tgz", ".gz",
		".war", ".ear" };

	if (entry->name_length == 0)
		return "has no name";
	if (memchr(entry->name, '\0', entry->name_length) ||
			memchr(entry->name, '\\', entry->name_length))
		return "has a zero byte or a backslash in its name";
	if (entry->name[0] == '/' || (entry->name_length > 1 && entry->name[1] == ':'))
		return "has an absolute name";
	if (name_climbs(entry->name, entry->name_length))
		return "has a name that leads out of the archive";
	for (size_t i = 0; i < sizeof(archives) / sizeof(*archives); i++)
		if (ends_with(entry, archives[i]))
			return "is an archive inside an archive";
	return NULL;
}

static const char *check_sizes(const struct entry *entry)
{
	if (entry->size > FORMAT_SIZE_MAX)
		return "unpacks to more than 1 MiB";
	/* A small file may shrink a lot; what counts is what it can grow to. */
	if (entry->size > 4096 && entry->size / ARCHIVE_RATIO_MAX > entry->stored)
		return "unpacks to more than 100 times its stored size";
	if (entry->method == METHOD_STORED && entry->size != entry->stored)
		return "has two sizes";
	return entry->is_directory && entry->size > 0 ? "is a directory with content" : NULL;
}

/* Only then the upper half of the external attributes is a mode. */
static bool is_unix(const unsigned char *central)
{
	return central[5] == HOST_UNIX || central[5] == HOST_MACOS;
}

static const char *check_kind(const struct entry *entry, const unsigned char *central)
{
	const unsigned mode = number16(central + 40);

	if (entry->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED))
		return "is encrypted";
	if (entry->method != METHOD_STORED && entry->method != METHOD_DEFLATED)
		return "is packed with a method other than deflate";
	if (is_unix(central) && (mode & S_IFMT) != 0 && (mode & S_IFMT) != S_IFREG &&
			(mode & S_IFMT) != S_IFDIR)
		return "is a link or another special file";
	return number16(central + 34) != 0 ? "lies on another disk" : NULL;
}

/* The local header has to tell the same; with the sizes behind the data it may leave
 * them out. */
static const char *check_local(struct bytes archive, const struct entry *entry)
{
	static const char differs[] = "differs from its local header";
	const unsigned char *local = archive.start + entry->offset;
	const bool behind = entry->flags & FLAG_SIZES_BEHIND;
	size_t stored, size;

	if (archive.length - entry->offset < LOCAL_SIZE + entry->name_length ||
			memcmp(local, "PK\x03\x04", 4) != 0)
		return "has no local header";
	stored = number32(local + 18);
	size = number32(local + 22);
	if (number16(local + 6) != entry->flags || number16(local + 8) != entry->method ||
			number16(local + 26) != entry->name_length ||
			memcmp(local + LOCAL_SIZE, entry->name, entry->name_length) != 0)
		return differs;
	if (stored == entry->stored && size == entry->size)
		return NULL;
	return behind && stored == 0 && size == 0 ? NULL : differs;
}

static size_t end_of(struct bytes archive, const struct entry *entry)
{
	const unsigned char *local = archive.start + entry->offset;

	return entry->offset + LOCAL_SIZE + number16(local + 26) + number16(local + 28) +
			entry->stored;
}

/* ---- the directory ---- */

struct walk {
	struct arena *arena;
	struct bytes archive;
	size_t start, end; /* of the directory */
	const char *wrong;
};

static bool refuse(struct walk *walk, const struct entry *entry, const char *wrong)
{
	walk->wrong = entry
			? arena_printf(walk->arena, "%s %s",
					  printable(walk->arena, entry->name, entry->name_length),
					  wrong)
			: wrong;
	return false;
}

static bool read_entry(struct walk *walk, size_t *at, struct entry *entry)
{
	const unsigned char *central = walk->archive.start + *at;
	const char *wrong;

	if (walk->end - *at < CENTRAL_SIZE || memcmp(central, "PK\x01\x02", 4) != 0)
		return refuse(walk, NULL, "the archive's directory is damaged");
	entry->flags = number16(central + 8);
	entry->method = number16(central + 10);
	entry->stored = number32(central + 20);
	entry->size = number32(central + 24);
	entry->name_length = number16(central + 28);
	entry->name = (const char *)central + CENTRAL_SIZE;
	entry->offset = number32(central + 42);
	*at += CENTRAL_SIZE + entry->name_length + number16(central + 30) + number16(central + 32);
	if (*at > walk->end)
		return refuse(walk, NULL, "the archive's directory is damaged");
	entry->unreadable = is_unix(central) && (number16(central + 40) & S_IRUSR) == 0;
	entry->is_directory = entry->name_length > 0 && entry->name[entry->name_length - 1] == '/';
	if (entry->offset == 0xffffffff || entry->stored == 0xffffffff || entry->size == 0xffffffff)
		return refuse(walk, NULL, "the archive uses ZIP64");

	wrong = check_name(entry);
	wrong = wrong ? wrong : check_kind(entry, central);
	wrong = wrong ? wrong : check_sizes(entry);
	if (!wrong && entry->offset >= walk->start)
		wrong = "has no local header";
	wrong = wrong ? wrong : check_local(walk->archive, entry);
	return wrong ? refuse(walk, entry, wrong) : true;
}

static int by_offset(const void *left, const void *right)
{
	const size_t a = ((const struct entry *)left)->offset;
	const size_t b = ((const struct entry *)right)->offset;

	return a < b ? -1 : a > b;
}

/* Two entries over the same bytes are how a small archive becomes a large one. */
static bool check_overlap(struct walk *walk, const struct directory *directory)
{
	struct entry *sorted = arena_new_many(walk->arena, struct entry, directory->count + 1);
	size_t reached = 0, total = 0;

	memcpy(sorted, directory->entries, directory->count * sizeof(*sorted));
	qsort(sorted, directory->count, sizeof(*sorted), by_offset);
	for (size_t i = 0; i < directory->count; i++) {
		if (sorted[i].offset < reached)
			return refuse(walk, &sorted[i], "overlaps another entry");
		reached = end_of(walk->archive, &sorted[i]);
		if (reached > walk->start)
			return refuse(walk, &sorted[i], "overlaps the archive's directory");
		total += sorted[i].size;
	}
	return total <= ARCHIVE_TOTAL_MAX ||
			refuse(walk, NULL, "the archive unpacks to more than 4 MiB");
}

static bool check_duplicates(struct walk *walk, const struct directory *directory)
{
	for (size_t i = 0; i < directory->count; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct entry *a = &directory->entries[i], *b = &directory->entries[j];

			if (a->name_length == b->name_length &&
					strncasecmp(a->name, b->name, a->name_length) == 0)
				return refuse(walk, a, "is in the archive twice");
		}
	}
	return true;
}

static bool read_entries(struct walk *walk, struct directory *directory, size_t count)
{
	size_t at = walk->start;

	directory->entries = arena_new_many(walk->arena, struct entry, count + 1);
	for (; directory->count < count; directory->count++) {
		struct entry *entry = &directory->entries[directory->count];

		entry->number = (unsigned)directory->count;
		if (!read_entry(walk, &at, entry))
			return false;
	}
	if (at != walk->end)
		return refuse(walk, NULL, "the archive's directory is damaged");
	return check_duplicates(walk, directory) && check_overlap(walk, directory);
}

enum directory_outcome directory_read(struct arena *arena, struct bytes archive,
		struct directory *directory, const char **wrong)
{
	const unsigned char *end = archive.length >= END_SIZE ? find_end(archive) : NULL;
	struct walk walk = { .arena = arena, .archive = archive };
	unsigned count;
	bool sound;

	if (!end)
		return DIRECTORY_CUT;
	count = number16(end + 10);
	walk.start = number32(end + 16);
	walk.end = (size_t)(end - archive.start);
	if (has_another_end(archive, end))
		sound = refuse(&walk, NULL, "the archive has more than one end record");
	else if (has_locator(archive, end) || count == 0xffff || walk.start == 0xffffffff ||
			number32(end + 12) == 0xffffffff)
		sound = refuse(&walk, NULL, "the archive uses ZIP64");
	else if (number16(end + 4) != 0 || number16(end + 6) != 0 || number16(end + 8) != count)
		sound = refuse(&walk, NULL, "the archive spans several disks");
	else if (count > ARCHIVE_ENTRIES_MAX)
		sound = refuse(&walk, NULL, "the archive has more than 64 entries");
	else if (walk.start > walk.end || walk.end - walk.start != number32(end + 12))
		sound = refuse(&walk, NULL, "the archive's directory is not where it says");
	else
		sound = read_entries(&walk, directory, count);
	*wrong = walk.wrong;
	return sound ? DIRECTORY_SOUND : DIRECTORY_REFUSED;
}
