#include "controller/inspect/read/format.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "controller/base/printable.h"
#include "controller/inspect/judge/package.h"
#include "controller/inspect/read/directory.h"
#include "controller/inspect/read/envelope.h"

/* libzip has read nothing but our bytes in memory; what it inflates is held to what the
 * directory, already checked, says. */
static bool inflate_member(zip_t *archive, const struct entry *entry, struct secret *content)
{
	zip_file_t *file = zip_fopen_index(archive, entry->number, ZIP_FL_UNCHANGED);
	unsigned char part[4096];
	zip_int64_t length = -1;

	while (file && (length = zip_fread(file, part, sizeof(part))) > 0) {
		secret_append(content, part, (size_t)length);
		if (content->length > entry->size)
			break;
	}
	OPENSSL_cleanse(part, sizeof(part));
	if (file && zip_fclose(file) != 0)
		length = -1;
	return length == 0 && content->length == entry->size;
}

/* A member's verdict becomes the archive's, unless it is harmless. What stops too early
 * inside a whole archive will never go on. */
static enum verdict read_member(struct findings *findings, struct input *input, zip_t *archive,
		const struct entry *entry)
{
	autodone(secret) struct secret content = { 0 };
	struct input member = *input;
	struct bytes bytes;
	enum verdict verdict;

	member.is_member = true;
	member.note = NULL;
	member.shown = arena_printf(findings->arena, "%s/%s", input->shown,
			printable(findings->arena, entry->name, entry->name_length));
	if (!inflate_member(archive, entry, &content))
		return conclude(findings, input, VERDICT_REFUSED,
				"%s cannot be unpacked: it is damaged",
				printable(findings->arena, entry->name, entry->name_length));
	bytes = (struct bytes){ content.bytes, content.length };
	verdict = format_read(findings, &member, bytes);
	input->derivations = member.derivations;
	if (verdict == VERDICT_SOUND ||
			(verdict == VERDICT_IGNORED && !package_needs(findings, input, entry)))
		return verdict;
	input->sentence = member.sentence;
	return VERDICT_REFUSED;
}

static bool is_half(struct arena *arena, const struct entry *entry)
{
	return envelope_is_half(printable(arena, entry->name, entry->name_length));
}

/* Those that are halves of envelopes, or those that are not. */
static enum verdict read_some(struct findings *findings, struct input *input, zip_t *archive,
		const struct directory *directory, bool halves)
{
	enum verdict best = VERDICT_IGNORED;

	for (size_t i = 0; i < directory->count; i++) {
		const struct entry *entry = &directory->entries[i];
		enum verdict verdict;

		if (entry->is_directory || is_half(findings->arena, entry) != halves)
			continue;
		verdict = read_member(findings, input, archive, entry);
		if (verdict == VERDICT_REFUSED)
			return verdict;
		if (verdict == VERDICT_SOUND)
			best = verdict;
	}
	return best;
}

/* Envelopes first: the keys need what is in them. */
static enum verdict read_members(struct findings *findings, struct input *input, zip_t *archive,
		const struct directory *directory)
{
	const enum verdict halves = read_some(findings, input, archive, directory, true);
	enum verdict others;

	if (halves == VERDICT_REFUSED)
		return halves;
	others = read_some(findings, input, archive, directory, false);
	if (others != VERDICT_IGNORED)
		return others;
	return halves == VERDICT_SOUND
			? halves
			: conclude(findings, input, others, "holds no certificate and no key");
}

static enum verdict open_checked(struct findings *findings, struct input *input, struct bytes bytes,
		const struct directory *directory)
{
	zip_error_t cause;
	zip_source_t *source = zip_source_buffer_create(bytes.start, bytes.length, 0, &cause);
	zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &cause) : NULL;
	enum verdict verdict;

	if (!archive) {
		zip_source_free(source);
		return conclude(findings, input, VERDICT_REFUSED, "the archive is damaged");
	}
	verdict = read_members(findings, input, archive, directory);
	if (verdict == VERDICT_SOUND)
		verdict = package_contents(findings, input, directory);
	findings_unwatch(findings);
	zip_discard(archive);
	return verdict;
}

enum verdict archive_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	struct directory directory = { 0 };
	const char *wrong = NULL;

	if (input->is_member)
		return conclude(findings, input, VERDICT_REFUSED,
				"is an archive inside an archive");
	switch (directory_read(findings->arena, bytes, &directory, &wrong)) {
	case DIRECTORY_SOUND:
		if (package_names(findings, input, &directory) == VERDICT_REFUSED)
			return VERDICT_REFUSED;
		return open_checked(findings, input, bytes, &directory);
	case DIRECTORY_CUT:
		return conclude(findings, input, VERDICT_INCOMPLETE,
				"stops before the end record of the archive");
	case DIRECTORY_REFUSED:
		break;
	}
	return conclude(findings, input, VERDICT_REFUSED, "%s", wrong);
}
