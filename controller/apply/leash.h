#pragma once

/*
 * The leash: a worker whose controller is gone ends the call that it is in, and stops. That the
 * controller is gone shows when it closes its end of the socket, or ends; a thread waits for that.
 * From then on nothing is tried again, and the next message ends the job. Should the call that is
 * under way not keep to its deadline, a fuse ends the whole process LEASH_SLACK_MS after the
 * longest deadline in the plan: so long a worker may live on, and no longer.
 *
 *         leash_tie(controller, error)       once, before the first job
 *         leash_lengthen(milliseconds)       at the start of each job: its longest deadline
 *         leash_is_loose()                   is the controller gone?
 *
 * A tool that a worker runs is told to end, and killed, at its deadline by the worker
 * (controller/apply/process.h), however that ends. One leash for each process. It is never loose
 * where none was tied.
 */

#include "controller/base/error.h"

enum { LEASH_SLACK_MS = 3000 };

/* ERROR_RETRY: no thread to be had. */
bool leash_tie(int controller, struct error *error) must_check;
void leash_lengthen(long long milliseconds);
bool leash_is_loose(void);
