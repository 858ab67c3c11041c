#include "controller/certdrop/config/passage.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { GROUPS_MAX = 256, PATH_LENGTH_MAX = 4096 };

struct traveller {
	uid_t user;
	gid_t groups[GROUPS_MAX];
	int group_count;
};

static bool find_account(const char *user, struct traveller *traveller)
{
	const struct passwd *account = getpwnam(user);
	char *end;

	if (!account) {
		const unsigned long number = strtoul(user, &end, 10);

		if (*end || number != (uid_t)number)
			return false;
		account = getpwuid((uid_t)number);
	}
	if (!account)
		return false;
	traveller->user = account->pw_uid;
	traveller->group_count = GROUPS_MAX;
	return getgrouplist(account->pw_name, account->pw_gid, traveller->groups,
			       &traveller->group_count) >= 0;
}

static bool is_member(const struct traveller *traveller, gid_t group)
{
	for (int i = 0; i < traveller->group_count; i++)
		if (traveller->groups[i] == group)
			return true;
	return false;
}

/* The first class that fits is the only one that counts, even where a later one allows more. */
static bool may_enter(const struct traveller *traveller, const char *directory)
{
	mode_t needed = S_IXOTH;
	struct stat status;

	if (stat(directory, &status) < 0)
		return true;
	if (status.st_uid == traveller->user)
		needed = S_IXUSR;
	else if (is_member(traveller, status.st_gid))
		needed = S_IXGRP;
	return (status.st_mode & needed) != 0 ||
			getxattr(directory, "system.posix_acl_access", NULL, 0) > 0;
}

bool passage_is_open(const char *user, const char *directory)
{
	struct traveller traveller;
	char path[PATH_LENGTH_MAX];

	if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
		return true;
	if (!find_account(user, &traveller) || traveller.user == 0)
		return true;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!may_enter(&traveller, path))
			return false;
		*slash = '/';
	}
	return may_enter(&traveller, path);
}
