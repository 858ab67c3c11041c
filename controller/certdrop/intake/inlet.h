#pragma once

/*
 * The inside of an inlet, for the files behind intake.h only: inlet.c opens and holds the
 * directory, generation.c looks at it or at what its `..data` names, scan.c takes files,
 * consume.c removes them, intake.c keeps them all.
 */

#include <sys/stat.h>

#include "controller/certdrop/intake/intake.h"
#include "controller/certdrop/intake/look.h"
#include "controller/certdrop/intake/watch.h"

/* What happened without an event. */
enum unheard {
	UNHEARD_NOTHING,
	UNHEARD_CHANGE, /* in the directory */
	UNHEARD_MOVE, /* the path leads to another directory */
};

struct inlet {
	struct intake *intake;
	bool drop;
	char *path;
	void *context;
	struct inlet_policy policy; /* with all defaults; owns `owners` and the texts */
	size_t index; /* in the intake's list */

	bool dirty;
	struct inlet *next_dirty, *before_dirty;

	int held; /* the directory, open for reading; -1: not there */
	int root; /* what links must stay beneath; -1: `held` itself */
	char *prefix; /* of `held`, from `root`; "" */
	struct listener *listeners; /* of the path and the directory */
	struct listener *targets; /* of the directories that links lead into */
	struct listener *former; /* of the path before it led elsewhere without a word: what is
				  * still to be said about that is heard here, until the next rescan */

	bool watched; /* all watches that we want are there */
	bool remote; /* a file system that does not tell everything: `held` is never read */
	bool rewalk; /* a name on the path changed: it may lead over other links now */
	enum unheard suspect; /* no event told of it, which may still be on its way */
	enum unheard distrust; /* none ever did: events are not relied on any more */

	bool scanned; /* `seen` and `taken` are of a scan that succeeded */
	bool unsettled; /* but it proves nothing: see struct look */
	struct mark seen;
	struct mark taken; /* what came out of it */
	long retry_ms; /* of files that grow */

	char *trouble; /* why it is not open or could not be scanned; NULL */
	char *watch_trouble; /* NULL: all is watched */
};

struct inlet *inlet_new(struct intake *intake, const char *path, bool drop,
		const struct inlet_policy *policy, void *context);
void inlet_free(struct inlet *inlet);

/* Is it still what the path leads to? Opens and watches it anew when it is not. `opened`
 * tells that it did. False: it cannot be used now. */
bool inlet_refresh(struct inlet *inlet, bool *opened, struct error *error) must_check;

/* Something happened, and no event told so far. It may still be in the queue, so it has time
 * until the next rescan, which comes soon. */
void inlet_suspect(struct inlet *inlet, enum unheard what);

/* It has had its time: what is still suspected is true. False: there was nothing. */
bool inlet_confirm(struct inlet *inlet) must_check;

/* What a crash left moved aside while it was being removed gets its name again. */
void inlet_bring_back(const struct inlet *inlet);

/* Tries again to watch what could not be watched. */
void inlet_watch_again(struct inlet *inlet);

/* Listens also to the directories at `paths`, from the root: links lead into them. No
 * longer to those of the last call. */
void inlet_watch_targets(struct inlet *inlet, const char *const *paths, size_t count);

/* An event. True: it makes the inlet dirty. */
bool inlet_hear(struct inlet *inlet, uint32_t mask, const char *name, bool named) must_check;

bool inlet_wants_polling(const struct inlet *inlet);
void inlet_set_trouble(struct inlet *inlet, const char *text); /* NULL: none */

/* One look at the directory, or at the generation that it points to, which is then left
 * open in `generation` with its name in `generation_name` (malloc). */
struct view {
	struct look look;
	int generation; /* -1: none */
	int anew; /* the directory, opened just for this; -1: it was not */
	char *generation_name;
};
/* What links must stay beneath: the root, or the directory itself. */
int inlet_root(const struct inlet *inlet);

void view_done(struct view *view);
bool inlet_view(struct inlet *inlet, struct view *view, struct error *error) must_check;

/* Does `..data` still name what was looked at? */
bool view_is_current(const struct inlet *inlet, const struct view *view);

/* ---- of the intake ---- */

struct watches *intake_watches(struct intake *intake);
const struct intake_calls *intake_get_calls(const struct intake *intake);
long intake_poll_ms(const struct intake *intake);
void intake_count_files(struct intake *intake, size_t count);
