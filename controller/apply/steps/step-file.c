/* Publishing files: find what is there, compare it with what the plan says, prepare the
 * new generation, and flip. All but the flip is done ahead, while the go-ahead is on its
 * way, and only looked over when it has come. What is done by each method is in
 * publish-*.c. */
#define _GNU_SOURCE
#include <string.h>

#include "controller/apply/job.h"
#include "controller/apply/publish/prune.h"
#include "controller/apply/publish/publish.h"

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

/* A file step, and what it is about once that is opened. */
struct opened {
	struct file_step file;
	struct place place;
	struct found found;
	struct manifest manifest;
	struct publishing p; /* all of these */
};

static void opened_init(
		struct opened *o, struct job *job, struct arena *arena, const struct step *step)
{
	*o = (struct opened){
		.place = { .parent = -1, .store = -1 },
		.found = { .directory = -1 },
		.p = { .arena = arena,
				.place = &o->place,
				.step = &o->file,
				.found = &o->found,
				.contents = job->contents,
				.manifest = &o->manifest },
	};
	file_step_read(arena, step, &o->file);
}

static void opened_done(struct opened *o)
{
	found_done(&o->found);
	place_done(&o->place);
}

/* All that comes before the publishing itself: the place is as the plan found it, and the
 * new generation is on disk, where nothing reads it yet. */
static bool make_ready(struct opened *o, const struct plan *plan, struct error *error)
{
	const struct publishing *p = &o->p;
	const struct file_step *file = &o->file;

	if (!place_open(p->arena, file->publish, file->method, &o->place, error))
		return false;
	if (!place_make_store(&o->place, error))
		return false;
	if (o->place.method == METHOD_EXCHANGE && !exchange_settle(p->arena, &o->place, error))
		return false;
	if (!place_look(p->arena, &o->place, file_names(p->arena, file), &o->found, error))
		return false;
	if (!file->replaces || strcmp(file->replaces, o->found.replaces) != 0)
		return changed_meanwhile(p, error);
	if (!generation_plan(p->arena, file, p->contents, &o->found, &o->manifest, error))
		return false;
	o->manifest.credential = plan->credential;
	return is_in_service(p) ||
			generation_build(p->arena, &o->place, file, p->contents, &o->manifest,
					error);
}

static bool remove_old(struct opened *o, const struct plan *plan, struct error *error)
{
	return place_open(o->p.arena, o->file.publish, o->file.method, &o->place, error) &&
			prune(o->p.arena, &o->place, o->file.keep, plan, error);
}

bool file_ready(struct job *job, struct arena *arena, const struct step *step, struct error *error)
{
	autodone(opened) struct opened opened;

	opened_init(&opened, job, arena, step);
	return opened.file.files.count == 0 || make_ready(&opened, &job->plan, error);
}

/* Still what it was before? What cannot be found out is not known. */
static bool is_as_found(const struct publishing *p)
{
	autodone(found) struct found now = { .directory = -1 };
	struct error ignored;

	return place_look(p->arena, p->place, file_names(p->arena, p->step), &now, &ignored) &&
			strcmp(now.replaces, p->found->replaces) == 0;
}

bool file_take(struct job *job, struct arena *arena, const struct step *step, bool *untouched,
		struct error *error)
{
	autodone(opened) struct opened opened;

	*untouched = false;
	opened_init(&opened, job, arena, step);
	if (opened.file.files.count == 0)
		return remove_old(&opened, &job->plan, error);
	if (!make_ready(&opened, &job->plan, error)) {
		*untouched = true;
		return false;
	}
	if (is_in_service(&opened.p) || publish(&opened.p, error))
		return true;
	*untouched = is_as_found(&opened.p);
	return false;
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
