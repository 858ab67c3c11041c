#pragma once

/*
 * Children that wait: so that no program start lies on the path of a drop, a pool keeps one idle
 * child ready, and starts the next as soon as that one is taken.
 *
 *         pool_take(pool, &hooks, context, error)     an idle child, or a new one
 *         pool_give_back(pool, child)                 idle again; let go after POOL_USES uses
 *         pool_discard(pool, child)                   not to be used again: killed
 *         pool_queue(pool, &place)                    for whoever comes with many others: ready()
 *                                                     when fewer than POOL_BUSY_MAX are taken
 *
 * A child that ends while it is taken tells its user through hooks.ended(), who then discards it,
 * too. While idle it belongs to the pool.
 */

#include "controller/certdrop/children/child.h"

/* A child is replaced now and then, so that nothing that one input left behind lasts. As many may be
 * idle as come back when all that are taken do: else each burst would end one and start it anew. */
enum { POOL_USES = 64, POOL_BUSY_MAX = 4, POOL_IDLE_MAX = POOL_BUSY_MAX + 1 };

struct pool;

/* A place in the queue. Embedded in whoever waits; ready() takes a child, or does without. */
struct place_in_queue {
	void (*ready)(struct place_in_queue *place);
	bool queued;
	struct place_in_queue *next;
};

struct pool *pool_new(uv_loop_t *loop, const char *program);

/* The same with children that are had by connecting to a socket. */
struct pool *pool_of_socket(uv_loop_t *loop, const char *path);

/* Lets the idle ones end. Those taken must be back or discarded. */
void pool_free(struct pool *pool);

/* Start the idle child now. Failing is not fatal: taking one will tell. */
void pool_warm(struct pool *pool);

struct child *pool_take(struct pool *pool, const struct child_hooks *hooks, void *context,
		struct error *error);
void pool_give_back(struct pool *pool, struct child *child);
void pool_discard(struct pool *pool, struct child *child);

/* ready() may be called before this returns. Leaving is allowed at any time. */
void pool_queue(struct pool *pool, struct place_in_queue *place);
void pool_leave(struct pool *pool, struct place_in_queue *place);

/* Nobody's ready() is called any more. */
void pool_stop(struct pool *pool);

uv_loop_t *pool_loop(const struct pool *pool);
