#include "controller/certdrop/state/ownership.h"

#include <pwd.h>
#include <sys/stat.h>

#include "controller/base/arena.h"

static bool refuse(const char *state_directory, uid_t owner, struct error *error)
{
	const struct passwd *user = getpwuid(owner);

	if (!user)
		return fail(error, ERROR_CONFIG,
				"the state %s belongs to user %lu: run this as that user, who could not "
				"read what another one leaves there",
				state_directory, (unsigned long)owner);
	return fail(error, ERROR_CONFIG,
			"the state %s belongs to %s, who could not read what another user leaves "
			"there: run this as that user, for example with runuser -u %s -- certdrop ...",
			state_directory, user->pw_name, user->pw_name);
}

static bool look_at(const char *state_directory, const char *name, struct stat *facts)
{
	autoarena struct arena *arena = arena_new();

	return stat(arena_printf(arena, "%s/%s", state_directory, name), facts) == 0;
}

bool ownership_lets_write(const char *state_directory, uid_t user, struct error *error)
{
	struct stat facts;

	if (look_at(state_directory, "journal.db", &facts))
		return facts.st_uid == user || refuse(state_directory, facts.st_uid, error);
	if (user != 0 || !look_at(state_directory, ".", &facts) || facts.st_uid == 0)
		return true;
	return refuse(state_directory, facts.st_uid, error);
}

bool ownership_lets_look(const char *state_directory, uid_t user, struct error *error)
{
	struct stat facts;

	return (look_at(state_directory, "journal.db", &facts) &&
			       look_at(state_directory, "store", &facts)) ||
			ownership_lets_write(state_directory, user, error);
}
