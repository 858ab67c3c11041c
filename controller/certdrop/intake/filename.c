#include "controller/certdrop/intake/filename.h"

#include <string.h>

#include "controller/base/printable.h"

bool filename_ignored(const char *name)
{
	static const char *const endings[] = { "~", ".tmp", ".part", ".filepart", ".swp",
		".crdownload", ".receipt.json" };
	const size_t length = strlen(name);

	if (name[0] == '.' || strcmp(name, "receipt.json") == 0)
		return true;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const size_t ending = strlen(endings[i]);

		if (length >= ending && strcmp(name + length - ending, endings[i]) == 0)
			return true;
	}
	return false;
}

const char *filename_shown(struct arena *arena, const char *name)
{
	return printable_whole(arena, name, strlen(name));
}
