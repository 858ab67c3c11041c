/* Method "link": the place is a symbolic link to the generation, replaced by one rename.
 * Who opens its files through the link sees one generation or the other. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/apply/publish/publish.h"

static const char *was_name(const struct publishing *p, const char *generation)
{
	return arena_printf(p->arena, "%s.was", generation);
}

/* Makes the place a link with this text. */
static bool flip(const struct publishing *p, const char *text, bool first, struct error *error)
{
	const struct place *place = p->place;
	const char *beside = arena_printf(p->arena, ".%s.certdrop-link", place->base);
	const unsigned flags = first ? RENAME_NOREPLACE : 0;

	/* A left-over of a crash: nobody else uses this name. */
	(void)unlinkat(place->parent, beside, 0);
	if (symlinkat(text, place->parent, beside) < 0)
		return fail(error, errno == EACCES || errno == EROFS ? ERROR_CONFIG : ERROR_RETRY,
				"link beside %s: %s", place->publish, strerror(errno));
	if (renameat2(place->parent, beside, place->parent, place->base, flags) < 0) {
		const int why = errno;

		(void)unlinkat(place->parent, beside, 0);
		if (why == EEXIST)
			return changed_meanwhile(p, error);
		return fail(error, ERROR_RETRY, "rename over %s: %s", place->publish,
				strerror(why));
	}
	if (fsync(place->parent) < 0)
		return fail(error, ERROR_RETRY, "fsync beside %s: %s", place->publish,
				strerror(errno));
	return true;
}

static bool flip_to(
		const struct publishing *p, const char *generation, bool first, struct error *error)
{
	return flip(p, arena_printf(p->arena, "%s/%s", p->place->store_name, generation), first,
			error);
}

/* NULL: it is no link. */
static bool link_text(const struct publishing *p, int directory, const char *name,
		const char **text, struct error *error)
{
	const char *is;

	if (!entry_describe(p->arena, directory, name, &is, error))
		return false;
	*text = strncmp(is, "link ", 5) == 0 ? is + 5 : NULL;
	return true;
}

/* A link that somebody else made: remembered, so that it can be made again. */
static bool keep_link(const struct publishing *p, const char *text, struct error *error)
{
	const char *was = was_name(p, p->manifest->generation);

	if (!entry_remove(p->place->store, was, error))
		return false;
	if (symlinkat(text, p->place->store, was) < 0 || fsync(p->place->store) < 0)
		return fail(error, ERROR_RETRY, "remember the link %s: %s", p->place->publish,
				strerror(errno));
	return true;
}

static bool no_link(const struct publishing *p, struct error *error)
{
	const char *publish = p->place->publish;

	if (place_is_mount_point(p->place))
		return fail(error, ERROR_CONFIG,
				"%s is a mount point, which no link can replace: use method "
				"\"fixed\"",
				publish);
	return fail(error, ERROR_CONFIG,
			"%s is not a symbolic link: move it away, or use method %s\"fixed\"",
			publish, place_can_swap(p->place) ? "\"exchange\" or " : "");
}

bool link_publish(const struct publishing *p, struct error *error)
{
	const enum found_state state = p->found->state;

	if (state == FOUND_FOREIGN) {
		const char *text;

		if (!link_text(p, p->place->parent, p->place->base, &text, error))
			return false;
		if (!text)
			return no_link(p, error);
		if (!keep_link(p, text, error))
			return false;
	}
	if (state == FOUND_PUBLISHED && strcmp(p->found->generation, p->manifest->generation) == 0)
		return true;
	return flip_to(p, p->manifest->generation, state == FOUND_NOTHING, error);
}

bool link_put_back(const struct publishing *p, struct error *error)
{
	const char *replaces = p->step->replaces;
	const char *text;

	if (strcmp(replaces, "nothing") == 0) {
		if (unlinkat(p->place->parent, p->place->base, 0) < 0 ||
				fsync(p->place->parent) < 0)
			return fail(error, ERROR_RETRY, "remove the link %s: %s", p->place->publish,
					strerror(errno));
		return true;
	}
	if (strncmp(replaces, "foreign:", 8) != 0)
		return flip_to(p, replaces, false, error);

	if (!link_text(p, p->place->store, was_name(p, p->found->generation), &text, error))
		return false;
	if (!text)
		return fail(error, ERROR_INTERNAL,
				"%s: what was there before is not known any more",
				p->place->publish);
	return flip(p, text, false, error);
}
