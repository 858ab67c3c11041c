#define _GNU_SOURCE
#include "controller/apply/lease/fuse.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

long long fuse_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void fuse_put_off(struct fuse *fuse, long long at_ms)
{
	struct itimerspec at = { 0 };

	at.it_value.tv_sec = (time_t)(at_ms / 1000);
	at.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000;
	if (fuse->lit)
		(void)timer_settime(fuse->timer, TIMER_ABSTIME, &at, NULL);
}

bool fuse_light(struct fuse *fuse, long long at_ms, struct error *error)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };

	if (timer_create(CLOCK_BOOTTIME, &event, &fuse->timer) < 0)
		return fail(error, ERROR_RETRY, "timer: %s", strerror(errno));
	fuse->lit = true;
	fuse_put_off(fuse, at_ms);
	return true;
}

void fuse_done(struct fuse *fuse)
{
	if (fuse->lit)
		(void)timer_delete(fuse->timer);
	fuse->lit = false;
}
