#pragma once

/*
 * Verdicts: what a product says of a credential that was taken in. Most of what it will not have is
 * a rule (model/rule.h), and refused before anything is taken in. Where plan() may refuse one, too,
 * for what is seen (`refuses` in reconciler.h), the files stay in the drop until it has spoken:
 *
 *         verdict_await(subject)             by a delivery: it is wanted, and its files lie there
 *         verdict_accept(subject)            by a pass: there is a plan, the files may go
 *         verdict_refuse(subject, reason)    by a pass: what was wanted before is wanted again
 *         verdict_refused(subject, digest)   by a delivery: not that one again
 *
 * A refusal holds until the file is another one, until somebody asks for the target by name, or until
 * the next start, because the world may have changed by then.
 */

#include "controller/certdrop/subject/subject.h"

/* Are the files of what is wanted to stay where they are for now? false: they may go. */
bool verdict_await(struct subject *subject);

/* The directory is looked at again, if anything there was waiting for this. */
void verdict_accept(struct subject *subject);

/* false: its files are gone, so that there is nothing to leave to whoever dropped them. */
bool verdict_refuse(struct subject *subject, const char *reason);

/* Why; NULL: it is not. The subject's. */
const char *verdict_refused(const struct subject *subject, const char *digest);

/* What was refused may be tried again. */
void verdict_forget(struct subject *subject);
