#pragma once

/*
 * Taking one file out of a directory that an attacker may write to: opened beneath its
 * root without ever opening a device or a FIFO, checked by descriptor, copied into a
 * sealed memory file with a hard limit, and checked again. From then on only the copy
 * counts.
 */

#include "controller/base/arena.h"
#include "controller/certdrop/intake/beneath.h"
#include "controller/certdrop/intake/intake.h"

struct take {
	struct beneath beneath;
	const char *prefix; /* of the directory, from the root: "" or "live/web" */
	const char *root_path; /* for refusals */
	const struct inlet_policy *policy; /* with its defaults filled in */
	bool drop;
	uid_t directory_owner;
	size_t left; /* bytes that may still be taken in this scan; counted down */
	struct arena *arena;
};

/* Of a file with so many bytes; nothing of it stays in our memory. */
bool take_digest(int fd, size_t size, struct digest *digest) must_check;

/* Fills in all of `taken` but the name, `shown` and `arrived_ns`, which are there. False:
 * it is gone. */
bool take_file(struct take *take, struct taken *taken) must_check;
