#include "controller/certdrop/pass/backoff.h"

uint64_t backoff_ms(unsigned attempts, uint64_t first, uint64_t cap, uint32_t random)
{
	uint64_t most = first;
	uint64_t spread;

	for (unsigned i = 0; i < attempts && most < cap && most > 0; i++)
		most *= 2;
	if (most > cap)
		most = cap;
	if (most <= first)
		return most;
	/* In two parts, so that no product overflows. */
	spread = most - first;
	return first + spread / UINT32_MAX * random + spread % UINT32_MAX * random / UINT32_MAX;
}
