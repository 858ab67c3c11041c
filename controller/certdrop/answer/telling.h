#pragma once

/*
 * Telling whoever dropped a file what became of it: the receipt of a subject, in the directory
 * that feeds it, or for a source under STATE/receipts. A receipt that cannot be written is logged
 * once and is no reason to stop: it is written as soon as it can be.
 */

#include "controller/certdrop/subject/subject.h"

void telling_receipt(struct subject *subject);

/* The receipt again where there is something else to warn of by now: what is in service comes near its end
 * without anything being done. */
void telling_warnings(struct subject *subject);

/* One line in the log of the service when a drop waits, is refused or is held, and when that reason
 * changes. Another number in it is no news of what is held. */
void telling_log(struct subject *subject);

/* The receipt that could not be written the last time; does nothing when it could. */
void telling_what_is_untold(struct subject *subject);

/* What was dropped under the name of the receipt is moved aside, and taken in: receipt.h. */
void telling_make_way(const struct subject *subject);
