/* Looking at what is published: names, owners, modes and digests, nothing that is written.
 * Only the first certificate is decoded, to say which one it is. What is in a key store is not: that takes
 * a password. Its bytes tell whether it is still what was made of the credential. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/apply/job.h"
#include "controller/apply/publish/place.h"
#include "controller/apply/tls/certificate.h"
#include "controller/base/secret.h"

static const char *const state_names[] = {
	[FOUND_NOTHING] = "nothing",
	[FOUND_PUBLISHED] = "published",
	[FOUND_FOREIGN] = "foreign",
};

static bool add_leaf(struct arena *arena, int directory, const char *name, struct record *answer)
{
	/* The file may hold a key as well. */
	autodone(secret) struct secret text = { 0 };
	autoclose int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct certificate leaf;
	const char *items[2];
	struct error error;
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode))
		return false;
	if (!secret_read(&text, fd, PUBLISHED_FILE_MAX, &error) ||
			!certificate_find((const char *)text.bytes, text.length, &leaf))
		return false;
	items[0] = leaf.fingerprint.hex;
	items[1] = arena_printf(arena, "%lld", leaf.not_after);
	record_add(arena, answer, "leaf", (struct words){ .items = items, .count = 2 });
	return true;
}

bool look_take(struct arena *arena, const struct step *step, struct record *answer,
		struct error *error)
{
	autodone(place) struct place place = { .parent = -1, .store = -1 };
	autodone(found) struct found found = { .directory = -1 };
	struct look_step look;
	const char *store;
	bool told = false;

	look_step_read(arena, step, &look);
	if (!place_open(arena, look.publish, look.method, &place, error) ||
			!place_look(arena, &place, look.files, &found, error))
		return false;

	store = place_store_differs(arena, &place);
	record_add_text(arena, answer, "state", state_names[found.state]);
	record_add_text(arena, answer, "replaces", found.replaces);
	if (found.state == FOUND_PUBLISHED) {
		record_add_text(arena, answer, "credential", found.manifest.credential);
		if (found.manifest.layout)
			record_add_text(arena, answer, "layout", found.manifest.layout);
		(void)manifest_holds(arena, &found.manifest, found.directory, answer);
		if (store)
			record_add_text(arena, answer, "differs", store);
	}
	for (size_t i = 0; found.directory >= 0 && i < look.leaf.count && !told; i++)
		told = add_leaf(arena, found.directory, look.leaf.items[i], answer);
	if (!told && found.state == FOUND_PUBLISHED &&
			manifest_has(&found.manifest, found.directory, look.leaf))
		record_add_text(arena, answer, "unchanged", "yes");
	return true;
}
