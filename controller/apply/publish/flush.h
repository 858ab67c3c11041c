#pragma once

/*
 * Waiting for the disk once: the fsyncs of several files and directories go out at the same time,
 * so that they share one commit of the file system's journal instead of waiting for one each.
 */

#include <stddef.h>

#include "controller/base/error.h"

/* What was written through each of the descriptors is on disk. ERROR_RETRY: one of them failed;
 * none may be asked again, because after a failed fsync the next one may say that all is well. */
bool flush_together(const int *fds, size_t count, struct error *error) must_check;
