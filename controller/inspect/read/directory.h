#pragma once

/*
 * The directory of a ZIP archive (APPNOTE.TXT 6.3, sections 4.3 and 4.4), checked before
 * any unpacking: the readers of this world disagree about what a strange archive holds,
 * so a strange one is refused.
 *
 * Refused: encrypted entries; links, devices and other special files; names that are
 * absolute, go upwards, have a backslash or a zero byte, or differ only in case; methods
 * other than stored and deflated; ZIP64; several disks or end records; entries that overlap, lie in the
 * directory, or differ from their local header; more than ARCHIVE_ENTRIES_MAX of them;
 * sizes above FORMAT_SIZE_MAX each, ARCHIVE_TOTAL_MAX in all, or ARCHIVE_RATIO_MAX times
 * the stored size; a nested archive by its name.
 */

#include "controller/base/arena.h"
#include "controller/inspect/read/tlv.h"

struct entry {
	unsigned number; /* in the directory, from 0 */
	const char *name; /* not terminated, not printable */
	size_t name_length;
	size_t offset; /* of its local header */
	size_t stored, size; /* bytes in the archive, and unpacked */
	unsigned flags, method;
	bool is_directory;
	bool unreadable; /* what unpacks it on Unix makes a file that its owner cannot read */
};

struct directory {
	struct entry *entries;
	size_t count;
};

enum directory_outcome { DIRECTORY_SOUND, DIRECTORY_CUT, DIRECTORY_REFUSED };

/* `wrong` is a printable sentence for DIRECTORY_REFUSED. */
enum directory_outcome directory_read(struct arena *arena, struct bytes archive,
		struct directory *directory, const char **wrong);
