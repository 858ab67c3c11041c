#define _GNU_SOURCE
#include "controller/apply/lease/lease-etcd.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "controller/apply/deadline.h"
#include "controller/apply/lease/etcd.h"
#include "controller/apply/lease/fuse.h"

enum {
	USUAL_TTL_MS = 15000,
	RETRY_MS = 200, /* between attempts at renewing */
	VERIFY_MS = 3000,
	GIVE_BACK_MS = 1000,
};

struct lease_etcd {
	struct arena *arena;
	struct lease_step step;
	struct etcd etcd; /* each thread has a copy of its own */
	struct fuse fuse;
	pthread_t keeper;

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t wake;
	bool ending;
	struct error lost; /* no text: still ours */
};

/* From now on, when it was asked for, it is certainly good until then. */
static long long safe_until(const struct lease_etcd *l, long long asked_at_ms)
{
	return asked_at_ms + l->etcd.ttl_ms * 9 / 10;
}

/* ---- renewing ---- */

static bool renew(struct lease_etcd *l, struct etcd *etcd)
{
	const long long asked_at = fuse_now();
	struct error error = { 0 };
	bool gone = false;
	bool good;

	etcd->deadline = deadline_now() + l->etcd.ttl_ms / 3;
	good = etcd_keep_alive(etcd, &gone, &error);
	if (good && gone)
		good = fail(&error, ERROR_RETRY, "it has ended in etcd");
	(void)pthread_mutex_lock(&l->lock);
	if (good)
		fuse_put_off(&l->fuse, safe_until(l, asked_at));
	if (gone)
		l->lost = error;
	(void)pthread_mutex_unlock(&l->lock);
	return good;
}

/* True: it is over. */
static bool pause_for(struct lease_etcd *l, long milliseconds)
{
	struct timespec until;
	int waited = 0;
	bool ending;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += milliseconds % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&l->lock);
	while (!l->ending && waited == 0)
		waited = pthread_cond_timedwait(&l->wake, &l->lock, &until);
	ending = l->ending;
	(void)pthread_mutex_unlock(&l->lock);
	return ending;
}

static void *keep(void *argument)
{
	struct lease_etcd *l = argument;
	struct etcd etcd = l->etcd;
	bool good = true;

	while (!pause_for(l, good ? l->etcd.ttl_ms / 3 : RETRY_MS))
		good = renew(l, &etcd);
	return NULL;
}

static void end_keeping(struct lease_etcd *l)
{
	(void)pthread_cond_destroy(&l->wake);
	(void)pthread_mutex_destroy(&l->lock);
}

static bool start_keeper(struct lease_etcd *l, struct error *error)
{
	pthread_condattr_t clock;
	int failed;

	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_cond_init(&l->wake, &clock);
	(void)pthread_condattr_destroy(&clock);
	failed = pthread_create(&l->keeper, NULL, keep, l);
	if (!failed)
		return true;
	end_keeping(l);
	return fail(error, ERROR_RETRY, "a thread to keep the lease: %s", strerror(failed));
}

static void stop_keeper(struct lease_etcd *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->ending = true;
	(void)pthread_cond_signal(&l->wake);
	(void)pthread_mutex_unlock(&l->lock);
	(void)pthread_join(l->keeper, NULL);
	end_keeping(l);
}

/* ---- taking and giving back ---- */

static struct lease_etcd *lease_new(const struct lease_step *step, struct web *web)
{
	struct lease_etcd *l = calloc(1, sizeof(*l));
	const char *prefix = step->prefix ? step->prefix : "certdrop/leases/";
	const size_t count = step->leases.count;

	assert(l);
	l->arena = arena_new();
	l->step = (struct lease_step){
		.leases = words_copy(l->arena, step->leases),
		.endpoints = words_copy(l->arena, step->endpoints),
		.ca_file = arena_copy(l->arena, step->ca_file),
		.client_certificate = arena_copy(l->arena, step->client_certificate),
		.client_key = arena_copy(l->arena, step->client_key),
		.ttl_ms = step->ttl_ms >= 1000 ? step->ttl_ms : USUAL_TTL_MS,
	};
	l->etcd = (struct etcd){ .step = &l->step, .web = web };
	l->etcd.keys.items = arena_new_many(l->arena, const char *, count);
	for (size_t i = 0; i < count; i++)
		l->etcd.keys.items[l->etcd.keys.count++] =
				arena_printf(l->arena, "%s%s", prefix, step->leases.items[i]);
	return l;
}

static void lease_done(struct lease_etcd *l)
{
	fuse_done(&l->fuse);
	arena_free(l->arena);
	free(l);
}

static void give_back(struct lease_etcd *l)
{
	l->etcd.deadline = deadline_now() + GIVE_BACK_MS;
	etcd_revoke(&l->etcd);
}

/* The fuse burns from before the keys exist, so there is no moment without it. */
static bool take(struct lease_etcd *l, const char *holder, struct error *error)
{
	const long long asked_at = fuse_now();
	const char *other = NULL;

	if (!etcd_grant(&l->etcd, error))
		return false;
	if (fuse_light(&l->fuse, safe_until(l, asked_at), error) &&
			etcd_create(&l->etcd, l->arena, holder, &other, error)) {
		if (!other)
			return true;
		(void)fail(error, ERROR_RETRY, "%s %s is held by %s",
				l->etcd.keys.count == 1 ? "the lease" : "one of the leases",
				l->step.leases.items[0], other);
	}
	give_back(l);
	return false;
}

bool lease_etcd_take(const struct lease_step *step, struct web *web, const char *holder,
		long long deadline, struct lease_etcd **lease, struct error *error)
{
	struct lease_etcd *l = lease_new(step, web);

	l->etcd.deadline = deadline;
	if (!take(l, holder, error)) {
		lease_done(l);
		return false;
	}
	if (!start_keeper(l, error)) {
		give_back(l);
		lease_done(l);
		return false;
	}
	*lease = l;
	return true;
}

void lease_etcd_free(struct lease_etcd *l)
{
	if (!l)
		return;

	stop_keeper(l);
	fuse_done(&l->fuse);
	give_back(l);
	lease_done(l);
}

/* ---- verifying ---- */

static bool is_known_lost(struct lease_etcd *l, struct error *error)
{
	bool lost;

	(void)pthread_mutex_lock(&l->lock);
	lost = l->lost.text[0];
	if (lost)
		*error = l->lost;
	(void)pthread_mutex_unlock(&l->lock);
	return lost;
}

bool lease_etcd_verify(struct lease_etcd *l, struct error *error)
{
	struct etcd etcd = l->etcd;
	bool same = false;

	if (is_known_lost(l, error))
		return false;
	etcd.deadline = deadline_now() + VERIFY_MS;
	if (!etcd_check(&etcd, &same, error))
		return fail_while(error, "it cannot be verified");
	return same || fail(error, ERROR_RETRY, "somebody else has it, or removed it");
}
