#define _GNU_SOURCE
#include "controller/apply/lease/leases.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "controller/apply/lease/lease-etcd.h"
#include "controller/apply/lease/lease-local.h"

enum { LEASES_MAX = 8, NAMES_MAX = 100 };

struct leases {
	struct web *web;
	pthread_mutex_t lock;
	struct lease_local *local[LEASES_MAX];
	struct lease_etcd *etcd[LEASES_MAX];
	size_t local_count, etcd_count;
	bool lost;
	struct error why;
};

struct leases *leases_new(struct web *web)
{
	struct leases *leases = calloc(1, sizeof(*leases));

	assert(leases);
	leases->web = web;
	(void)pthread_mutex_init(&leases->lock, NULL);
	return leases;
}

void leases_free(struct leases *leases)
{
	if (!leases)
		return;

	for (size_t i = 0; i < leases->etcd_count; i++)
		lease_etcd_free(leases->etcd[i]);
	for (size_t i = 0; i < leases->local_count; i++)
		lease_local_free(leases->local[i]);
	(void)pthread_mutex_destroy(&leases->lock);
	free(leases);
}

/* ---- taking ---- */

/* They become file names and keys. */
static bool is_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._:-";

	return *name && *name != '.' && strspn(name, allowed) == strlen(name) && strlen(name) < 200;
}

static bool check(const struct lease_step *step, struct error *error)
{
	if (step->leases.count == 0 || step->leases.count > NAMES_MAX)
		return fail(error, ERROR_INTERNAL, "1 to %d leases are taken at a time", NAMES_MAX);
	for (size_t i = 0; i < step->leases.count; i++)
		if (!is_name(step->leases.items[i]))
			return fail(error, ERROR_INTERNAL, "\"%s\" is no name for a lease",
					step->leases.items[i]);
	return true;
}

/* Whoever is refused reads who has it. */
static const char *holder(struct arena *arena)
{
	struct utsname machine = { 0 };

	(void)uname(&machine);
	return arena_printf(arena, "certdrop on %s, process %ld", machine.nodename, (long)getpid());
}

static bool take(struct leases *l, const struct lease_step *step, long long deadline,
		struct error *error)
{
	autoarena struct arena *arena = arena_new();
	const char *store = step->store ? step->store : "";

	if (l->local_count == LEASES_MAX || l->etcd_count == LEASES_MAX)
		return fail(error, ERROR_INTERNAL, "too many lease steps");
	if (strcmp(store, "local") == 0 &&
			lease_local_take(step, holder(arena), &l->local[l->local_count], error)) {
		l->local_count++;
		return true;
	}
	if (strcmp(store, "etcd") == 0 &&
			lease_etcd_take(step, l->web, holder(arena), deadline,
					&l->etcd[l->etcd_count], error)) {
		l->etcd_count++;
		return true;
	}
	if (strcmp(store, "local") != 0 && strcmp(store, "etcd") != 0)
		return fail(error, ERROR_INTERNAL, "no such store as \"%s\"", store);
	return false;
}

bool leases_take(struct leases *leases, const struct lease_step *step, long long deadline,
		struct error *error)
{
	bool good;

	if (!check(step, error))
		return false;
	(void)pthread_mutex_lock(&leases->lock);
	good = take(leases, step, deadline, error);
	(void)pthread_mutex_unlock(&leases->lock);
	return good;
}

/* ---- verifying ---- */

static bool verify(struct leases *l, struct error *error)
{
	for (size_t i = 0; i < l->local_count; i++)
		if (!lease_local_verify(l->local[i], error))
			return false;
	for (size_t i = 0; i < l->etcd_count; i++)
		if (!lease_etcd_verify(l->etcd[i], error))
			return false;
	return true;
}

bool leases_verify(struct leases *leases, struct error *error)
{
	bool good;

	(void)pthread_mutex_lock(&leases->lock);
	if (!leases->lost && !verify(leases, &leases->why)) {
		(void)fail_while(&leases->why, "the lease is lost");
		leases->lost = true;
	}
	good = !leases->lost;
	if (!good)
		*error = leases->why;
	(void)pthread_mutex_unlock(&leases->lock);
	return good;
}

bool leases_lost(struct leases *leases)
{
	bool lost;

	(void)pthread_mutex_lock(&leases->lock);
	lost = leases->lost;
	(void)pthread_mutex_unlock(&leases->lock);
	return lost;
}
