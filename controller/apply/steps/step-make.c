/* A make step builds what later steps put somewhere; what cannot be built is so known
 * while nothing is changed yet. The bytes stay in contents.c. */
#include "controller/apply/job.h"

bool make_take(struct job *job, struct arena *arena, const struct step *step, struct error *error)
{
	struct make_step make;
	struct content content;

	make_step_read(arena, step, &make);
	if (!make.make)
		return fail(error, ERROR_INTERNAL, "a make step without a name");
	return contents_get(job->contents, make.make, &content, error);
}
