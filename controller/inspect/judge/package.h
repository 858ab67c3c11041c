#pragma once

/*
 * Packages: archives in which a product wants each thing under a name of its own, as a rule of kind
 * "package" tells (model/rule.h). The product's own tool believes the names and looks at nothing
 * else, so here both are held against each other.
 *
 *         package_names(findings, input, &directory)        before anything is unpacked
 *         ... the members are read; package_needs() tells which of them may not be ignored
 *         package_contents(findings, input)                 afterwards
 *
 * An archive is a package when one of its members bears a name of the rule, in whatever folder and
 * whatever case; other archives are but a way to drop several files at once. Nothing is done
 * for targets without such a rule.
 *
 * A package is complete in itself: its certificates are joined with nothing from other files.
 */

#include "controller/inspect/findings.h"
#include "controller/inspect/read/directory.h"

/* Is all there that has to be, at the top, spelled right, and readable once it is unpacked? What
 * the product would not look at draws a remark. From here on the findings watch. VERDICT_REFUSED
 * with its sentence, or VERDICT_SOUND. */
enum verdict package_names(
		struct findings *findings, struct input *input, const struct directory *directory);

/* Does this member have to be what its name says? */
bool package_needs(const struct findings *findings, const struct input *input,
		const struct entry *entry);

/* Is each member what its name says, each key that of its certificate, and opens with its
 * passphrase? VERDICT_REFUSED with its sentence, or VERDICT_SOUND. */
enum verdict package_contents(
		struct findings *findings, struct input *input, const struct directory *directory);
