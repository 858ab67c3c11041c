#pragma once

/*
 * Fuzz targets for what reads bytes that we did not write, one program for each reader
 * (libFuzzer; meson option `fuzzers`, with clang):
 *
 *         CC=clang meson setup build-fuzz -Dfuzzers=true -Db_sanitize=address,undefined \
 *                 -Db_lundef=false
 *         meson test -C build-fuzz --suite fuzz            a short run from the seeds
 *         build-fuzz/tests/fuzz/fuzz-pem -max_total_time=3600 build-fuzz/tests/fuzz/seeds/pem
 *
 * The seeds are made on the spot by the program `seeds`.
 */

#include <stddef.h>
#include <stdint.h>

#include "controller/inspect/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

void make_ready(void);

/* Feeds one reader, as if these bytes were a file of a request with the passphrase "x"
 * and little money for password iterations. */
int feed(enum verdict (*read)(struct findings *, struct input *, struct bytes),
		const uint8_t *bytes, size_t length);
