#include "controller/apply/deadline.h"

#include <limits.h>
#include <poll.h>
#include <time.h>

enum { USUAL_DEADLINE_MS = 30000, PROBE_DEADLINE_MS = 10000 };

long long deadline_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long long deadline_length(const struct step *step)
{
	if (step->deadline_ms > 0)
		return step->deadline_ms;
	return step->kind == STEP_PROBE ? PROBE_DEADLINE_MS : USUAL_DEADLINE_MS;
}

long long deadline_of(const struct step *step)
{
	return deadline_now() + deadline_length(step);
}

int deadline_left(long long deadline)
{
	const long long left = deadline - deadline_now();

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void deadline_pause(int milliseconds, long long deadline)
{
	const int left = deadline_left(deadline);

	(void)poll(NULL, 0, milliseconds < left ? milliseconds : left);
}
