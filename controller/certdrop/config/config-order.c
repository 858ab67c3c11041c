#include "controller/certdrop/config/config-order.h"

#include <stdlib.h>
#include <string.h>

enum { CHAIN_MAX = 1000 };

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct node {
	const struct target *target;
	enum mark mark;
};

struct order {
	struct arena *arena;
	struct mistakes *mistakes;
	struct node *nodes; /* sorted by name */
	size_t count;
	const struct node *chain[CHAIN_MAX]; /* those that are open, each after the next */
	size_t depth;
};

static int compare_nodes(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->target->name,
			((const struct node *)b)->target->name);
}

static int compare_name(const void *name, const void *node)
{
	return strcmp(name, ((const struct node *)node)->target->name);
}

static void unknown(const struct order *order, const struct target *target, const char *name)
{
	const char **names = arena_new_many(order->arena, const char *, order->count + 1);
	const struct place place = setting_place(target->settings, "after");
	const char *nearest;

	for (size_t i = 0; i < order->count; i++)
		names[i] = order->nodes[i].target->name;
	nearest = word_nearest(names, name);
	mistakes_add(order->mistakes, place,
			"\"after\" in target \"%s\": there is no target \"%s\"%s%s%s", target->name,
			name, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
			nearest ? "\"?" : "");
}

/* "a, b, a": from where the chain was met to its end, and back. */
static void circle(const struct order *order, const struct node *met)
{
	const struct place place = setting_place(met->target->settings, "after");
	autodone(buffer) struct buffer names = { 0 };
	size_t i = order->depth;

	while (i > 0 && order->chain[i - 1] != met)
		i--;
	for (i = i > 0 ? i - 1 : 0; i < order->depth; i++)
		buffer_printf(&names, "%s, ", order->chain[i]->target->name);
	buffer_add(&names, met->target->name);
	mistakes_add(order->mistakes, place,
			"\"after\" in target \"%s\" goes round in a circle: %s", met->target->name,
			buffer_text(&names));
}

static void visit(struct order *order, struct node *node)
{
	const struct words after = setting_words(node->target->settings, "after");

	if (node->mark == MARK_OPEN)
		circle(order, node);
	if (node->mark != MARK_NEW)
		return;
	if (order->depth == CHAIN_MAX) {
		mistakes_add(order->mistakes, setting_place(node->target->settings, "after"),
				"target \"%s\" stands at the end of more than %d others, each "
				"\"after\" the next",
				node->target->name, CHAIN_MAX);
		return;
	}
	node->mark = MARK_OPEN;
	order->chain[order->depth++] = node;
	for (size_t i = 0; i < after.count; i++) {
		struct node *next = bsearch(after.items[i], order->nodes, order->count,
				sizeof(*order->nodes), compare_name);

		if (next)
			visit(order, next);
		else
			unknown(order, node->target, after.items[i]);
	}
	order->depth--;
	node->mark = MARK_DONE;
}

void order_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes)
{
	struct order *order = arena_new_of(arena, struct order);

	order->arena = arena;
	order->mistakes = mistakes;
	order->count = count;
	order->nodes = arena_new_many(arena, struct node, count + 1);
	for (size_t i = 0; i < count; i++)
		order->nodes[i].target = &targets[i];
	if (count > 0)
		qsort(order->nodes, count, sizeof(*order->nodes), compare_nodes);
	for (size_t i = 0; i < count; i++)
		visit(order, &order->nodes[i]);
}
