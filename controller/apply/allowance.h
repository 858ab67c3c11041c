#pragma once

/*
 * What the worker may be told to do, where its controller has fewer rights than it has: whoever
 * takes over such a controller can have of the worker what is allowed here, and no more.
 * It stands in a file that only root writes, made of records (controller/model/record.h):
 *
 *         publish /etc/ssl /etc/nginx/tls       publishes, locks and leases only below these
 *         read /etc/certdrop/secrets            passwords, keys and authorities from files only
 *                                               below these, or the others
 *         run root nginx -t                     commands only as these users, and that begin with
 *         run postgres pg_ctl reload -D /data   these words; `environment` lists what they may
 *         environment PGDATA                    find in their environment besides the usual
 *
 * Each may stand there more than once. Paths are compared as they are written, so what is named
 * must not be writable, nor hold links made, by the controller's user; nor must a tool's further
 * arguments be harmful. Where requests and handshakes go is not limited.
 */

#include "controller/base/arena.h"
#include "controller/model/plan.h"

struct allowance {
	struct rows publish, read, run, environment;
};

/* ERROR_CONFIG: the file is not root's alone to write, cannot be read, or has a mistake. It may be
 * missing, and then `allowance` is NULL: all is allowed. */
bool allowance_load(struct arena *arena, const char *path, const struct allowance **allowance,
		struct error *error) must_check;

/* ERROR_CONFIG: a step of the plan goes beyond. NULL: all is allowed. */
bool allowance_covers(const struct allowance *allowance, struct arena *arena,
		const struct plan *plan, struct error *error) must_check;
