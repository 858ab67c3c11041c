#include "controller/certdrop/config/config-targets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "controller/certdrop/config/config-names.h"
#include "controller/certdrop/config/config-order.h"
#include "controller/certdrop/config/config-rivals.h"
#include "controller/certdrop/pass/windows.h"
#include "reconcilers/reconciler.h"

/* The options of every target and those of one product, joined once. */
struct product {
	struct product *next;
	const struct reconciler *reconciler;
	const struct option *options;
};

/* A value that no other target may have. */
struct claim {
	const struct option *option;
	const char *value, *target;
	struct place place;
	size_t order;
	const char *taken_by; /* the target that claimed it before; NULL: none did */
	struct place taken_at;
};

struct targets {
	struct arena *arena;
	struct mistakes *mistakes;
	struct product *products;
	struct target *items;
	size_t count, size;
	struct claim *claims;
	size_t claim_count, claim_size;
};

/* A target on its way. */
struct draft {
	struct targets *targets;
	const struct tree *tree;
	const config_setting_t *group;
	struct place place;
	const char *label; /* `target "web"` */
	struct target target;
};

struct targets *targets_new(struct arena *arena, struct mistakes *mistakes)
{
	struct targets *targets = arena_new_of(arena, struct targets);

	targets->arena = arena;
	targets->mistakes = mistakes;
	return targets;
}

static const struct option *product_options(
		struct targets *targets, const struct reconciler *reconciler)
{
	struct product *product = targets->products;

	while (product && product->reconciler != reconciler)
		product = product->next;
	if (product)
		return product->options;

	product = arena_new_of(targets->arena, struct product);
	product->reconciler = reconciler;
	product->options = options_join(targets->arena, target_options, reconciler->options);
	product->next = targets->products;
	targets->products = product;
	options_check(product->options);
	return product->options;
}

/* ---- one target ---- */

