#include "controller/apply/publish/flush.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 8 };

struct flush {
	int fd;
	int failed; /* errno */
	bool threaded;
	pthread_t thread;
};

static void *flush(void *argument)
{
	struct flush *f = argument;

	f->failed = fsync(f->fd) < 0 ? errno : 0;
	return NULL;
}

/* The last one in this thread; the others, too, where no further thread is to be had. */
static int flush_some(const int *fds, size_t count)
{
	struct flush flushes[AT_ONCE] = { 0 };
	int failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct flush *f = &flushes[i];

		f->fd = fds[i];
		f->threaded = i + 1 < count && pthread_create(&f->thread, NULL, flush, f) == 0;
		if (!f->threaded)
			flush(f);
	}
	for (size_t i = 0; i < count; i++) {
		if (flushes[i].threaded)
			(void)pthread_join(flushes[i].thread, NULL);
		if (flushes[i].failed)
			failed = flushes[i].failed;
	}
	return failed;
}

bool flush_together(const int *fds, size_t count, struct error *error)
{
	for (size_t done = 0; done < count; done += AT_ONCE) {
		const size_t left = count - done;
		const int failed = flush_some(fds + done, left < AT_ONCE ? left : AT_ONCE);

		if (failed)
			return fail(error, ERROR_RETRY, "fsync: %s", strerror(failed));
	}
	return true;
}
