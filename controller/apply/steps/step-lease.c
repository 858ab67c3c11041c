/* Rights are kept by the job, not by the step that takes them: see leases.c. */
#include "controller/apply/deadline.h"
#include "controller/apply/job.h"
#include "controller/apply/lease/leases.h"

bool lease_take(struct job *job, struct arena *arena, const struct step *step, struct error *error)
{
	struct lease_step lease;

	lease_step_read(arena, step, &lease);
	return leases_take(job->leases, &lease, deadline_of(step), error);
}
