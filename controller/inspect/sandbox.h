#pragma once

/*
 * The walls around whoever reads hostile bytes. Once inside, a process can compute, use
 * its memory, receive and send on descriptor 0, read what it was handed, and make memory
 * files to answer with. It cannot open, connect, start, signal or trace anything: the
 * kernel kills it for trying.
 *
 *         crypto_init(&error)               everything that opens files comes before
 *         sandbox_enter(&error)             there is no way back
 *         sandbox_renew()                   before each request
 *
 * In this order: all descriptors but 0 to 2 closed; limits (SANDBOX_MEMORY of address
 * space, no core dump, SANDBOX_FILES descriptors, SANDBOX_FILE_SIZE per memory file);
 * not dumpable, so that nobody of the same user traces it; no new privileges; Landlock
 * with nothing allowed, with every right that the running kernel knows (up to ABI 7;
 * kernels without Landlock are tolerated, the system call filter covers the same); and
 * seccomp, which kills the process on any call that is not in its list.
 *
 * Programs built with sanitizers reserve terabytes of address space and make some calls
 * more: sandbox-sanitized.c instead of sandbox-plain.c says which.
 */

#include "controller/base/error.h"

enum {
	SANDBOX_MEMORY = 512 << 20, /* bytes */
	SANDBOX_FILE_SIZE = 8 << 20,
	SANDBOX_FILES = 256,
	SANDBOX_CPU_SECONDS = 20, /* for one request; then SIGXCPU */
};

/* ERROR_CONFIG: this kernel, or the container around, does not allow to be so confined. */
bool sandbox_enter(struct error *error) must_check;

/* Grants SANDBOX_CPU_SECONDS of processor time from now on. */
void sandbox_renew(void);

/* ---- how this program was built ---- */

extern const bool sandbox_limits_memory;
extern const int sandbox_more_calls[]; /* system call numbers, -1 at the end */
