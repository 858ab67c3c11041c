#pragma once

/*
 * The manifest of a generation: what certdrop put there. It is the file ".manifest" in the
 * generation's directory (a dot, because some products read every other file of a
 * directory), made of one record, and holds no secret:
 *
 *         generation 5f0c8e21-1b2c
 *                 credential 5f0c...
 *                 layout 1b2c...
 *                 directory 0755 0 0               its own mode, user and group id
 *                 file privkey.pem SHA-256 0640 0 107      digest, mode, user and group id
 *
 * Manifests of earlier versions have no `directory`: nothing is known of it then. Nor has that of a
 * "fixed" generation, whose files lie in a directory that is not certdrop's.
 *
 * Entries are compared by their description, one line that tells all that matters:
 *
 *         "file SHA-256 0640 0 107", "link TEXT", "directory", "special", "missing",
 *         "unreadable" for what we have no right to read
 */

#include <sys/types.h>

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/digest.h"
#include "controller/model/record.h"

enum { PUBLISHED_FILE_MAX = 4 << 20 };

struct manifest_file {
	const char *name;
	struct digest digest;
	mode_t mode;
	uid_t owner;
	gid_t group;
};

struct manifest_directory {
	bool known;
	mode_t mode;
	uid_t owner;
	gid_t group;
};

struct manifest {
	const char *generation, *credential, *layout;
	struct manifest_directory directory;
	struct manifest_file *files;
	size_t count;
};

/* Is this errno an answer about an entry (there is none, it is no directory, it is not for us to
 * read), or did looking at it fail, which says nothing about it? What is not known to be somebody
 * else's is never taken for that: what is ours would be left, or lost. */
bool is_finding(int why);

/* Of the generation in the open `directory`. `*there` is false when there is none, a damaged one, or
 * one with names that lead elsewhere (no '/' in them, nor a '.' in front). ERROR_RETRY: that could
 * not be found out. */
bool manifest_read(struct arena *arena, int directory, struct manifest *manifest, bool *there,
		struct error *error) must_check;

void manifest_print(const struct manifest *manifest, struct buffer *text);

const struct manifest_file *manifest_find(const struct manifest *manifest, const char *name);

/* The same files with the same digests, modes and owners, and the same origin? What the directory
 * has to be follows from the layout. */
bool manifest_equal(const struct manifest *a, const struct manifest *b);

/* What is at `name` below the open `directory`, without following a link. ERROR_RETRY: that could
 * not be found out. */
bool entry_describe(struct arena *arena, int directory, const char *name, const char **is,
		struct error *error) must_check;

/* What the manifest says is there; "missing" when it does not have the file (NULL). */
const char *entry_expected(struct arena *arena, const struct manifest_file *file);

/* A sentence for each deviation from the manifest in the open `directory`, and of it, as `differs`
 * fields of `record` (NULL: only whether there is one). True: no deviation. */
bool manifest_holds(struct arena *arena, const struct manifest *manifest, int directory,
		struct record *record);

/* Has each of these files in the open `directory` the content that the manifest says? Modes and owners do
 * not matter. False also where that cannot be seen, or there are none. */
bool manifest_has(const struct manifest *manifest, int directory, struct words names);

extern const char manifest_name[];
