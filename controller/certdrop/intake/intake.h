#pragma once

/*
 * Intake: the watched directories, and what is taken out of them.
 *
 * An inlet is one directory: a drop (files are uploaded there, and consumed) or a source
 * (another tool's tree, read and never written). Events are hints, one bit for each inlet;
 * the directory is the truth:
 *
 *         intake = intake_new(&settings);
 *         inlet = intake_add_drop(intake, path, &policy, context);      born dirty
 *
 *         whenever intake_fd() is readable:      intake_drain(intake);
 *         every intake_rescan_ms(intake):        intake_rescan(intake);
 *         after either, and after adding:
 *
 *         while ((inlet = intake_next_dirty(intake))) {
 *                 autodone(harvest) struct harvest harvest = { 0 };
 *
 *                 if (!inlet_scan(inlet, &harvest, &error))  ...   tried again by rescans
 *                 if (!harvest.changed)                      ...   nothing to do
 *                 if (harvest.retry_ms)                      ...   scan again then
 *         }
 *
 * Nothing here blocks but the file system itself, nothing waits, nothing is fatal: without
 * inotify, with a full table of watches, or with a directory that is not there, the inlet
 * is degraded, says so, and is found by rescans. The cost of an event does not depend on
 * the number of inlets. One descriptor is held for each inlet, so intake_new() raises the
 * soft limit of open files to the hard one.
 *
 * A directory is opened once and held; rescans (and events of the directory or of a link
 * on its path) compare what the path leads to now with what is held. A source's path may
 * lead over symbolic links that flip.
 */

#include <stdint.h>
#include <sys/types.h>

#include "controller/base/arena.h"
#include "controller/base/digest.h"
#include "controller/base/error.h"
#include "controller/base/owned.h"

struct intake;
struct inlet;

/* What tests put in place of the kernel. NULL members: the kernel's. */
struct intake_calls {
	int (*inotify_init)(int flags);
	int (*inotify_add_watch)(int fd, const char *path, uint32_t mask);
	bool without_openat2; /* walk components, as before Linux 5.6 */
};

/* 0 or NULL: the default that stands here. */
struct intake_settings {
	long rescan_ms; /* 30,000: where events can be relied on */
	long poll_ms; /* 2,000: where they cannot */
	const struct intake_calls *calls; /* must outlive the intake */
};

/* What may be taken. Copied. 0 or NULL: the default that stands here. */
struct inlet_policy {
	size_t files; /* 64: at most so many are taken, the latest to arrive */
	size_t file_bytes; /* 1 MiB */
	size_t bytes; /* 16 MiB: of all that is taken in one scan */
	size_t entries; /* 20,000: at most so many are looked at */
	mode_t mode; /* 0700: of a drop that is created */
	bool allow_insecure; /* a drop others may write to without the sticky bit, or that somebody
			      * else owns */
	bool any_owner; /* files of whomever */
	const uid_t *owners; /* owners besides root, ourselves and the directory's */
	size_t owner_count;
	const char *root; /* source: links must stay beneath it; the directory itself */
	const char *root_setting; /* "root": what the operator calls it, for refusals */
	long grace_ms; /* 1,000: a file that somebody has open for writing, or with a second name
			* (an SFTP server links and then unlinks), counts as growing until it has not
			* changed for so long. -1: 0 */
};

/* ---- all of them ---- */

/* Never fails. NULL settings: all defaults. */
struct intake *intake_new(const struct intake_settings *settings);
void intake_free(struct intake *intake); /* with all inlets; NULL is allowed */

/* Readable when there is something to drain; -1: polling only (may change with a rescan). */
int intake_fd(const struct intake *intake);

/* Never fail: what is wrong with the directory is tried again by rescans, see
 * inlet_degraded(). `path` is absolute. A missing drop is created, now with the
 * directories above it, later without. `context` is the caller's. */
struct inlet *intake_add_drop(struct intake *intake, const char *path,
		const struct inlet_policy *policy, void *context);
struct inlet *intake_add_source(struct intake *intake, const char *path,
		const struct inlet_policy *policy, void *context);
void intake_remove(struct intake *intake, struct inlet *inlet);

/* Reads all events, and marks inlets dirty. */
void intake_drain(struct intake *intake);

/* Looks at each inlet without opening a file: is it still the directory that the path
 * leads to, and did anything in it change? Marks those dirty. */
