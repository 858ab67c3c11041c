#pragma once

/*
 * Admission: what to do with what certdrop-inspect found in a directory, for one target. Pure: it
 * reads no clock and no file, so that every case is a unit test.
 *
 * Of the credentials that lie there the best comes first (latest notBefore, then latest arrival). A
 * candidate is taken unless it is in service already, parked, expired, not yet valid, or a
 * downgrade: a credential that ends earlier than the one in service, that was in service before, or
 * whose chain has ended while that of the one in service has not.
 */

#include "controller/base/arena.h"
#include "controller/model/credential.h"
#include "controller/model/record.h"

enum admission_kind {
	ADMISSION_NOTHING, /* nothing there concerns certificates */
	ADMISSION_TAKE, /* `credential` is to be in service */
	ADMISSION_SAME, /* it is what is wanted already */
	ADMISSION_WAIT, /* something is missing, or still being written: `reason` */
	ADMISSION_REFUSE, /* it will not do: `reason` */
	ADMISSION_PARKED, /* it was tried before and put back: `reason` */
	ADMISSION_HOLD, /* it may do later: `reason`, and `until` when that is known */
};

struct admission {
	enum admission_kind kind;
	const char *reason;
	struct credential credential; /* TAKE, SAME, PARKED, HOLD; REFUSE: digest may be NULL */
	size_t index; /* of its record among the credential records */
	long long until; /* seconds since 1970, 0: not known */
	struct rows inputs; /* the files that it is made of, those with a key first */
	struct rows spent; /* those of them that may be taken away: nothing else would go with them */
	struct words others; /* other credentials that lie there, with their files */
};

struct admission_facts {
	const char *target;
	const struct credential *wanted; /* NULL: nothing yet */
	const struct credential *in_service; /* which may be another one; NULL: none is known */
	struct words served_before; /* digests */
	bool allow_downgrade;
	bool clock_trusted;
	const char *clock_doubt; /* why it is not */
	long long now; /* seconds since 1970 */
	bool every_file_counts; /* a file that is no credential is refused, not passed over */

	/* The reason why a digest is parked, NULL when it is not. */
	const char *(*parked)(void *context, const char *digest);

	/* Why this target will not have it, though it keeps all rules; NULL: it will. */
	const char *(*refused)(void *context, const struct credential *credential);
	void *context;
};

struct admission admission_decide(struct arena *arena, const struct records *inspected,
		const struct admission_facts *facts);
