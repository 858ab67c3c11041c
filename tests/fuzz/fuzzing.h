#pragma once

/*
 * Fuzz targets for what decodes bytes that we did not write, one program for each decoder
 * (https://llvm.org/docs/LibFuzzer.html; meson option `fuzzers`, with clang):
 *
 *         tests/fuzz/run 3600                  an hour for each of them, two at a time
 *         tests/fuzz/run 60 pem pkcs12         a minute for these two
 *         build-clang/tests/fuzz/fuzz-pem build-clang/found/pem-crash-5f0c...
 *
 * The seeds are made on the spot by the program `write-seeds`, and taken from tests/plans and conf/;
 * what a run adds to them is kept in build-clang/corpus, and what makes one fail in build-clang/found.
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