void intake_rescan(struct intake *intake);

/* When the next rescan is wanted, in ms from the last one. */
long intake_rescan_ms(const struct intake *intake);

/* The one that has been dirty longest, and clears its mark; NULL: none is. */
struct inlet *intake_next_dirty(struct intake *intake);

/* What is wrong with all of them ("inotify: Too many open files; polling every 2 s");
 * NULL: nothing. */
const char *intake_degraded(const struct intake *intake);

struct intake_counters {
	unsigned long long events, overflows, rescans, reopened, silent_changes;
	unsigned long long files; /* so often one was looked into */
	size_t inlets, watches;
};
struct intake_counters intake_counters(const struct intake *intake);

/* ---- one of them ---- */

void *inlet_context(const struct inlet *inlet);

/* Marks it dirty, and has the next scan read all files anew. */
void inlet_mark(struct inlet *inlet);

/* A drop's held directory, for what certdrop itself writes there (its names are never
 * taken: receipt.json and whatever starts with a dot). -1: a source, or it is gone. Stays
 * the inlet's; valid until the next call of a function of this header. */
int inlet_directory(const struct inlet *inlet);

/* Why events cannot be relied on or nothing can be taken here, in one sentence; NULL:
 * all is well. */
const char *inlet_degraded(const struct inlet *inlet);

/* ---- taking ---- */

/* One version of one file. */
struct identity {
	dev_t device;
	ino_t inode;
	off_t size;
	long long modified_ns, changed_ns; /* mtime and ctime since 1970 */
};

/* A name in an inlet, and what it stood for. */
struct entry {
	const char *name; /* any bytes but '/' and NUL: to be shown only as `shown` */
	struct identity identity;
	struct digest digest; /* of what was copied; empty without a copy */
};

enum taken_state {
	TAKEN_COPY, /* `fd` is a sealed copy */
	TAKEN_GROWING, /* it changed while it was copied, or is being linked: later */
	TAKEN_REFUSED, /* it may not be taken: `reason` */
};

struct taken {
	struct entry entry;
	const char *shown; /* the name, printable UTF-8; one that would look like another one of the
			    * harvest has a number behind it */
	enum taken_state state;
	bool open_for_writing; /* somebody still has it open for writing: there may come more. Only
			        * known for our own files or as root */
	bool open_to_others; /* the mode lets everybody read it */
	long long arrived_ns; /* the later of mtime and ctime */
	int fd; /* sealed memfd, offset 0, -1 without; hand_over_fd() takes it */
	struct digest digest; /* of the copy */
	const char *reason; /* one sentence with the name in it; NULL for a copy */
};

struct harvest {
	struct arena *arena; /* all texts live in it */
	bool changed; /* false: as at the last scan, and nothing else is filled in */
	struct taken *items; /* the latest arrival first */
	size_t count;
	size_t left_out; /* files that were not even looked into: over the limits */
	const char *left_out_reason; /* one sentence; NULL without */
	const char *generation; /* where `..data` pointed during all of the scan; or NULL */
	long retry_ms; /* something is growing: scan again so much later (50 ms to 2 s, doubling);
		        * 0: nothing is */
};

void harvest_done(struct harvest *harvest);

/* Takes every file into an empty harvest. Opens none when names, identities, modes and
 * owners are those of the last successful scan. Names left alone: receipt.json, a leading
 * dot, and the endings ~ .tmp .part .filepart .swp .crdownload; sub-directories.
 * ERROR_RETRY: the directory is not there, or cannot be read now. ERROR_CONFIG: it may
 * not be used (owner, mode, leads out of the root). */
bool inlet_scan(struct inlet *inlet, struct harvest *harvest, struct error *error) must_check;

/* Removes files that were taken, in this order, each only while the name still stands for
 * what was taken, and makes that durable. Its mode may have changed since, and its times
 * may have been set back (tar and install do that last), but not a byte of it. What was
 * replaced since stays, even if that happens at the same moment, and is counted in `stayed`
 * (NULL is allowed). ERROR_RETRY: one could not be removed; those after it are still tried.
 * ERROR_CONFIG: a source, or it is forbidden. */
bool inlet_consume(struct inlet *inlet, const struct entry *entries, size_t count, size_t *stayed,
		struct error *error) must_check;
