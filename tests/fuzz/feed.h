#pragma once

/* For the readers of certdrop-inspect: a file of a request, and what crypto_init() makes ready. */

#include <stddef.h>
#include <stdint.h>

#include "controller/inspect/read/format.h"

void make_ready(void);

/* Feeds one reader, as if these bytes were a file of a request with the passphrase "x"
 * and little money for password iterations. */
int feed(enum verdict (*read)(struct findings *, struct input *, struct bytes),
		const uint8_t *bytes, size_t length);
