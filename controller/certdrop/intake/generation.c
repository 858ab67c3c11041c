#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/certdrop/intake/beneath.h"
#include "controller/certdrop/intake/inlet.h"

void view_done(struct view *view)
{
	owned_close(&view->generation);
	owned_close(&view->anew);
	free(view->generation_name);
	*view = (struct view){ .generation = -1, .anew = -1 };
}

/* False: there is none. A drop has no generations. */
static bool read_data_link(const struct inlet *inlet, char text[PATH_MAX])
{
	const ssize_t length =
			inlet->drop ? 0 : readlinkat(inlet->held, "..data", text, PATH_MAX - 1);

	if (length <= 0)
		return false;
	text[length] = '\0';
	return true;
}

/* The directory that `..data` names, opened by that text and not through the link, which
 * may flip in between. */
static bool open_generation(struct inlet *inlet, struct view *view, struct error *error)
{
	const struct beneath beneath = { .root = inlet_root(inlet), .links = true };
	char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s%s%s", inlet->prefix, *inlet->prefix ? "/" : "",
			view->generation_name);
	view->generation = beneath_open(&beneath, path, O_RDONLY | O_DIRECTORY);
	if (view->generation < 0 && errno == EXDEV)
		return fail(error, ERROR_CONFIG,
				"%s/..data leads out of %s; set `%s` to a directory above both",
				inlet->path, inlet->policy.root ? inlet->policy.root : inlet->path,
				inlet->policy.root_setting);
	if (view->generation < 0)
		return fail(error, ERROR_RETRY, "%s/..data cannot be opened: %s", inlet->path,
				strerror(errno));
	return true;
}

/* An overlay shows whoever keeps a directory open, and everybody beside him, what was in it when
 * it was first read: what is written to a lower layer would never be seen. */
static int directory_to_read(const struct inlet *inlet, struct view *view)
{
	if (!inlet->remote)
		return inlet->held;
	view->anew = openat(inlet->held, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return view->anew;
}

bool inlet_view(struct inlet *inlet, struct view *view, struct error *error)
{
	char generation[PATH_MAX];

	view->generation = -1;
	view->look.directory = directory_to_read(inlet, view);
	if (view->look.directory < 0)
		return fail(error, ERROR_RETRY, "%s cannot be opened: %s", inlet->path,
				strerror(errno));
	view->look.links = !inlet->drop;
	view->look.limit = inlet->policy.entries;
	if (read_data_link(inlet, generation)) {
		view->generation_name = strdup(generation);
		assert(view->generation_name);
		if (!open_generation(inlet, view, error))
			return false;
		view->look.directory = view->generation;
	}
	if (!look(&view->look, error))
		return fail_while(error, "%s", inlet->path);
	if (view->generation_name)
		mark_add_text(&view->look.mark, view->generation_name);
	return true;
}

bool view_is_current(const struct inlet *inlet, const struct view *view)
{
	char generation[PATH_MAX];

	if (!read_data_link(inlet, generation))
		return !view->generation_name;
	return view->generation_name && strcmp(generation, view->generation_name) == 0;
}
