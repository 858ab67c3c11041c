#include "controller/certdrop/config/config-order.h"

#include <stdlib.h>
#include <string.h>

enum { CHAIN_MAX = 1000 };

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct node {
	const struct target *target;
	enum mark mark;
};

struct graph {
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

/* "a, b, a": from where the chain was met to its end, and back. */
static void circle(const struct graph *graph, const struct node *met)
{
	const struct place place = setting_place(met->target->settings, "after");
	autodone(buffer) struct buffer names = { 0 };
	size_t i = graph->depth;

	while (i > 0 && graph->chain[i - 1] != met)
		i--;
	for (i = i > 0 ? i - 1 : 0; i < graph->depth; i++)
		buffer_printf(&names, "%s, ", graph->chain[i]->target->name);
	buffer_add(&names, met->target->name);
	mistakes_add(graph->mistakes, place,
			"\"after\" in target \"%s\" goes round in a circle: %s", met->target->name,
			buffer_text(&names));
}

static void visit(struct graph *graph, struct node *node)
{
	const struct words after = setting_words(node->target->settings, "after");

	if (node->mark == MARK_OPEN)
		circle(graph, node);
	if (node->mark != MARK_NEW)
		return;
	if (graph->depth == CHAIN_MAX) {
		mistakes_add(graph->mistakes, setting_place(node->target->settings, "after"),
				"target \"%s\" stands at the end of more than %d others, each "
				"\"after\" the next",
				node->target->name, CHAIN_MAX);
		return;
	}
	node->mark = MARK_OPEN;
	graph->chain[graph->depth++] = node;
	for (size_t i = 0; i < after.count; i++) {
		struct node *next = bsearch(after.items[i], graph->nodes, graph->count,
				sizeof(*graph->nodes), compare_name);

		if (next)
			visit(graph, next);
	}
	graph->depth--;
	node->mark = MARK_DONE;
}

void order_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes)
{
	struct graph *graph = arena_new_of(arena, struct graph);

	graph->mistakes = mistakes;
	graph->count = count;
	graph->nodes = arena_new_many(arena, struct node, count + 1);
	for (size_t i = 0; i < count; i++)
		graph->nodes[i].target = &targets[i];
	if (count > 0)
		qsort(graph->nodes, count, sizeof(*graph->nodes), compare_nodes);
	for (size_t i = 0; i < count; i++)
		visit(graph, &graph->nodes[i]);
}
