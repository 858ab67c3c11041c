#include "controller/certdrop/children/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct seat {
	struct child *child;
	int uses;
	bool taken;
};

struct pool {
	uv_loop_t *loop;
	char *path;
	bool is_socket; /* not a program */
	struct seat *seats;
	size_t count;
	struct place_in_queue *first;
	bool stopped;
};

static void ignore_message(struct child *child, void *context, struct message *message)
{
	(void)child;
	(void)context;
	(void)message;
}

static void ignore_end(struct child *child, void *context, const char *how)
{
	(void)child;
	(void)context;
	(void)how;
}

static void forget(struct pool *pool, const struct child *child)
{
	for (size_t i = 0; i < pool->count; i++) {
		if (pool->seats[i].child == child) {
			pool->seats[i] = pool->seats[--pool->count];
			return;
		}
	}
}

static void on_idle_end(struct child *child, void *context, const char *how)
{
	(void)how;
	forget(context, child);
}

static const struct child_hooks idle_hooks = { .message = ignore_message, .ended = on_idle_end };

/* For a child that the pool has let go of: nobody listens any more. */
static const struct child_hooks gone_hooks = { .message = ignore_message, .ended = ignore_end };

static struct pool *pool_at(uv_loop_t *loop, const char *path, bool is_socket)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	assert(pool);
	pool->loop = loop;
	pool->path = strdup(path);
	pool->is_socket = is_socket;
	assert(pool->path);
	return pool;
}

struct pool *pool_new(uv_loop_t *loop, const char *program)
{
	return pool_at(loop, program, false);
}

struct pool *pool_of_socket(uv_loop_t *loop, const char *path)
{
	return pool_at(loop, path, true);
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++) {
		child_set_context(pool->seats[i].child, &gone_hooks, NULL);
		child_close(pool->seats[i].child);
	}
	free(pool->seats);
	free(pool->path);
	free(pool);
}

static struct seat *start(struct pool *pool, struct error *error)
{
	struct child *child = (pool->is_socket ? child_connect : child_start)(
			pool->loop, pool->path, &idle_hooks, pool, error);
	struct seat *seats;

	if (!child)
		return NULL;
	seats = realloc(pool->seats, (pool->count + 1) * sizeof(*seats));
	assert(seats);
	pool->seats = seats;
	seats[pool->count] = (struct seat){ .child = child };
	return &seats[pool->count++];
}

static struct seat *idle_seat(struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (!pool->seats[i].taken)
			return &pool->seats[i];
	return NULL;
}

void pool_warm(struct pool *pool)
{
	struct error ignored;

	if (!idle_seat(pool))
		(void)start(pool, &ignored);
}

struct child *pool_take(struct pool *pool, const struct child_hooks *hooks, void *context,
		struct error *error)
{
	struct seat *seat = idle_seat(pool);
	struct child *child;

	if (!seat)
		seat = start(pool, error);
	if (!seat)
		return NULL;
	seat->taken = true;
	seat->uses++;
	child = seat->child;
	child_set_context(child, hooks, context);
	return child;
}

static size_t idle_count(const struct pool *pool)
{
	size_t idle = 0;

	for (size_t i = 0; i < pool->count; i++)
		idle += !pool->seats[i].taken;
	return idle;
}

static void let_go(struct pool *pool, struct child *child)
{
	forget(pool, child);
	child_set_context(child, &gone_hooks, NULL);
	child_close(child);
}

/* ---- the queue ---- */

static void serve(struct pool *pool)
{
	while (!pool->stopped && pool->first && pool->count - idle_count(pool) < POOL_BUSY_MAX) {
		struct place_in_queue *place = pool->first;

		pool->first = place->next;
		place->queued = false;
		place->ready(place);
	}
}

void pool_queue(struct pool *pool, struct place_in_queue *place)
{
	struct place_in_queue **last = &pool->first;

	while (*last)
		last = &(*last)->next;
	place->next = NULL;
	place->queued = true;
	*last = place;
	serve(pool);
}

void pool_leave(struct pool *pool, struct place_in_queue *place)
{
	struct place_in_queue **link = &pool->first;

	while (place->queued && *link != place)
		link = &(*link)->next;
	if (place->queued)
		*link = place->next;
	place->queued = false;
}

void pool_stop(struct pool *pool)
{
	pool->stopped = true;
}

/* ---- giving back ---- */

static void seat_again(struct pool *pool, struct child *child)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct seat *seat = &pool->seats[i];

		if (seat->child != child)
			continue;
		if (seat->uses >= POOL_USES || idle_count(pool) >= POOL_IDLE_MAX) {
			let_go(pool, child);
			return;
		}
		seat->taken = false;
		child_set_context(child, &idle_hooks, pool);
		return;
	}
}

void pool_give_back(struct pool *pool, struct child *child)
{
	seat_again(pool, child);
	serve(pool);
}

void pool_discard(struct pool *pool, struct child *child)
{
	forget(pool, child);
	child_set_context(child, &gone_hooks, NULL);
	child_kill(child);
	serve(pool);
}

uv_loop_t *pool_loop(const struct pool *pool)
{
	return pool->loop;
}
