#include "controller/apply/clock.h"

#include <limits.h>
#include <poll.h>
#include <time.h>

enum { USUAL_DEADLINE_MS = 30000, PROBE_DEADLINE_MS = 10000 };

long long clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long long step_deadline(const struct step *step)
{
	if (step->deadline_ms > 0)
		return clock_ms() + step->deadline_ms;
	return clock_ms() + (step->kind == STEP_PROBE ? PROBE_DEADLINE_MS : USUAL_DEADLINE_MS);
}

int clock_left(long long deadline)
{
	const long long left = deadline - clock_ms();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void clock_pause(int milliseconds, long long deadline)
{
	const int left = clock_left(deadline);

	(void)poll(NULL, 0, milliseconds < left ? milliseconds : left);
}