static void unknown_product(const struct draft *draft, const char *product)
{
	const config_setting_t *setting = config_setting_get_member(draft->group, "product");
	const struct place place = tree_place(draft->tree, setting);
	const char *nearest;
	const char **words;
	size_t count = 0;

	while (reconcilers[count])
		count++;
	words = arena_new_many(draft->targets->arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		words[i] = reconcilers[i]->product;
	nearest = word_nearest(words, product);
	if (nearest)
		mistakes_add(draft->targets->mistakes, place,
				"unknown product \"%s\" in %s; did you mean \"%s\"?", product,
				draft->label, nearest);
	else
		mistakes_add(draft->targets->mistakes, place, "unknown product \"%s\" in %s",
				product, draft->label);
}

static void check_name(const struct draft *draft, const char *setting)
{
	const struct settings *settings = draft->target.settings;
	const char *name = setting_text(settings, setting);

	if (name && !target_name_is_valid(name))
		mistakes_add(draft->targets->mistakes, setting_place(settings, setting),
				"\"%s\" in %s must be at most 64 letters, digits, dots, dashes and "
				"underscores, not beginning with a dot",
				setting, draft->label);
}

static void check_source(const struct draft *draft)
{
	const struct settings *settings = draft->target.settings;
	const char *source = setting_text(settings, "source");
	const char *root = setting_text(settings, "source-root");
	struct mistakes *mistakes = draft->targets->mistakes;

	if (source && setting_given(settings, "from"))
		mistakes_add(mistakes, setting_place(settings, "from"),
				"%s is fed by \"from\" or by \"source\", not by both",
				draft->label);
	if (root && !source)
		mistakes_add(mistakes, setting_place(settings, "source-root"),
				"\"source-root\" in %s is nothing without \"source\"",
				draft->label);
	if (root && source && !path_is_below(source, root))
		mistakes_add(mistakes, setting_place(settings, "source-root"),
				"\"source-root\" in %s must be at or above \"source\"",
				draft->label);
}

/* "reload", or whatever else its product does, for a list in the configuration. */
static const char *disruptions_of(struct arena *arena, const struct reconciler *reconciler)
{
	const char *list = NULL;

	for (unsigned i = DISRUPTION_RELOAD; i <= DISRUPTION_PURGE; i++)
		if (reconciler->disturbs & 1U << i)
			list = arena_printf(arena, "%s%s\"%s\"", list ? list : "", list ? ", " : "",
					disruption_name((enum disruption)i));
	return list;
}

static void check_use(const struct draft *draft, const struct settings *group,
		const struct window *window)
{
	const struct reconciler *reconciler = draft->target.reconciler;

	if (!reconciler || !reconciler->disturbs || (reconciler->disturbs & window->disruptions))
		return;
	mistakes_add(draft->targets->mistakes, setting_place(group, "for"),
			"the window %s in \"windows\" of %s binds nothing that %s targets do: say "
			"for = [ %s ]",
			window->text, draft->label, reconciler->product,
			disruptions_of(draft->targets->arena, reconciler));
}

static void check_windows(const struct draft *draft)
{
	const struct settings *settings = draft->target.settings;
	struct targets *targets = draft->targets;

	for (size_t i = 0; i < setting_count(settings, "windows"); i++) {
		const struct settings *group = setting_item(settings, "windows", i);
		struct window window;
		const char *wrong;
		struct error error;

		if (settings_missing(group, settings_options(group)))
			continue;
		if (!window_read(targets->arena, group, &window, &wrong, &error))
			mistakes_add(targets->mistakes, setting_place(group, wrong),
					"%s in \"windows\" of %s", error.text, draft->label);
		else
			check_use(draft, group, &window);
	}
}

static void check_by_product(const struct draft *draft)
{
	const struct reconciler *reconciler = draft->target.reconciler;
	struct error error;

	if (reconciler->check && !reconciler->check(&draft->target, &error))
		mistakes_add(draft->targets->mistakes, draft->place, "%s: %s", draft->label,
				error.text);
}

static void claim_unique_values(const struct draft *draft)
{
	struct targets *targets = draft->targets;
	const struct settings *settings = draft->target.settings;
	const struct option *option = settings_options(settings);

	for (; option->name; option++) {
		struct claim *claim;

		if (!option->unique || !setting_given(settings, option->name))
			continue;
		targets->claims = arena_with_room(targets->arena, targets->claims,
				targets->claim_count, &targets->claim_size,
				sizeof(*targets->claims));
		claim = &targets->claims[targets->claim_count++];
		claim->option = option;
		claim->value = setting_text(settings, option->name);
		claim->target = draft->label;
		claim->place = setting_place(settings, option->name);
		claim->order = targets->claim_count;
	}
}

static const char *label_of(const struct targets *targets, const config_setting_t *group)
{
	const char *name;

	if (config_setting_lookup_string(group, "name", &name))
		return arena_printf(targets->arena, "target \"%.64s\"", name);
	return "a target without a name";
}

static void read_target(struct draft *draft)
{
	struct targets *targets = draft->targets;
	const size_t mistakes = targets->mistakes->count;
	const char *where = arena_printf(targets->arena, " in %s", draft->label);
	const struct option *options = target_options;
	const struct reconciler *reconciler = NULL;
	struct settings *settings;
	const char *product;

	if (config_setting_lookup_string(draft->group, "product", &product)) {
		reconciler = reconciler_find(product);
		if (reconciler)
			options = product_options(targets, reconciler);
		else
			unknown_product(draft, product);
	}
	settings = settings_new(targets->arena, options, draft->place, draft->tree->directory);
	tree_settings(draft->tree, draft->group, settings, where, NULL, !reconciler);
	draft->target.name = setting_text(settings, "name");
	draft->target.reconciler = reconciler;
	draft->target.settings = settings;

	check_name(draft, "name");
	check_name(draft, "from");
	check_source(draft);
	check_windows(draft);
	claim_unique_values(draft);
	if (!reconciler || targets->mistakes->count > mistakes)
		return;
	check_by_product(draft);
	targets->items = arena_with_room(targets->arena, targets->items, targets->count,
			&targets->size, sizeof(*targets->items));
	targets->items[targets->count++] = draft->target;
}

void targets_read(struct targets *targets, const struct tree *tree)
{
	static const char wrong[] = "\"targets\" must be a list of groups: ( { ... }, { ... } )";
	const config_setting_t *list =
			config_setting_get_member(config_root_setting(&tree->parsed), "targets");

	if (list && !config_setting_is_list(list)) {
		mistakes_add(targets->mistakes, tree_place(tree, list), wrong);
		return;
	}
	for (int i = 0; list && i < config_setting_length(list); i++) {
		const config_setting_t *group = config_setting_get_elem(list, (unsigned int)i);
		struct draft draft = { .targets = targets, .tree = tree, .group = group };

		draft.place = tree_place(tree, group);
		if (!config_setting_is_group(group)) {
			mistakes_add(targets->mistakes, draft.place, wrong);
			continue;
		}
		draft.label = label_of(targets, group);
		read_target(&draft);
	}
}

/* ---- all of them ---- */

/* Paths are one space, whatever the setting is called; texts are one for each setting. */
static int compare_claims(const struct claim *a, const struct claim *b)
{
	int order = (int)a->option->kind - (int)b->option->kind;

	if (order == 0 && a->option->kind != OPTION_PATH)
		order = strcmp(a->option->name, b->option->name);
	return order == 0 ? strcmp(a->value, b->value) : order;
}

static int sort_claims(const void *a, const void *b)
{
	const struct claim *one = a, *other = b;
	const int order = compare_claims(one, other);

	if (order == 0)
		return one->order < other->order ? -1 : 1;
	return order;
}

static int sort_by_order(const void *a, const void *b)
{
	const struct claim *one = a, *other = b;

	return one->order < other->order ? -1 : 1;
}

/* Sorting brings equal values together; the mistakes come in the order of the files. */
static void find_clashes(struct claim *claims, size_t count, struct mistakes *mistakes)
{
	size_t first = 0;

	qsort(claims, count, sizeof(*claims), sort_claims);
	for (size_t i = 1; i < count; i++) {
		if (compare_claims(&claims[first], &claims[i]) != 0) {
			first = i;
			continue;
		}
		claims[i].taken_by = claims[first].target;
		claims[i].taken_at = claims[first].place;
	}

	qsort(claims, count, sizeof(*claims), sort_by_order);
	for (size_t i = 0; i < count; i++) {
		const struct claim *claim = &claims[i];

		if (claim->taken_by)
			mistakes_add(mistakes, claim->place,
					"\"%s\" in %s: \"%s\" is taken by %s at %s:%u",
					claim->option->name, claim->target, claim->value,
					claim->taken_by, claim->taken_at.file,
					claim->taken_at.line);
	}
}

void targets_finish(struct targets *targets, const struct target **all, size_t *count)
{
	const size_t mistakes = targets->mistakes->count;

	if (targets->claim_count > 0)
		find_clashes(targets->claims, targets->claim_count, targets->mistakes);
	/* A target that is left out for a mistake cannot be found. */
	if (mistakes == 0) {
		names_check(targets->arena, targets->items, targets->count, targets->mistakes);
		order_check(targets->arena, targets->items, targets->count, targets->mistakes);
		rivals_check(targets->arena, targets->items, targets->count, targets->mistakes);
	}
	*all = targets->items;
	*count = targets->count;
}
