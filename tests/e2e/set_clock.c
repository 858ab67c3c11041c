/*
 * A wrong clock for one program, by LD_PRELOAD: what it reads of the time of day and of the time since
 * the start is what the kernel says and so many seconds more, and whether the clock is synchronized is
 * made up. All of it stands in the file that SET_CLOCK names, three numbers of 64 bits, which the test
 * changes while the program runs. Timers, waits and the
 * times of files stay the kernel's: a clock that is set does not touch the former, and a suspended
 * machine is one whose monotonic clock has stood still.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

struct ahead {
	int64_t realtime, boottime, synchronized;
};

static const volatile struct ahead *ahead;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SET_CLOCK");
	const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *there = fd < 0 ? MAP_FAILED
			     : mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);

	if (there == MAP_FAILED)
		abort();
	(void)close(fd);
	ahead = there;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	const int result = (int)syscall(SYS_clock_gettime, clock, time);

	if (ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		time->tv_sec += ahead->realtime;
	else if (ahead && clock == CLOCK_BOOTTIME)
		time->tv_sec += ahead->boottime;
	return result;
}

time_t time(time_t *seconds)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (seconds)
		*seconds = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_nsec / 1000;
	return 0;
}

int adjtimex(struct timex *state)
{
	*state = (struct timex){ .status = ahead && ahead->synchronized ? 0 : STA_UNSYNC };
	return state->status ? TIME_ERROR : TIME_OK;
}
