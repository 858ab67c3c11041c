#pragma once

/* What a reconciler may look up when it makes a plan: plan_in_service() of model/plan.h. */

#include "controller/certdrop/controller.h"
#include "controller/model/plan.h"

/* From now on the plan knows the targets of this controller. */
void lookup_offer(struct plan *plan, const struct controller *controller);
