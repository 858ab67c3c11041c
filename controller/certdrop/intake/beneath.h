#pragma once

/*
 * Opening something that must lie beneath a directory, whatever links and names in it say:
 * openat2() with RESOLVE_BENEATH where the kernel has it (5.6), and where it has not or a
 * container's filter refuses it (ENOSYS, EPERM), a walk from component to component.
 */

#include <stdbool.h>

struct beneath {
	int root; /* an open directory */
	bool links; /* may symbolic links be followed, as long as they stay beneath? */
	bool one_file_system; /* may no mount point be crossed? */
	bool without_openat2; /* for tests: walk */
};

/* A descriptor, or -1 and errno. ELOOP: a link, and `links` is false (or too many of
 * them). EXDEV: it leads out of the root, or on to another file system. `flags` as for
 * open(2), close-on-exec is added. */
int beneath_open(const struct beneath *beneath, const char *path, int flags);
