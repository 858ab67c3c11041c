#include "controller/certdrop/state/beginnings.h"

struct beginning {
	struct beginning *next;
	struct arena *arena;
	struct pass_entry entry; /* in the arena: id, target, credential, plan, started */
};

static struct beginning *keep(struct beginnings *beginnings, const struct pass_entry *entry)
{
	struct arena *arena = arena_new();
	struct beginning *beginning = arena_new_of(arena, struct beginning);

	*beginning = (struct beginning){ .next = beginnings->first, .arena = arena };
	beginning->entry = (struct pass_entry){
		.id = ++beginnings->last,
		.target = arena_copy(arena, entry->target),
		.credential = arena_copy(arena, entry->credential),
		.plan = arena_copy(arena, entry->plan),
		.started = entry->started,
	};
	beginnings->first = beginning;
	return beginning;
}

static void forget(struct beginning **link)
{
	struct beginning *beginning = *link;

	*link = beginning->next;
	arena_free(beginning->arena);
}

void beginnings_done(struct beginnings *beginnings)
{
	while (beginnings->first)
		forget(&beginnings->first);
}

static void write_row(const struct beginning *beginning, struct database *database)
{
	const struct pass_entry *entry = &beginning->entry;

	database_note(database,
			"INSERT OR REPLACE INTO pass (id, target, credential, plan, started)"
			" VALUES (?, ?, ?, ?, ?)",
			"ntttn", (long long)entry->id, entry->target, entry->credential,
			entry->plan, entry->started);
}

/* SQLite, if it gave the numbers, would give that of one that was undone once more. */
int64_t beginnings_write(struct beginnings *beginnings, struct database *database,
		const struct pass_entry *entry)
{
	beginnings_restore(beginnings, database);
	write_row(keep(beginnings, entry), database);
	return beginnings->last;
}

void beginnings_restore(struct beginnings *beginnings, struct database *database)
{
	for (const struct beginning *b = beginnings->first; beginnings->undone && b; b = b->next)
		write_row(b, database);
	beginnings->undone = false;
}

void beginnings_end(struct beginnings *beginnings, int64_t pass)
{
	struct beginning **link = &beginnings->first;

	while (*link && (*link)->entry.id != pass)
		link = &(*link)->next;
	if (*link)
		forget(link);
}

void beginnings_committed(struct beginnings *beginnings, bool good)
{
	if (!good)
		beginnings->undone = true;
	else if (!beginnings->undone)
		beginnings_done(beginnings);
}
