#pragma once

/*
 * A feed: one directory (a drop's or a source) and the targets that it feeds. When something
 * in it has changed, its files are taken, inspected for each target (whose rules differ),
 * and admitted or not. Once every target has what it was given in store and journal, the
 * files are taken away from a drop.
 *
 *         feed_scan() -> take -> inspect for each target -> admission -> store, journal -> (commit)
 *                                                                      -> take away, begin a pass
 */

#include <jansson.h>

#include "controller/certdrop/controller.h"

/* One for each directory that the configuration names. */
void feeds_open(struct controller *controller);

/* Inspections that are under way are left alone; nothing more is begun. */
void feeds_abandon(struct controller *controller);
void feeds_close(struct controller *controller);

/* Is anything being inspected? Of this one, of any? */
bool feed_busy(const struct feed *feed);
bool feeds_busy(const struct controller *controller);

/* Looks at the directory, and inspects its files if they are others than at the last time. */
void feed_scan(struct feed *feed);

/* The next scan inspects in any case: the judgement may be another one by now. */
void feed_forget(struct feed *feed);

/* The state can be written again: what could not be written down is inspected once more. */
void feeds_mended(const struct controller *controller);

/* What was refused or lacked something is inspected by the next scan, where the passphrases or the
 * authorities of a target have changed since. */
void feeds_judge_anew(const struct controller *controller);

/* The directory in which receipts are written, -1: there is none (a source, or it is gone). */
int feed_directory(const struct feed *feed);

/* Its name: a drop's sub-directory, or a source's path. */
const char *feed_name(const struct feed *feed);

/* What somebody has to do so that it can be looked into; NULL: nothing. */
const char *feed_advice(const struct feed *feed);

/* Appends a sentence for each guarantee that is off. */
void feeds_degraded(const struct controller *controller, json_t *sentences);

/* How watching goes: { "directories", "watches", "events", "overflows", "rescans", "reopened",
 * "silent_changes", "files" }, counted since the service was started or its configuration read. */
json_t *feeds_watching(const struct controller *controller);
