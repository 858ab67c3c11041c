#pragma once

/*
 * When to try again: exponential back-off with full jitter. The n-th failure in a row waits a
 * random time between `first` and min(cap, first * 2^n), so that many targets that failed
 * together do not come back together.
 */

#include <stdint.h>

/* `attempts`: failures in a row, from 1. `random`: any 32 random
 * bits. All times in milliseconds. */
uint64_t backoff_ms(unsigned attempts, uint64_t first, uint64_t cap, uint32_t random);
