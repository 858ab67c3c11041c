/* Method "exchange": the place is a real directory, swapped with the new generation in one
 * call. What was displaced then stands in the store under the new one's name, until it is
 * given its own: exchange_settle(), which also ends what a crash interrupted. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "controller/apply/publish/publish.h"

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text), rest = strlen(end);

	return length >= rest && strcmp(text + length - rest, end) == 0;
}

/* The name that an entry of the store should have; NULL: it has it. */
static bool deserved_name(struct arena *arena, const struct place *place, const char *name,
		const char **deserved, struct error *error)
{
	autoclose int directory = -1;
	struct manifest manifest;

	if (!place_open_generation(arena, place, name, &directory, &manifest, error))
		return false;
	if (directory >= 0)
		*deserved = strcmp(manifest.generation, name) == 0 ? NULL : manifest.generation;
	else
		*deserved = ends_with(name, ".was") ? NULL : arena_printf(arena, "%s.was", name);
	return true;
}

bool exchange_settle(struct arena *arena, const struct place *place, struct error *error)
{
	struct words names;

	if (!directory_list(arena, place->store, &names, error))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		const char *deserved;

		if (ends_with(name, ".building")) {
			if (!entry_remove(place->store, name, error))
				return false;
			continue;
		}
		if (!deserved_name(arena, place, name, &deserved, error))
			return false;
		if (!deserved)
			continue;
		if (!entry_remove(place->store, deserved, error))
			return false;
		if (renameat2(place->store, name, place->store, deserved, RENAME_NOREPLACE) < 0)
			return fail(error, ERROR_RETRY, "rename %s to %s: %s", name, deserved,
					strerror(errno));
	}
	if (fsync(place->store) < 0)
		return fail(error, ERROR_RETRY, "fsync of %s: %s", place->store_name,
				strerror(errno));
	return true;
}

/* A mount point stays busy; on an overlay, what lies in a lower layer is on another device. */
static bool cannot_swap(const struct publishing *p, int why, struct error *error)
{
	const char *publish = p->place->publish;

	if (why == EBUSY && place_is_mount_point(p->place))
		return fail(error, ERROR_CONFIG,
				"%s is a mount point, which cannot be swapped: use method \"fixed\"",
				publish);
	if (why == EINVAL || why == EXDEV)
		return fail(error, ERROR_CONFIG,
				"%s: this file system cannot swap directories: use method \"fixed\"",
				publish);
	return fail(error, ERROR_RETRY, "swap %s: %s", publish, strerror(why));
}

static bool swap(const struct publishing *p, const char *entry, unsigned flags, struct error *error)
{
	const struct place *place = p->place;

	if (renameat2(place->store, entry, place->parent, place->base, flags) < 0) {
		if (errno == EEXIST || errno == ENOENT)
			return changed_meanwhile(p, error);
		return cannot_swap(p, errno, error);
	}
	if (fsync(place->parent) < 0)
		return fail(error, ERROR_RETRY, "fsync beside %s: %s", place->publish,
				strerror(errno));
	return exchange_settle(p->arena, place, error);
}

/* What stands in the directory and is not published by us would vanish with it. */
static bool nothing_else_there(const struct publishing *p, struct error *error)
{
	autoclose int directory = openat(p->place->parent, p->place->base,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct words names;

	if (directory < 0) /* a link: what it leads to stays where it is */
		return errno == ENOTDIR || errno == ELOOP ||
				fail(error, is_finding(errno) ? ERROR_CONFIG : ERROR_RETRY,
						"%s: %s", p->place->publish, strerror(errno));
	if (!directory_list(p->arena, directory, &names, error))
		return fail_while(error, "%s", p->place->publish);
	for (size_t i = 0; i < names.count; i++)
		if (!manifest_find(p->manifest, names.items[i]))
			return fail(error, ERROR_CONFIG,
					"%s also holds %s, which would vanish: move it away, or "
					"use method \"fixed\"",
					p->place->publish, names.items[i]);
	return true;
}

bool exchange_publish(const struct publishing *p, struct error *error)
{
	const char *generation = p->manifest->generation;

	if (p->found->state == FOUND_NOTHING)
		return swap(p, generation, RENAME_NOREPLACE, error);
	if (p->found->state == FOUND_FOREIGN && !nothing_else_there(p, error))
		return false;
	return swap(p, generation, RENAME_EXCHANGE, error);
}

/* A first installation is taken back into the store. */
static bool take_away(const struct publishing *p, struct error *error)
{
	const struct place *place = p->place;

	if (!entry_remove(place->store, p->found->generation, error))
		return false;
	if (renameat2(place->parent, place->base, place->store, p->found->generation,
			    RENAME_NOREPLACE) < 0 ||
			fsync(place->parent) < 0 || fsync(place->store) < 0)
		return fail(error, ERROR_RETRY, "take %s away: %s", place->publish,
				strerror(errno));
	return true;
}

bool exchange_put_back(const struct publishing *p, struct error *error)
{
	const char *replaces = p->step->replaces;

	if (strcmp(replaces, "nothing") == 0)
		return take_away(p, error);
	if (strncmp(replaces, "foreign:", 8) == 0)
		replaces = arena_printf(p->arena, "%s.was", p->found->generation);
	return swap(p, replaces, RENAME_EXCHANGE, error);
}
