#pragma once

/*
 * Making a generation: what a file step publishes, complete and on disk before anything
 * can see it.
 *
 *         generation_plan(arena, step, contents, found, &manifest, error)
 *         generation_build(arena, place, found, &manifest, ...)
 */

#include "controller/apply/contents.h"
#include "controller/apply/publish/place.h"

/* What the manifest of the step's generation has to say: looks up owners, computes
 * digests. An owner or group "-" is that of the file it replaces: what the manifest says of one that certdrop
 * has published, else what it has; else the worker's own.
 * ERROR_CONFIG: an unknown user or group, an impossible name or mode. */
bool generation_plan(struct arena *arena, const struct file_step *step, struct contents *contents,
		const struct found *found, struct manifest *manifest,
		struct error *error) must_check;

/* Writes one file of the manifest into `directory` under `name`, with owner, mode and
 * fsync. ERROR_CONFIG: the owner cannot be given without more rights. */
bool generation_write_file(int directory, const char *name, const struct manifest_file *file,
		const struct content *content, struct error *error) must_check;

/* Makes sure that the store has it, and sets manifest->generation to how it is called
 * there: one that is there already is used again when it is whole and the same. For
 * "fixed" a generation is its manifest alone. */
bool generation_build(struct arena *arena, struct place *place, const struct file_step *step,
		struct contents *contents, struct manifest *manifest,
		struct error *error) must_check;
