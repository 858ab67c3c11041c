#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/certdrop/beneath.h"
#include "controller/certdrop/inlet.h"

void view_done(struct view *view)
{
	owned_close(&view->generation);
	free(view->generation_name);
	*view = (struct view){ .generation = -1 };
}

static char *read_data_link(const struct inlet *inlet)
{
	char text[PATH_MAX];
	const ssize_t length = readlinkat(inlet->held, "..data", text, sizeof(text) - 1);
	char *name;

	if (length <= 0)
		return NULL;
	text[length] = '\0';
	name = strdup(text);
	assert(name);
	return name;
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

bool inlet_view(struct inlet *inlet, struct view *view, struct error *error)
{
	view->generation = -1;
	view->look.directory = inlet->held;
	view->look.links = !inlet->drop;
	view->look.limit = inlet->policy.entries;
	if (!inlet->drop)
		view->generation_name = read_data_link(inlet);
	if (view->generation_name) {
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
	autofree char *now = inlet->drop ? NULL : read_data_link(inlet);

	if (!now || !view->generation_name)
		return !now == !view->generation_name;
	return strcmp(now, view->generation_name) == 0;
}
