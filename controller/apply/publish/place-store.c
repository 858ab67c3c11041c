/* The store beside a place: who may go there, and who may look. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/apply/publish/place.h"

/* Links lead through the store, so others must be able to pass, but not to list it. */
static mode_t store_mode(const struct place *place)
{
	return place->method == METHOD_LINK ? 0711 : 0700;
}

/* That of another user, who may be the one that the service runs as, stays that user's. */
static bool is_ours_to_mend(const struct stat *facts)
{
	return geteuid() == 0 || facts->st_uid == geteuid();
}

const char *place_store_differs(struct arena *arena, const struct place *place)
{
	const mode_t mode = store_mode(place);
	struct stat facts;

	if (place->store < 0 || fstat(place->store, &facts) < 0 || !is_ours_to_mend(&facts))
		return NULL;
	if ((facts.st_mode & 07777) == mode)
		return NULL;
	return arena_printf(arena, "%s has mode %04o instead of %04o", place->store_name,
			facts.st_mode & 07777, mode);
}

static bool mend_store(const struct place *place, struct error *error)
{
	autoarena struct arena *arena = arena_new();

	if (!place_store_differs(arena, place))
		return true;
	if (fchmod(place->store, store_mode(place)) < 0 || fsync(place->store) < 0)
		return fail(error, errno == EPERM || errno == EROFS ? ERROR_CONFIG : ERROR_RETRY,
				"mend %s beside %s: %s", place->store_name, place->publish,
				strerror(errno));
	return true;
}

bool place_make_store(struct place *place, struct error *error)
{
	if (place->store >= 0)
		return mend_store(place, error);
	if (mkdirat(place->parent, place->store_name, 0700) < 0 && errno != EEXIST)
		return fail(error, errno == EACCES || errno == EROFS ? ERROR_CONFIG : ERROR_RETRY,
				"create %s beside %s: %s", place->store_name, place->publish,
				strerror(errno));
	place->store = openat(place->parent, place->store_name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place->store < 0 || fchmod(place->store, store_mode(place)) < 0 ||
			fsync(place->parent) < 0)
		return fail(error, ERROR_RETRY, "%s: %s", place->store_name, strerror(errno));
	return true;
}
