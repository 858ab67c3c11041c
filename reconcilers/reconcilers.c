#include "reconcilers/reconciler.h"

#include <stddef.h>
#include <string.h>

extern const struct reconciler files_reconciler;
extern const struct reconciler opengauss_reconciler;
extern const struct reconciler pingdirectory_reconciler;
extern const struct reconciler redis_enterprise_reconciler;

/* Sorted by product. */
const struct reconciler *const reconcilers[] = {
	&files_reconciler,
	&opengauss_reconciler,
	&pingdirectory_reconciler,
	&redis_enterprise_reconciler,
	NULL,
};

const struct reconciler *reconciler_find(const char *product)
{
	for (const struct reconciler *const *r = reconcilers; *r; r++)
		if (strcmp((*r)->product, product) == 0)
			return *r;
	return NULL;
}
