#pragma once

/*
 * A fuse: ends this process by SIGKILL when a point in time has come, unless it was put off
 * before. The timer is the kernel's, so it also goes off while the process is stopped (SIGSTOP,
 * a debugger) or hangs; and its clock goes on while the machine sleeps (CLOCK_BOOTTIME). What
 * must not be done after that point is therefore not done by this process, whatever
 * happens to it between looking at a clock and acting.
 *
 *         fuse_light(&fuse, at, error)
 *         fuse_put_off(&fuse, later)        any number of times
 *         fuse_done(&fuse)                  it does not go off any more
 *
 * Programs that the process has started are not ended with it.
 */

#include <time.h>

#include "controller/base/error.h"

struct fuse {
	timer_t timer;
	bool lit;
};

/* Milliseconds on the fuses' clock. */
long long fuse_now(void);

/* ERROR_RETRY: no timer to be had. */
bool fuse_light(struct fuse *fuse, long long at_ms, struct error *error) must_check;
void fuse_put_off(struct fuse *fuse, long long at_ms);
void fuse_done(struct fuse *fuse);
