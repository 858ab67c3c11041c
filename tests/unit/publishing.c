#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/publishing.h"

int scene_begin(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->arena = arena_new();
	scene->directory = directory_new();
	scene->place = arena_printf(scene->arena, "%s/web", scene->directory);
	pair_make(&scene->old, "old.example");
	pair_make(&scene->new, "new.example");
	*state = scene;
	return 0;
}

int scene_end(void **state)
{
	struct scene *scene = *state;

	pair_done(&scene->old);
	pair_done(&scene->new);
	directory_gone(scene->directory);
	arena_free(scene->arena);
	free(scene);
	return 0;
}

const char *file_plan(struct scene *s, const struct pair *pair, const char *method,
		const char *generation, const char *replaces, const char *more)
{
	return arena_printf(s->arena,
			"plan web \"put it into service\"\n"
			"\tcredential %s\n"
			"change file \"publish\"\n"
			"\tpublish %s\n"
			"\tmethod %s\n"
			"\tgeneration %s\n"
			"\tlayout l1\n"
			"\treplaces %s\n"
			"\tfile cert.pem fullchain 0644 - -\n"
			"\tfile key.pem key 0600 - -\n%s",
			pair->digest.hex, s->place, method, generation, replaces, more);
}

void take(struct scene *s, struct conversation *c, const char *plan, long away_at)
{
	struct pair *const pairs[] = { &s->old, &s->new, NULL };

	converse(c, "work apply", plan, pairs, away_at);
}

void expect_end(struct scene *s, const char *plan, const char *end)
{
	autodone(conversation) struct conversation c;

	take(s, &c, plan, NEVER);
	if (strcmp(c.end, end) != 0)
		fail_msg("%s: %s", c.end, failure_in(&c));
}

void expect_undone(struct scene *s, const char *plan, const char *begun)
{
	autodone(conversation) struct conversation c;

	converse(&c, arena_printf(s->arena, "work undo\n\t%s", begun), plan, NULL, NEVER);
	if (strcmp(c.end, "undone") != 0)
		fail_msg("%s: %s", c.end, failure_in(&c));
}

/* The one field of the look's answer, copied; NULL when it is not there. */
const char *looked(struct scene *s, const char *method, const char *field)
{
	autodone(conversation) struct conversation c;
	const char *plan = arena_printf(s->arena,
			"plan web ask\n"
			"ask look look\n"
			"\tname files\n"
			"\tpublish %s\n"
			"\tmethod %s\n"
			"\tfiles cert.pem key.pem\n"
			"\tleaf cert.pem\n",
			s->place, method);
	const struct record *record;

	converse(&c, "work ask", plan, NULL, NEVER);
	assert_string_equal(c.end, "asked");
	record = records_find(&c.said, "answer", "files");
	assert_non_null(record);
	return arena_copy(s->arena, record_text(record, field));
}

void assert_serves(struct scene *s, const struct pair *pair)
{
	autofree char *certificate = read_text(arena_printf(s->arena, "%s/cert.pem", s->place));
	autofree char *key = read_text(arena_printf(s->arena, "%s/key.pem", s->place));

	assert_non_null(certificate);
	assert_non_null(key);
	assert_string_equal(certificate, pair->certificate);
	assert_string_equal(key, pair->key);
}

/* All there is about what a place holds, left-overs beside it included. */
const char *snapshot(struct scene *s)
{
	autodone(buffer) struct buffer text = { 0 };
	static const char *const names[] = { "", "/cert.pem", "/key.pem" };

	for (size_t i = 0; i < 3; i++) {
		const char *path = arena_printf(s->arena, "%s%s", s->place, names[i]);
		autofree char *content = read_text(path);
		char link[4096] = "";
		struct stat facts = { 0 };
		const int found = lstat(path, &facts);

		if (readlink(path, link, sizeof(link) - 1) < 0)
			link[0] = '\0';
		buffer_printf(&text, "%s: %d %o %u %u %s %s\n", names[i], found, facts.st_mode,
				facts.st_uid, facts.st_gid, link, content ? content : "");
	}
	return arena_copy(s->arena, buffer_text(&text));
}

/* ---- what was there before: one state for each way to begin ---- */

const char *before_nothing(struct scene *s, const char *method)
{
	if (strcmp(method, "fixed") == 0)
		assert_int_equal(mkdir(s->place, 0755), 0);
	return "nothing";
}

const char *before_ours(struct scene *s, const char *method)
{
	expect_end(s, file_plan(s, &s->old, method, "g-old", before_nothing(s, method), ""),
			"applied");
	assert_serves(s, &s->old);
	return "g-old";
}

/* Somebody else's files: behind a link for "link", in a directory otherwise. */
const char *before_foreign(struct scene *s, const char *method)
{
	const char *there = strcmp(method, "link") == 0 ? arena_printf(s->arena, "%s.d", s->place)
							: s->place;

	assert_int_equal(mkdir(there, 0750), 0);
	write_text(arena_printf(s->arena, "%s/cert.pem", there), s->old.certificate);
	write_text(arena_printf(s->arena, "%s/key.pem", there), s->old.key);
	if (there != s->place)
		assert_int_equal(symlink(there, s->place), 0);
	assert_string_equal(looked(s, method, "state"), "foreign");
	return looked(s, method, "replaces");
}

/* Ours, but overwritten by hand since. */
const char *before_drifted(struct scene *s, const char *method)
{
	(void)before_ours(s, method);
	write_text(arena_printf(s->arena, "%s/key.pem", s->place), "not a key\n");
	assert_string_equal(looked(s, method, "state"), "published");
	assert_string_equal(looked(s, method, "differs"), "key.pem: the content was changed");
	return looked(s, method, "replaces");
}
