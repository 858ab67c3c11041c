#include "controller/certdrop/backoff.h"

uint64_t backoff_ms(unsigned attempts, uint64_t first, uint64_t cap, uint32_t random)
{
	uint64_t most = first;

	for (unsigned i = 1; i < attempts && most < cap; i++)
		most *= 2;
	if (most > cap)
		most = cap;
	if (most <= first)
		return most;
	return first + (most - first) * random / UINT32_MAX;
}
