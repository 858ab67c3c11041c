/* Publishing files: find what is there, compare it with what the plan says, prepare the
 * new generation, and flip. What is done by each method is in publish-*.c. */
#define _GNU_SOURCE
#include <string.h>

#include "controller/apply/job.h"
#include "controller/apply/prune.h"
#include "controller/apply/publish.h"

bool changed_meanwhile(const struct publishing *p, struct error *error)
{
	return fail(error, ERROR_RETRY, "%s was changed meanwhile", p->place->publish);
}

static struct words file_names(struct arena *arena, const struct file_step *step)
{
	struct words names = { .items = arena_new_many(
					       arena, const char *, step->files.count + 1) };

	for (size_t i = 0; i < step->files.count; i++)
		if (step->files.items[i].count > 0)
			names.items[names.count++] = step->files.items[i].items[0];
	return names;
}

static bool publish(const struct publishing *p, struct error *error)
{
	switch (p->place->method) {
	case METHOD_LINK:
		return link_publish(p, error);
	case METHOD_EXCHANGE:
		return exchange_publish(p, error);
	case METHOD_FIXED:
		return fixed_publish(p, error);
	}
	return fail(error, ERROR_INTERNAL, "no such method");
}

/* Is the very same already in service, and whole? */
static bool is_in_service(const struct publishing *p)
{
	return p->found->state == FOUND_PUBLISHED &&
			is_generation(p->found->generation, p->step->generation) &&
			manifest_equal(&p->found->manifest, p->manifest) &&
			manifest_holds(p->arena, &p->found->manifest, p->found->directory, NULL);
}

bool file_take(struct job *job, struct arena *arena, const struct step *step, struct error *error)
{
	autodone(place) struct place place = { .parent = -1, .store = -1 };
	autodone(found) struct found found = { .directory = -1 };
	struct manifest manifest;
	struct file_step file;
	const struct publishing p = { .arena = arena,
		.place = &place,
		.step = &file,
		.found = &found,
		.contents = job->contents,
		.manifest = &manifest };

	file_step_read(arena, step, &file);
	if (!place_open(arena, file.publish, file.method, &place, error))
		return false;
	if (file.files.count == 0)
		return prune(arena, &place, file.keep, &job->plan, error);
	if (!place_make_store(&place, error))
		return false;
	if (place.method == METHOD_EXCHANGE && !exchange_settle(arena, &place, error))
		return false;
	if (!place_look(arena, &place, file_names(arena, &file), &found, error))
		return false;
	if (!file.replaces || strcmp(file.replaces, found.replaces) != 0)
		return changed_meanwhile(&p, error);
	if (!generation_plan(arena, &file, job->contents, &found, &manifest, error))
		return false;
	manifest.credential = job->plan.credential;
	if (is_in_service(&p))
		return true;
	return generation_build(arena, &place, &file, job->contents, &manifest, error) &&
			publish(&p, error);
}

static bool put_back(const struct publishing *p, struct error *error)
{
	switch (p->place->method) {
	case METHOD_LINK:
		return link_put_back(p, error);
	case METHOD_EXCHANGE:
		return exchange_put_back(p, error);
	case METHOD_FIXED:
		return fixed_put_back(p, error);
	}
	return fail(error, ERROR_INTERNAL, "no such method");
}

bool file_put_back(struct arena *arena, const struct step *step, struct error *error)
{
	autodone(place) struct place place = { .parent = -1, .store = -1 };
	autodone(found) struct found found = { .directory = -1 };
	struct file_step file;
	const struct publishing p = {
		.arena = arena, .place = &place, .step = &file, .found = &found
	};

	file_step_read(arena, step, &file);
	if (file.files.count == 0)
		return true; /* pruning is not put back */
	if (!place_open(arena, file.publish, file.method, &place, error))
		return false;
	if (place.store >= 0 && place.method == METHOD_EXCHANGE &&
			!exchange_settle(arena, &place, error))
		return false;
	if (!place_look(arena, &place, file_names(arena, &file), &found, error))
		return false;
	if (!file.replaces || !file.generation)
		return fail(error, ERROR_INTERNAL,
				"a file step that does not say what it replaces");
	/* Fixed names need a look at each file: a crash may have left some of each. Elsewhere
	 * it is enough that nothing of this step is in service: it never was, or it is back, or
	 * somebody else came after it, whose work is not ours to undo. */
	if (place.method != METHOD_FIXED &&
			(strcmp(file.replaces, found.replaces) == 0 ||
					found.state != FOUND_PUBLISHED ||
					!is_generation(found.generation, file.generation)))
		return true;
	return put_back(&p, error);
}
