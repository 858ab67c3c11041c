#pragma once

/*
 * A place: where files are published, and the store beside it in which certdrop keeps the
 * generations:
 *
 *         <dir>/<base>                  what the product reads
 *         <dir>/.<base>.certdrop/       the store:
 *                 G                     a complete generation (manifest.h), never changed;
 *                                       where G is taken by something else, G.1, G.2, ...
 *                 G.building            one that is being written
 *                 G.was                 what was found, not being a generation, when G
 *                                       took its place
 *                 current               "fixed" only: a link to the generation in service
 *
 * A generation "G" or "G.1" is in service when
 *         link        <base> is a symbolic link with the text ".<base>.certdrop/G"
 *         exchange    <base> is a directory whose manifest says G
 *         fixed       <base>/<file> is as the manifest of "current" says, for each file
 *
 * The directory <dir> is opened once, by its path, links allowed; everything below is
 * reached from there, and no link is followed.
 */

#include "controller/apply/publish/manifest.h"

enum method { METHOD_LINK, METHOD_EXCHANGE, METHOD_FIXED };

struct place {
	const char *publish, *base, *store_name;
	enum method method;
	int parent; /* <dir> */
	int store; /* -1: there is none yet */
};

void place_done(struct place *place);

/* ERROR_CONFIG: the path or the method is not usable, or <dir> cannot be opened. */
bool place_open(struct arena *arena, const char *publish, const char *method, struct place *place,
		struct error *error) must_check;

/* Creates the store if there is none. One that is there gets the mode back that it was made with. */
bool place_make_store(struct place *place, struct error *error) must_check;

/* How it differs from that, in a sentence; NULL: not at all, or there is none. */
const char *place_store_differs(struct arena *arena, const struct place *place);

enum found_state { FOUND_NOTHING, FOUND_PUBLISHED, FOUND_FOREIGN };

struct found {
	enum found_state state;
	const char *replaces; /* see file_step */
	const char *generation; /* as it is called in the store; when published */
	struct manifest manifest; /* when published */
	int directory; /* where the files are; -1 when there is none */
};

void found_done(struct found *found);

/* What is in service. `names`: the files meant, for "fixed". Fails when that could not be found
 * out. */
bool place_look(struct arena *arena, const struct place *place, struct words names,
		struct found *found, struct error *error) must_check;

/* Nothing else can take its place then (EBUSY), only the files in it can be replaced. */
bool place_is_mount_point(const struct place *place);

/* False on an overlay, as of a container: of its directories those of lower layers cannot be renamed
 * (EXDEV; https://docs.kernel.org/filesystems/overlayfs.html, "Renaming directories"). */
bool place_can_swap(const struct place *place);

/* Is `actual` a name that the generation `wanted` may have in a store? */
bool is_generation(const char *actual, const char *wanted);

/* Opens a directory in the store; -1 with errno. */
int place_open_entry(const struct place *place, const char *name);

/* The same for a generation; `*fd` is -1 when there is none of that name. ERROR_RETRY: that could
 * not be found out. */
bool place_open_generation(struct arena *arena, const struct place *place, const char *name,
		int *fd, struct manifest *manifest, struct error *error) must_check;

/* Entry names of an open directory, sorted, without "." and "..". */
bool directory_list(struct arena *arena, int directory, struct words *names,
		struct error *error) must_check;

/* Removes a file, link, or directory of files; it is fine when there is none. */
bool entry_remove(int directory, const char *name, struct error *error) must_check;
