#pragma once

/*
 * The receipt: the small file that tells, where a credential was dropped, what became of
 * it. Scripts of those who drop rely on it; fields are added, never renamed:
 *
 *         {
 *           "target": "web",
 *           "state": "in-service",           see present.h for the states
 *           "reason": "served at ...",       a sentence, or null
 *           "fingerprint": "9f2c...",        of the leaf that it is about, or null
 *           "subject": "CN=web.example",     or null
 *           "not_after": "2027-...Z",        RFC 3339, or null
 *           "inputs":   [ { "name": "web.pem", "sha256": "..." } ],   what it was made of
 *           "not_taken": [ { "name": "old.pem", "sha256": "..." or null,
 *                            "state": "refused", "reason": "..." } ],   what lies there: leftover.h
 *           "steps":    [ { "text": "...", "result": "done", "milliseconds": 12 } ],
 *           "gap_ms": 40,                    see gap.h, or null
 *           "gap_budget_ms": 5000,           or null
 *           "warnings": [ "CN=web.example ends in 12 days, on ..." ],
 *           "others":   [ "CN=old.example" ],   other complete credentials that lay there
 *           "pending": { "text": "restart it", "reason": "its next window ...",
 *                        "at": "2026-...Z" },     what remains to be done though it is in
 *                                                 service, or null; the time may be null
 *           "updated": "2026-...Z"
 *         }
 */

#include <jansson.h>

#include "controller/base/error.h"
#include "controller/model/record.h"

#define RECEIPT_NAME "receipt.json"

struct receipt_input {
	const char *name, *sha256;
};

struct receipt_left {
	const char *name, *sha256; /* NULL: it could not be read */
	const char *state, *reason;
};

struct receipt_step {
	const char *text;
	const char *result; /* "done", "failed", "put back", "putting back failed" */
	long long milliseconds;
};

struct receipt {
	const char *target, *state, *reason;
	bool passing; /* another state follows at once: no disk is waited for */
	const char *fingerprint, *subject;
	long long not_after; /* seconds; 0: unknown */
	const struct receipt_input *inputs;
	size_t input_count;
	const struct receipt_left *left;
	size_t left_count;
	const struct receipt_step *steps;
	size_t step_count;
	long long gap_ms, gap_budget_ms; /* -1: none */
	struct words warnings, others;
	const char *pending, *pending_reason; /* NULL: nothing is */
	long long pending_at; /* seconds; 0: unknown */
	long long updated; /* seconds */
};

/* A new reference. */
json_t *receipt_json(const struct receipt *receipt);

/* What made way for a receipt has this name now; "": nothing had to. */
struct receipt_aside {
	char name[48];
};

/* A file named like the receipt that is none was dropped under a name that is not taken in, and may
 * be the only copy of a key: it gets another name, over no other file, under which it is taken in. An
 * empty one of our own that nobody is writing makes no way: a power cut leaves a receipt like that.
 * To be called before receipt_write(). ERROR_RETRY: it could not be looked at, or not be moved aside. */
bool receipt_make_way(int directory, const char *name, struct receipt_aside *aside,
		struct error *error) must_check;

/* Puts it into the open `directory` as `name` (RECEIPT_NAME), mode 0644, replacing what has that
 * name (see receipt_make_way()) without following it. Writes nothing when the file there differs in `updated` only.
 * ERROR_RETRY: it could not be written. */
bool receipt_write(int directory, const char *name, const struct receipt *receipt,
		struct error *error) must_check;
